"""Rows of the second yardstick: what an attack on the code tells beyond the same attack on the segmentation alone."""

from collections.abc import Mapping, Sequence

from remnant.audit.findings.compare import Comparison, comparison_rows, of_pairs
from remnant.audit.findings.pairs import Paired
from remnant.base.results import Row, Value
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.studies.kim2019.identity_tables import FRESH, JudgedPairs, strongest_of
from remnant.studies.kim2019.inversion_tables import SOUGHT, as_pairs, searched
from remnant.studies.kim2019.subjects import AuditedVariant
from remnant.studies.kim2019.variants import is_control

REDRAWN = {"own_scan": "redrawn", "other_visit": "redrawn_other_visit"}
STRONGEST = "strongest"


def difference_rows(
    judged: Sequence[JudgedPairs],
    subjects: Sequence[AuditedVariant],
    others: Images,
    kind: Value,
    described: Mapping[str, Row],
    seeds: Seeds,
) -> list[Row]:
    """A row a variant, kind of pairs and attack: its AUC on code and segmentation, and the difference over the same pairs.

    Attacks: the strongest adversary of each view, whatever it is; the strongest fresh one; and what was reconstructed, sought
    among all patients' scans, which are of `kind`. `beyond`: the code tells more, after Holm over all attacks and variants of a
    kind but the raw scans; None where patients are too few to tell.
    """
    compared = [*_of_pairs(judged, described, seeds), *_of_redrawn(subjects, others, kind, described, seeds)]
    families: dict[tuple[Value, bool], list[tuple[Row, Comparison]]] = {}
    for key, one in compared:
        families.setdefault((key["kind"], is_control(key)), []).append((key, one))
    rows = [row for family in families.values() for row in comparison_rows(family)]
    told = {"higher": True, "lower": False, "not shown": False}
    rows = [row | {"beyond": told.get(str(row["shown"]))} for row in rows]
    return sorted(rows, key=lambda row: [*described].index(str(row["variant"])))


def _of_pairs(
    judged: Sequence[JudgedPairs], described: Mapping[str, Row], seeds: Seeds
) -> list[tuple[Row, Comparison]]:
    found, strongest = [], strongest_of(judged)
    for variant, kind in dict.fromkeys((one.variant, one.kind) for one in judged):
        sides = [
            {key[3]: one for key, one in strongest.items() if key[:3] == (variant, view, kind)}
            for view in ("code", "labels")
        ]
        if not all(sides):
            continue
        chosen = {STRONGEST: tuple(max(side.values(), key=lambda one: one.found.strength) for side in sides)}
        if all(FRESH in side for side in sides):
            chosen[FRESH] = tuple(side[FRESH] for side in sides)
        for attack, (code, labels) in chosen.items():
            key = {"kind": kind, "attack": attack, "on_code": code.adversary, "on_map": labels.adversary}
            both = (_turned(one) for one in (code, labels))
            found.append(({**described[variant], **key}, of_pairs(*both, seeds.child(variant, kind, attack))))
    return found


def _turned(one: JudgedPairs) -> Paired:
    """The scores of an adversary that is wrong, the other way round: whoever is surely wrong knows the answer."""
    sign = -1 if one.found.auc.mean < 0.5 else 1
    return Paired(**{**vars(one.pairs), "scores": sign * one.pairs.scores})


def _of_redrawn(
    subjects: Sequence[AuditedVariant], others: Images, kind: Value, described: Mapping[str, Row], seeds: Seeds
) -> list[tuple[Row, Comparison]]:
    found = []
    for subject in subjects:
        for sought in SOUGHT:
            searches = {view: searched(claims[0], others, sought) for view, claims in subject.drawn.items()}
            if len(searches) < 2 or None in searches.values():
                continue
            attack = REDRAWN[sought]
            key = {"kind": kind, "attack": attack, "on_code": attack, "on_map": attack}
            code, labels = (as_pairs(search, view) for view, search in searches.items() if search)
            branch = seeds.child(subject.variant, attack)
            found.append(({**described[subject.variant], **key}, of_pairs(code, labels, branch)))
    return found
