"""What of an audit's tables is withheld outside the house: whole curves and whole traits, of which a part gives the rest back."""

from collections.abc import Mapping, Sequence

from remnant.base.findings import Finding
from remnant.base.results import Row, Value
from remnant.report.few import share_small, small
from remnant.report.few_rows import GROUP_COUNTS
from remnant.report.withheld import members_of, of_few, of_few_values

SIDES = ("members", "non_members")
CURVES = {"roc": "the ROC curve", "roc_low": "ROC curves at low false positive rates"}
GROUPS_BY_TRAIT = "exposure_groups"
CATEGORY = ": "  # between a trait and what of it a row counts


def row_told(row: Row, few: Sequence[Finding]) -> Row:
    """A row of a table; of the attack and view of one of the `few` findings without its numbers but for those of patients."""
    keys = {(one.attack, one.view) for one in few}
    if (row.get("attack", row.get("attribute")), row.get("view")) not in keys:
        return row
    return {name: value if isinstance(value, str) or name in GROUP_COUNTS else None for name, value in row.items()}


def curves_told(
    tables: Mapping[str, list[Row]], findings: Sequence[Finding], smallest: int
) -> tuple[dict[str, list[Row]], list[str]]:
    """ROC curves by the name of their table, whole and at low rates, and in words those that are withheld.

    A curve goes whole where any point of it has few members above the threshold, or below: the points that are left would draw
    another curve.
    """
    told, withheld = {}, []
    for name, words in CURVES.items():
        curves: dict[tuple[Value, Value], list[Row]] = {}
        for row in tables.get(name, []):
            curves.setdefault((row["attack"], row["view"]), []).append(row)
        gone = [keys for keys, curve in curves.items() if smallest > 1 and _curve_few(keys, curve, findings, smallest)]
        told[name] = [row for keys, curve in curves.items() if keys not in gone for row in curve]
        # Of a curve at low rates hardly any may leave, and the curve itself is named already.
        withheld += (
            [f"{words} of {attack}, {view}" for attack, view in gone] if name == "roc" else [words] if gone else []
        )
    return told, withheld


def balance_told(rows: Sequence[Row], sizes: Mapping[str, Value], smallest: int) -> tuple[list[Row], dict[str, str]]:
    """Traits of both groups, and the names of categories that go, each with the name of its trait.

    Of a trait with a small cell all rows go, and the names of its categories: the last is what the others leave of 1. `sizes`:
    of the groups, by name.
    """
    traits: dict[str, list[Row]] = {}
    for row in rows:
        traits.setdefault(str(row["trait"]).split(CATEGORY)[0], []).append(row)
    told: list[Row] = []
    gone: dict[str, str] = {}
    for trait, own in traits.items():
        if smallest > 1 and _trait_few(own, sizes, smallest):
            told.append(dict.fromkeys(own[0]) | {"trait": trait})
            gone |= {str(row["trait"]): trait for row in own if row["trait"] != trait}
        else:
            told += own
    return told, gone


def groups_told(tables: Mapping[str, list[Row]], patients: Value, smallest: int) -> dict[str, list[Row]]:
    """The tables, where groups of patients by traits stand without those of a trait that has a group of fewer, or leaves so few
    of all `patients` out: what the others have gives that group's mean back."""
    told = dict(tables)
    if rows := tables.get(GROUPS_BY_TRAIT):
        counts: dict[Value, list[float]] = {}
        for row in rows:
            counts.setdefault(row["trait"], []).append(float(row["patients"] or 0))
        left = {trait: float(patients or 0) - sum(own) for trait, own in counts.items()}
        few = {trait for trait, own in counts.items() if any(small(one, smallest, None) for one in (*own, left[trait]))}
        told[GROUPS_BY_TRAIT] = [row for row in rows if row["trait"] not in few]
    return told


def _curve_few(keys: tuple[Value, Value], curve: Sequence[Row], findings: Sequence[Finding], smallest: int) -> bool:
    """Whether a curve is withheld; one of nobody knows how many members is."""
    own = [one for one in findings if (one.attack, one.view) == keys]
    members = next((found for one in own if (found := members_of(one))), None)
    return (
        members is None
        or any(of_few(one, smallest) or of_few_values(one, smallest) for one in own)
        # An older version left points out.
        or any(row["tpr"] is None for row in curve)
        or any(share_small(float(row["tpr"]), 0.0, members, smallest, between=True) for row in curve)
        # No member, or every one, beside some of the others.
        or any(float(row["tpr"]) in (0.0, 1.0) and 0 < float(row["fpr"]) < 1 for row in curve)
    )


def _trait_few(rows: Sequence[Row], sizes: Mapping[str, Value], smallest: int) -> bool:
    """Whether a trait has a small cell, what its categories leave of everybody included.

    Nobody beside somebody is one: who has such a category, or lacks it, is known by it to be of the other group.
    """
    if any(row[side] is None or row[f"{side}_known"] is None for row in rows for side in SIDES):
        return True
    shares = [tuple(float(row[side]) for side in SIDES) for row in rows]
    known = [rows[0][f"{side}_known"] for side in SIDES]
    if any(small(row[f"{side}_known"], smallest, sizes.get(side)) for row in rows for side in SIDES):
        return True
    categories = [tuple(float(row[side]) for side in SIDES) for row in rows if CATEGORY in str(row["trait"])]
    if categories:
        shares.append(tuple(round(1 - sum(side), 9) for side in zip(*categories, strict=True)))
    return any(
        any(share_small(share, 0.0, total, smallest) for share, total in zip(pair, known, strict=True))
        or _one_sided(*pair)
        for pair in shares
    )


def _one_sided(first: float, second: float) -> bool:
    """Whether of two shares one is nobody's or everybody's, and the other is not."""
    return first != second and all(0 <= share <= 1 for share in (first, second)) and bool({first, second} & {0.0, 1.0})
