"""Rows of the second yardstick: what an attack on the code tells beyond the same attack on the segmentation map alone."""

from collections.abc import Iterator, Mapping, Sequence

from remnant.audit.compare import difference_columns, with_holm
from remnant.base.results import Row, Value
from remnant.base.seeds import Seeds
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.intervals import FEWEST
from remnant.measure.verification import verification_contrast
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.identity_tables import FRESH, Pairs, Verified
from remnant.studies.kim2019.inversion_tables import SOUGHT, searched
from remnant.studies.kim2019.records import Inversion

LEVEL = 0.05  # two-sided, after Holm over all attacks and variants; the direction is asked for besides
REDRAWN = {"own_scan": "redrawn", "other_visit": "redrawn_other_visit"}
RESAMPLES = 5000  # so that the smallest p-value survives Holm over as many rows
STRONGEST = "strongest"


def difference_rows(
    views: Sequence[Verified], inversions: Sequence[Inversion], kind: Value, described: Mapping[str, Row], seeds: Seeds
) -> list[Row]:
    """A row a variant, kind of pairs and attack: its area on the code, on the map, and the difference over the same pairs.

    Attacks: the strongest adversary of each view, whatever it is; the strongest fresh one; and what was redrawn of scans whose
    pairs are of `kind`, sought among all patients. `beyond`: the code tells more than the map, after Holm over all attacks and
    variants of a kind but the raw scans; None where patients are too few for a verdict.
    """
    rows = [*_of_pairs(views, described, seeds), *_of_redrawn(inversions, kind, described, seeds)]
    rows.sort(key=lambda row: [*described].index(str(row["variant"])))
    for family in {row["kind"]: None for row in rows}:
        judged = [row for row in rows if row["kind"] == family and not is_control(row)]
        for row, adjusted in zip(judged, with_holm(judged), strict=True):
            p, enough = adjusted["holm_p"], row["patients"] >= FEWEST
            told = p is not None and p <= LEVEL and row["low"] > 0
            row |= adjusted | {"beyond": told if enough else None}
    return rows


def _of_pairs(views: Sequence[Verified], described: Mapping[str, Row], seeds: Seeds) -> Iterator[Row]:
    by_view = {(view.identity.variant, view.identity.kind, view.identity.view): view for view in views}
    for variant, kind in dict.fromkeys((view.identity.variant, view.identity.kind) for view in views):
        code, labels = (by_view.get((variant, kind, view)) for view in ("code", "labels"))
        if code is None or labels is None:
            continue
        chosen = {STRONGEST: (code.winner, labels.winner)}
        if FRESH in code.strongest and FRESH in labels.strongest:
            chosen[FRESH] = (code.strongest[FRESH], labels.strongest[FRESH])
        for attack, (on_code, on_map) in chosen.items():
            key = {**described[variant], "kind": kind, "attack": attack, "on_code": on_code, "on_map": on_map}
            yield key | _contrast(code.pairs(on_code), labels.pairs(on_map), seeds.child(variant, kind, attack))


def _of_redrawn(
    inversions: Sequence[Inversion], kind: Value, described: Mapping[str, Row], seeds: Seeds
) -> Iterator[Row]:
    by_view = {(each.variant, each.view): each for each in inversions}
    for variant in dict.fromkeys(each.variant for each in inversions):
        for sought in SOUGHT:
            searches = [
                searched(by_view[variant, view], sought) if (variant, view) in by_view else None
                for view in ("code", "labels")
            ]
            if None in searches:
                continue
            attack = REDRAWN[sought]
            key = {**described[variant], "kind": kind, "attack": attack, "on_code": attack, "on_map": attack}
            code, labels = (search.pairs for search in searches if search)
            yield key | _contrast(code, labels, seeds.child(variant, attack))


def _contrast(code: Pairs, labels: Pairs, seeds: Seeds) -> Row:
    found = verification_contrast(code.scores, labels.scores, code.patients, seeds.numpy(), resamples=RESAMPLES)
    return {
        "patients": found.n,
        "auc_code": _area(code),
        "auc_map": _area(labels),
        **difference_columns(found),
        "holm_p": None,
        "holm_p_bound": None,
        "beyond": None,
    }


def _area(pairs: Pairs) -> float:
    same = pairs.patients[:, 0] == pairs.patients[:, 1]
    return mann_whitney_auc(pairs.scores[same], pairs.scores[~same]).mean
