"""Rows that bring the tables together, one a variant: the trade-off, and the headline with every attack beside its cost."""

from collections.abc import Iterable, Iterator, Mapping

from remnant.base.results import Row, Value, matching
from remnant.measure.overlaps import OVERALL
from remnant.studies import published
from remnant.studies.kim2019.described import COLUMNS, is_control
from remnant.studies.kim2019.difference_tables import STRONGEST
from remnant.studies.kim2019.identity_tables import FRESH, primary_kind
from remnant.studies.kim2019.records import QUERIED, RAW

# The first yardstick: the paper's adversaries at most so accurate, with an overall Dice at most so much below that of raw scans.
MOST_ACCURATE = 0.60
MOST_LOST = 0.02
OF_PAPER = ("ms_ssim", "d_adv", "d_adv_patch", FRESH)

Tables = dict[str, list[Row]]


def trade_off_rows(tables: Tables) -> Iterator[Row]:
    """Rows of each variant: the strongest of the paper's adversaries on the code by balanced accuracy; the strongest attack of
    all on one code and its map by the area (where any client sent many), and on all that the server sees; either way
    round, since an adversary that errs surely knows the answer.

    `reached`: the first yardstick, None where adversaries have not proved themselves on raw scans. `patients`: on whom that
    attack was measured. `counts`: whether its value says anything, since the attack succeeds, or passed its control; None without
    a control.
    """
    overall = {row["variant"]: row for row in matching(tables["segmentation"], {"class": OVERALL})}
    repeated = any(row["view"] in QUERIED for row in tables["identity"])
    for variant, dice in overall.items():
        everything = [*_of_paper(tables, variant, "auc", every=True), *_redrawn(tables, variant)]
        once = [row for row in everything if row["view"] not in QUERIED]
        for against, candidates in (
            ("paper", [*_of_paper(tables, variant)]),
            *([("once", once)] if repeated else []),
            ("everything", everything),
        ):
            best = max(candidates, key=lambda row: row["value"], default=None)
            if best is None:
                continue
            paper = _published(variant) if against == "paper" else (None, None, None)
            yield {
                **{name: dice[name] for name in COLUMNS},
                "against": against,
                "measure": "balanced" if against == "paper" else "auc",
                **best,
                **_proved(tables, variant),
                "dice": dice["dice"],
                "dice_low": dice["dice_low"],
                "dice_high": dice["dice_high"],
                "loss": dice["loss"],
                "loss_low": dice["loss_low"],
                "loss_high": dice["loss_high"],
                "goal_value": MOST_ACCURATE if against == "paper" else None,
                "goal_loss": MOST_LOST if against == "paper" else None,
                "reached": _reached(tables, variant, best, dice) if against == "paper" else None,
                "published_value": paper[0],
                "published_dice": paper[1],
                "published_loss": paper[2],
            }


def headline_rows(tables: Tables) -> Iterator[Row]:
    """A row a variant: Dice, the paper's strongest adversary, the strongest on code and on map, inversion, age and sex.

    `inverted`: more patients' own scans are found first by what is redrawn of the code than chance would find; `beyond`: some
    attack tells more of the code than of the map.
    """
    everything = {row["variant"]: row for row in matching(tables["trade_off"], {"against": "paper"})}
    for variant, row in everything.items():
        identity = {view: _strongest(tables, variant, view) for view in ("code", "labels")}
        queried = max(
            (strength_columns(found) for found in _views(tables, variant) if found["view"] not in identity),
            key=lambda found: found["value"],
            default={},
        )
        redrawn = {view: _one(tables["inversion"], variant=variant, view=view, sought="own_scan") for view in identity}
        differences = matching(tables["difference"], {"variant": variant, "kind": primary_kind(tables["identity"])})
        against_map = _one(differences, attack=STRONGEST)
        people = _one(tables["people"], variant=variant, view="code")
        yield {
            **{name: row[name] for name in (*COLUMNS, "patients", "dice", "dice_low", "dice_high", "loss", "reached")},
            "paper_attack": row["attack"],
            **{f"paper{end}": row[f"{name}"] for end, name in (("", "value"), ("_low", "low"), ("_high", "high"))},
            **_prefixed("code", identity["code"]),
            **_prefixed("map", identity["labels"]),
            **_prefixed("queried", queried),
            **{name: against_map.get(name) for name in ("difference", "low", "high", "holm_p")},
            "beyond": _any(found["beyond"] for found in differences),
            **_found("code", redrawn["code"]),
            **_found("map", redrawn["labels"]),
            "chance": redrawn["code"].get("chance"),
            **{name: redrawn["code"].get(name) for name in ("ssim", "ssim_mean_image", "mm")},
            "inverted": redrawn["code"].get("found"),
            "r2": people.get("r2"),
            "sex_auc": people.get("sex_auc"),
        }


