"""Rows that bring the tables together, one a variant: the trade-off, and the headline with every attack beside its cost."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.base.findings import Finding
from remnant.base.results import Row, Value, matching
from remnant.base.terms import MAPS
from remnant.measure.overlaps import OVERALL
from remnant.studies import published
from remnant.studies.judged import exposed_of
from remnant.studies.kim2019.difference_tables import STRONGEST
from remnant.studies.kim2019.identity_tables import FRESH, QUERIED, primary_kind
from remnant.studies.kim2019.variants import COLUMNS, RAW, is_control

# The first yardstick: the paper's adversaries at most so accurate, with an overall Dice at most so much below that of raw scans.
MOST_ACCURATE = 0.60
MOST_LOST = 0.02
OF_PAPER = ("ms_ssim", "d_adv", "d_adv_patch", FRESH)
ENDS = ("", "_low", "_high")

Tables = dict[str, list[Row]]
# Of which variant a claim exposes patients, and in which view.
Exposures = set[tuple[str, str, str]]


def exposures(findings: Sequence[Finding], described: Mapping[str, Row]) -> Exposures:
    """Variant, claim and view ("code", "labels", those of many codes) of what exposes patients; of pairs those of the study's
    own kind."""
    of = {row["name"]: variant for variant, row in described.items()}
    return {(of[one.target], one.claim, view_of(one.view)) for one in exposed_of(findings) if not one.where}


def view_of(words: str) -> str:
    """The view that a finding calls so."""
    many = next((name for ending, name in QUERIED.items() if words.endswith(ending)), "")
    return many or ("labels" if words == MAPS else "code")


def trade_off_rows(tables: Tables, exposed: Exposures) -> Iterator[Row]:
    """Rows of each variant: the strongest of the paper's adversaries on the code by balanced accuracy; the strongest attack of
    all on one code and its segmentation by the AUC (where any client sent many), and on all that the server sees; either way
    round, since an adversary that errs surely knows the answer.

    `reached`: the first yardstick, None where adversaries have not proved themselves on raw scans. `counts`: whether its value
    says anything, since its view exposes patients, or it passed its control; None without a control.
    """
    overall = {row["variant"]: row for row in matching(tables["segmentation"], {"class": OVERALL})}
    repeated = any(row["view"] in QUERIED.values() for row in tables["identity"])
    for variant, dice in overall.items():
        rows = _strongest(tables, variant)
        everything = [*(_strength(row, exposed) for row in rows), *_redrawn(tables, variant, exposed)]
        of_paper = [row for row in rows if row["view"] == "code" and row["attack"] in OF_PAPER]
        for against, candidates in (
            ("paper", [_strength(row, exposed, "balanced") for row in of_paper]),
            *([("once", [row for row in everything if row["view"] in ("code", "labels")])] if repeated else []),
            ("everything", everything),
        ):
            best = max(candidates, key=lambda row: row["value"], default=None)
            if best is None:
                continue
            paper = against == "paper"
            yield {
                **{name: dice[name] for name in COLUMNS},
                "against": against,
                "measure": "balanced" if paper else "auc",
                **best,
                **{f"{name}{end}": dice[f"{name}{end}"] for name in ("dice", "loss") for end in ENDS},
                "goal_value": MOST_ACCURATE if paper else None,
                "goal_loss": MOST_LOST if paper else None,
                "reached": _reached(tables, variant, best, dice) if paper else None,
                **(_published(variant) if paper else dict.fromkeys(PUBLISHED)),
            }


def headline_rows(tables: Tables, exposed: Exposures) -> Iterator[Row]:
    """A row a variant: Dice, the paper's strongest adversary, the strongest on code and on segmentation, reconstructions.

    `inverted`: reconstructions from the code identify more patients than chance would; `beyond`: some attack tells more of the
    code than of the segmentation.
    """
    for row in matching(tables["trade_off"], {"against": "paper"}):
        variant = row["variant"]
        rows = [_strength(one, exposed) for one in _strongest(tables, variant)]
        parts = {"code": ("code",), "map": ("labels",), "queried": tuple(QUERIED.values())}
        most = {
            part: max((one for one in rows if one["view"] in views), key=lambda one: one["value"], default={})
            for part, views in parts.items()
        }
        drawn = {
            part: _one(tables["inversion"], variant=variant, view=view, sought="own_scan")
            for part, view in (("code", "code"), ("map", "labels"))
        }
        differences = matching(tables["difference"], {"variant": variant, "kind": primary_kind(tables["identity"])})
        against_map = _one(differences, attack=STRONGEST)
        yield {
            **{name: row[name] for name in (*COLUMNS, "patients", "dice", "dice_low", "dice_high", "loss", "reached")},
            "paper_attack": row["attack"],
            **{f"paper{end}": row[column] for end, column in zip(ENDS, ("value", "low", "high"), strict=True)},
            **{column: value for part, found in most.items() for column, value in _prefixed(part, found).items()},
            **{column: against_map.get(column) for column in ("difference", "low", "high", "holm_p")},
            "beyond": _any(found["beyond"] for found in differences),
            **{
                f"{part}_{column}": found.get(column)
                for part, found in drawn.items()
                for column in ("rank1_count", "n", "rank1", "rank1_low", "rank1_high")
            },
            **{column: drawn["code"].get(column) for column in ("chance", "ssim", "ssim_mean_image")},
            "inverted": (str(variant), CODE_INVERSION.claim, "code") in exposed if drawn["code"] else None,
        }


def _strongest(tables: Tables, variant: Value) -> list[Row]:
    where = {"variant": variant, "kind": primary_kind(tables["identity"]), "strongest": True}
    return matching(tables["identity"], where)


def _strength(row: Row, exposed: Exposures, measure: str = "auc") -> Row:
    """An adversary's `measure` with its interval, turned about 0.5 where it is below, and of how many patients it is."""
    value, low, high = (row[f"{measure}{end}"] for end in ENDS)
    if value is not None and value < 0.5:
        value, low, high = (None if bound is None else 1 - bound for bound in (value, high, low))
    return {
        "attack": row["attack"],
        "view": row["view"],
        "patients": row["patients"],
        "counts": True if (row["variant"], "pair_scores", row["view"]) in exposed else row["counts"],
        "value": value,
        "low": low,
        "high": high,
    }


