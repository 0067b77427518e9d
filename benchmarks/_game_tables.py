"""The table `game`, of the study's own tables: what each variant hides, what it costs, and whether it reached what was asked."""

from collections.abc import Iterator, Mapping, Sequence

from remnant.base.results import Row, Value, matching
from remnant.measure.overlaps import OVERALL
from remnant.studies.kim2019.summary_tables import Tables
from remnant.studies.kim2019.variants import is_control

# What was asked of a game before any was played: accuracy of the discriminator by patch, either way round; AUC of a fresh one on
# the code above that on the code's own segmentation; Dice below raw scans by the same recipe.
MOST_ACCURATE, MOST_BEYOND, MOST_LOST = 0.55, 0.02, 0.02
FRESH, PATCH = "d_new", "d_adv_patch"
# Readings of the discriminator that the encoder was trained against: by patch as the paper judges it, by whole codes, and of
# BatchNorm with the statistics of the final codes.
READINGS = (PATCH, "d_adv", f"{PATCH}_recalibrated", "d_adv_recalibrated")
ENDS = ("", "_low", "_high")


def game_rows(tables: Tables, described: Mapping[str, Row], seed: int) -> Iterator[Row]:
    """A row a variant, of one seed, of the study's tables `identity`, `difference`, `segmentation` and `inversion`.

    AUCs are either way round: an adversary that errs surely knows the answer. `strength`: the larger of the strongest ones on the
    code and on its own segmentation, since whoever holds the segmenter has both. `counts`: the fresh adversary told raw
    scans with a balanced accuracy of 0.95. `reached` and its three parts: None for raw scans and where nothing counts.
    """
    for variant, words in described.items():
        own = {"variant": variant, "strongest": True}
        code, labels = (matching(tables["identity"], {**own, "view": view}) for view in ("code", "labels"))
        dice = _one(tables["segmentation"], variant=variant, **{"class": OVERALL})
        fresh, beside = _one(code, attack=FRESH), _one(labels, attack=FRESH)
        beyond = _one(tables["difference"], variant=variant, attack=FRESH)
        drawn = _one(tables["inversion"], variant=variant, view="code", sought="own_scan")
        row: Row = {"seed": seed, **words, "patients": fresh.get("patients")}
        row |= {f"{name}{end}": dice.get(f"{name}{end}") for name in ("dice", "loss") for end in ENDS}
        for reading in READINGS:
            found = _one(code, attack=reading)
            row |= {f"{reading}{end}": found.get(f"balanced{end}") for end in ENDS}
            row |= {f"{reading}_auc": found.get("auc"), f"{reading}_control": found.get("control")}
        row |= _auc("fresh_code", fresh) | _auc("fresh_segmentation", beside)
        row |= {
            "fresh_code_balanced": fresh.get("balanced"),
            "control": fresh.get("control"),
            "counts": fresh.get("counts"),
        }
        row |= {f"beyond{end}": beyond.get(name) for end, name in zip(ENDS, ("difference", "low", "high"), strict=True)}
        most = {"code": _most(code), "segmentation": _most(labels)}
        row |= {f"strength_{view}": value for view, value in most.items()}
        row["strength"] = max((value for value in most.values() if value is not None), default=None)
        row |= {
            f"inversion_{name}": drawn.get(name)
            for name in ("rank1_count", "n", "chance", "p", "auc", "ssim", "ssim_mean_image")
        }
        yield row | _reached(row)


def summary_rows(rows: Sequence[Row]) -> Iterator[Row]:
    """A row a variant over all seeds: the mean, the least and the most of what its rows say, and how many of them reached all."""
    for variant in dict.fromkeys(row["variant"] for row in rows):
        own = matching(list(rows), {"variant": variant})
        told = {name: own[0][name] for name in ("variant", "name", "recipe", "lambda")}
        judged = [row["reached"] for row in own if row["reached"] is not None]
        told |= {"seeds": len(own), "judged": len(judged), "reached": sum(map(bool, judged))}
        for name in ("dice", "loss", *READINGS, "fresh_code", "fresh_segmentation", "beyond", "strength", "control"):
            values = [float(row[name]) for row in own if row[name] is not None]
            told |= {
                name: sum(values) / len(values) if values else None,
                f"{name}_least": min(values, default=None),
                f"{name}_most": max(values, default=None),
            }
        yield told


def _reached(row: Row) -> Row:
    parts: dict[str, Value] = dict.fromkeys(("hidden", "within", "kept"))
    if not is_control(row) and row["counts"]:
        parts = {
            "hidden": _at_most(_turned(row[PATCH]), MOST_ACCURATE),
            "within": _at_most(row["beyond"], MOST_BEYOND),
            "kept": _at_most(row["loss"], MOST_LOST),
        }
    known = None not in parts.values()
    return {**parts, "reached": all(parts.values()) if known else None}


def _at_most(value: Value, most: float) -> bool | None:
    return None if value is None else bool(float(value) <= most)


def _turned(value: Value) -> float | None:
    return None if value is None else max(float(value), 1 - float(value))


def _auc(name: str, found: Row) -> Row:
    value, low, high = (found.get(f"auc{end}") for end in ENDS)
    if value is not None and float(value) < 0.5:
        value, low, high = (None if bound is None else 1 - float(bound) for bound in (value, high, low))
    return dict(zip((f"{name}{end}" for end in ENDS), (value, low, high), strict=True))


def _most(rows: Sequence[Row]) -> float | None:
    return max((turned for row in rows if (turned := _turned(row["auc"])) is not None), default=None)


def _one(rows: Sequence[Row], **where: Value) -> Row:
    return next(iter(matching(list(rows), where)), {})