def strength_columns(row: Row, measure: str = "auc") -> Row:
    """An adversary's `measure` with its interval, turned about 0.5 where it is below, and of how many patients it is."""
    value, low, high = (row[f"{measure}{end}"] for end in ("", "_low", "_high"))
    if value is not None and value < 0.5:
        value, low, high = (None if bound is None else 1 - bound for bound in (value, high, low))
    return {
        "attack": row["attack"],
        "view": row["view"],
        "patients": row["patients"],
        "counts": says_anything(row),
        "value": value,
        "low": low,
        "high": high,
    }


def says_anything(row: Row) -> bool | None:
    """Whether a row of `identity` counts: it tells patients apart, or the adversary passed its control; None without one."""
    return True if row["knows"] else row["counts"]


def _views(tables: Tables, variant: Value) -> list[Row]:
    return matching(
        tables["identity"], {"variant": variant, "kind": primary_kind(tables["identity"]), "strongest": True}
    )


def _of_paper(tables: Tables, variant: Value, measure: str = "balanced", *, every: bool = False) -> Iterator[Row]:
    for row in _views(tables, variant):
        if every or (row["view"] == "code" and row["attack"] in OF_PAPER):
            yield strength_columns(row, measure)


def _redrawn(tables: Tables, variant: Value) -> Iterator[Row]:
    """What was redrawn as an attack on identity: by another visit, as a pair of scans is; by the own scan where there is none."""
    rows = matching(tables["inversion"], {"variant": variant})
    raw = _one(tables["inversion"], variant=RAW, view="code", sought="own_scan").get("found")
    for row in matching(rows, {"sought": "other_visit"}) or rows:
        yield {
            "attack": "redrawn",
            "view": row["view"],
            "patients": row["n"],
            "counts": True if row["found"] else raw,
            "value": row["auc"],
            "low": row["auc_low"],
            "high": row["auc_high"],
        }


def _proved(tables: Tables, variant: Value) -> Row:
    """How many `adversaries` of a variant's code and map there are, and how many `proved` themselves on raw scans.

    Those that did not say nothing by their failure: a low value that rests on them alone is no protection.
    """
    kind = primary_kind(tables["identity"])
    rows = [
        row
        for row in matching(tables["identity"], {"variant": variant, "kind": kind})
        if row["view"] not in QUERIED and row["counts"] is not None
    ]
    return {"adversaries": len(rows), "proved": sum(bool(row["counts"]) for row in rows)}


def _strongest(tables: Tables, variant: Value, view: str) -> Row:
    rows = [strength_columns(row) for row in _views(tables, variant) if row["view"] == view]
    return max(rows, key=lambda row: row["value"], default={})


def _reached(tables: Tables, variant: Value, best: Row, dice: Row) -> bool | None:
    if is_control(dice) or dice["loss"] is None:
        return None
    if best["value"] > MOST_ACCURATE or dice["loss"] > MOST_LOST:
        return False
    fresh = matching(
        tables["identity"],
        {"variant": variant, "view": "code", "kind": primary_kind(tables["identity"]), "attack": FRESH},
    )
    return True if any(row["counts"] for row in fresh) else None


def _published(variant: Value) -> tuple[float | None, float | None, float | None]:
    """The paper's strongest adversary, overall Dice, and what that loses against its raw scans."""
    identity = published.KIM2019_IDENTITY.get(str(variant), {})
    told = [value for attack, value in identity.items() if attack in OF_PAPER]
    if not told:
        return None, None, None
    dice, raw = (published.KIM2019_DICE[name]["overall"] for name in (str(variant), RAW))
    return max(told), dice, raw - dice


def _prefixed(name: str, found: Mapping[str, Value]) -> Row:
    return {
        f"{name}_attack": found.get("attack"),
        f"{name}_patients": found.get("patients"),
        **{f"{name}{end}": found.get(column) for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))},
    }


def _found(name: str, row: Row) -> Row:
    columns = ("rank1_count", "n", "rank1", "rank1_low", "rank1_high")
    return {f"{name}_{column}": row.get(column) for column in columns}


def _any(verdicts: Iterable[Value]) -> bool | None:
    """Whether any holds; None where none was to be had."""
    known = [verdict for verdict in verdicts if verdict is not None]
    return any(known) if known else None


def _one(rows: list[Row], **where: Value) -> Row:
    return next(iter(matching(rows, where)), {})