def _redrawn(tables: Tables, variant: Value, exposed: Exposures) -> Iterator[Row]:
    """Reconstructions as an attack on identity: by another visit, as a pair of scans is; by the own scan where there is none."""
    rows = matching(tables["inversion"], {"variant": variant})
    raw = (RAW, CODE_INVERSION.claim, "code") in exposed
    for row in matching(rows, {"sought": "other_visit"}) or rows:
        yield {
            "attack": "redrawn",
            "view": row["view"],
            "patients": row["n"],
            "counts": True if (row["variant"], CODE_INVERSION.claim, row["view"]) in exposed else raw,
            "value": row["auc"],
            "low": row["auc_low"],
            "high": row["auc_high"],
        }


def _reached(tables: Tables, variant: Value, best: Row, dice: Row) -> bool | None:
    if is_control(dice) or dice["loss"] is None:
        return None
    if best["value"] > MOST_ACCURATE or dice["loss"] > MOST_LOST:
        return False
    where = {"variant": variant, "view": "code", "kind": primary_kind(tables["identity"]), "attack": FRESH}
    return True if any(row["counts"] for row in matching(tables["identity"], where)) else None


PUBLISHED = ("published_value", "published_dice", "published_loss")


def _published(variant: Value) -> Row:
    """The paper's strongest adversary, overall Dice, and what that loses against its raw scans."""
    identity = published.KIM2019_IDENTITY.get(str(variant), {})
    told = [value for attack, value in identity.items() if attack in OF_PAPER]
    if not told:
        return dict.fromkeys(PUBLISHED)
    dice, raw = (published.KIM2019_DICE[name]["overall"] for name in (str(variant), RAW))
    return dict(zip(PUBLISHED, (max(told), dice, raw - dice), strict=True))


def _prefixed(name: str, found: Mapping[str, Value]) -> Row:
    columns = zip(("_attack", "_patients", *ENDS), ("attack", "patients", "value", "low", "high"), strict=True)
    return {f"{name}{end}": found.get(column) for end, column in columns}


def _any(verdicts: Iterable[Value]) -> bool | None:
    """Whether any holds; None where none was to be had."""
    known = [verdict for verdict in verdicts if verdict is not None]
    return any(known) if known else None


def _one(rows: list[Row], **where: Value) -> Row:
    return next(iter(matching(rows, where)), {})
