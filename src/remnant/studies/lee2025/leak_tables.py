"""Rows that tell leak from prior: members against non-members by every method, and methods and targets against each other."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType

import numpy as np

from remnant.audit.compare import with_holm
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.membership import along_ranks, membership
from remnant.measure.multiplicity import holm, holm_is_bound
from remnant.measure.pull import Gain, gain_beyond
from remnant.studies.columns import interval_columns
from remnant.studies.lee2025.scores import ATTACK, Audited, Pair, contrast_columns
from remnant.studies.lee2025.settings import CLASSES, CONTROL, METHODS_OF_ALL, RIVALS

# Of the gain beyond the controls, one-sided, after Holm over everything that the verdict looks at.
LEVEL = 0.025
# Balanced accuracy on validation patients, below which a target learned too little to be compared: what learned nothing leaks
# nothing.
USEFUL = 0.7
RESAMPLES = 2000  # of each row's interval and p-value: there are hundreds of rows

Tables = dict[str, list[Row]]
Key = tuple[str, str, str]  # target, method and space
PRIMARY = "target_features"
GAIN = ("gain", "gain_low", "gain_high", "gain_p", "gain_detectable", "compared", "gain_p_bound")
VERDICT = ("controls", "beyond_p", "beyond_p_bound", "holm_p", "holm_p_bound", "flagged")


def shares(audits: Sequence[Audited], controls: Sequence[str]) -> dict[Key, float]:
    """Which share of `LEVEL` each row that the verdict looks at has, by target, method and space: those of `with_verdicts`."""
    keys = [
        (audit.target, method, space)
        for audit in audits
        for method in audit.found
        if method not in RIVALS
        for space in audit.spaces
    ]
    families = [[key for key in keys if (key[0] in controls) == family] for family in (True, False)]
    return {key: share for family in families for key, share in zip(family, _shares(family), strict=True)}


def _shares(keys: Sequence[Key]) -> list[float]:
    """Half of the level is for the primary tests: in the target's own features, the methods that are run on every target.

    That is where an attack knows most of its target, and was chosen before any was seen. Equal shares among a hundred rows
    would leave each so little that a leak had to be gross. The other half is for all others together, and the whole for either
    where the other is missing.
    """
    primary = [method in METHODS_OF_ALL and space == PRIMARY for _, method, space in keys]
    kinds = 1 + (any(primary) and not all(primary))
    return [1 / kinds / primary.count(one) for one in primary]


def leak_rows(audit: Audited, seeds: Seeds, share: Mapping[Key, float] = MappingProxyType({})) -> list[Row]:
    """A row a place, method and set: `all` candidates, which the verdict is about, and of whole images the `likely` ones.

    `difference` is of the mean similarities, members minus non-members. Of whole images and all candidates, `gain` is
    `gain_beyond` the untuned prior, with `compared` candidates of each, and `class_gain` that beyond the search for images of
    a class (GMI), which uses no stored statistic: what it reaches as well is a property of the classes. `controls` says which of
    the two were run; `beyond_p` is the larger of their p-values. What is detectable is so at the row's `share` of the level
    (all of it where none is given), as in `with_verdicts`, which fills in the rest.
    """
    rows = []
    for space, crop in audit.places:
        for method in audit.found:
            branch = seeds.child(audit.target, space, crop, method)
            row = _key(audit, method, space, crop, "all", len(audit.found[method].images))
            row |= _columns(audit.best(method, space, crop), branch)
            if crop == "whole":
                beyond = _beyond(audit, method, space, branch, share.get((audit.target, method, space), 1.0))
                rows += [row | beyond, _likely_row(audit, row, branch)]
            else:
                rows.append(row)
    return rows


def with_verdicts(rows: Sequence[Row], controls: Sequence[str]) -> list[Row]:
    """The rows of all targets with `holm_p` and `flagged`: at most `LEVEL`, over every target, method and space together,
    each with its `shares`.

    The targets among `controls` are a family of their own: they answer whether the audit sees what is there, not what is.
    """
    families: dict[bool, list[int]] = {True: [], False: []}
    for place, row in enumerate(rows):
        if row["beyond_p"] is not None:
            families[row["target"] in controls].append(place)
    judged = list(rows)
    for places in families.values():
        p_values = [rows[place]["beyond_p"] for place in places]
        weights = _shares([tuple(str(rows[place][name]) for name in ("target", "source", "space")) for place in places])
        bounds = holm_is_bound(p_values, [bool(rows[place]["beyond_p_bound"]) for place in places], weights)
        for place, p, bound in zip(places, holm(p_values, weights), bounds, strict=True):
            judged[place] = rows[place] | {"holm_p": float(p), "holm_p_bound": bool(bound), "flagged": bool(p <= LEVEL)}
    return judged


def _beyond(audit: Audited, method: str, space: str, seeds: Seeds, share: float) -> Row:
    """What an attack gains on each control that was run; nothing for the prior itself, and no verdict on the other."""
    gains = {
        rival: gain_beyond(
            audit.raw(method, space),
            audit.raw(rival, space),
            seeds.child("beyond", rival).numpy(),
            patients=(audit.groups["members"].patients, audit.groups["non_members"].patients),
            alpha=LEVEL * share,
        )
        for rival in RIVALS
        if rival in audit.found and method not in (CONTROL, rival)
    }
    row: Row = {}
    for stem, rival in (("", CONTROL), ("class_", CLASSES)):
        if rival in gains:
            row |= {f"{stem}{name}": value for name, value in _gain_columns(gains[rival]).items()}
    if method in RIVALS or CONTROL not in gains or any(np.isnan(found.p) for found in gains.values()):
        return row
    beyond, exact = max((found.p, not found.p_bound) for found in gains.values())
    return row | {"controls": " and ".join(gains), "beyond_p": beyond, "beyond_p_bound": not exact}


def _gain_columns(found: Gain) -> Row:
    values = (found.gain, found.low, found.high, found.p, found.detectable)
    return {
        **dict(zip(GAIN, map(number, values), strict=False)),
        "compared": found.candidates,
        "gain_p_bound": found.p_bound,
    }


def _likely_row(audit: Audited, row: Row, seeds: Seeds) -> Row:
    """The same of the likely candidates alone, held against no prior: they are too few, and as many of it are not likely."""
    method, space, crop = str(row["source"]), str(row["space"]), str(row["crop"])
    likely = audit.found[method].likely
    key = _key(audit, method, space, crop, "likely", int(likely.sum()))
    if not likely.any():
        return dict.fromkeys(row) | key
    return key | _columns(audit.best(method, space, crop, likely), seeds.child("likely"))


def _key(audit: Audited, method: str, space: str, crop: str, chosen: str, candidates: int) -> Row:
    key: Row = {"target": audit.target, "space": space, "crop": crop, "source": method, "set": chosen}
    empty = (*GAIN, *(f"class_{name}" for name in GAIN), *VERDICT)
    return key | {"candidates": candidates} | dict.fromkeys(empty)


def _columns(pair: Pair, seeds: Seeds) -> Row:
    found = membership(pair[0][None], pair[1][None], seeds.numpy(), resamples=RESAMPLES)
    return {
        "members": found.members,
        "non_members": found.non_members,
        **interval_columns("auc", found.auc),
        "auc_p": number(found.auc_p),
        "detectable_auc": number(found.auc_detectable),
        "difference": number(found.difference.mean),
        "low": number(found.difference.low),
        "high": number(found.difference.high),
        "p": number(found.p),
        "detectable": number(found.detectable),
        "nearer": found.nearer.count,
        "expected": number(found.nearer.expected),
        "most": found.nearer.most,
        "nearer_p": number(found.nearer.p),
    }


def score_rows(audit: Audited) -> Iterator[Row]:
    """A row a patient: the similarity of its nearest candidate, of the methods that are run on all targets, by pseudonym."""
    for space in audit.spaces:
        for method in [method for method in METHODS_OF_ALL if method in audit.found]:
            pair = audit.best(method, space)
            for group, values in zip(("members", "non_members"), pair, strict=True):
                for patient, score in zip(audit.patients(group), values.tolist(), strict=True):
                    key = {"target": audit.target, "space": space, "source": method, "group": group[:-1]}
                    yield key | {"pseudonym": patient, "score": score}


def rank_rows(audit: Audited) -> Iterator[Row]:
    """The first k candidates of the ranked list alone, for the attack and the prior; all of them are the verdict's."""
    for space in audit.spaces:
        for method in [method for method in (ATTACK, CONTROL) if method in audit.found]:
            members, others = audit.nearest(method, space, order=audit.found[method].order)
            key: Row = {"target": audit.target, "space": space, "source": method}
            key |= {"members": members.shape[1], "non_members": others.shape[1]}
            for row in along_ranks(members, others):
                yield key | {name: number(value) if isinstance(value, float) else value for name, value in row.items()}


def method_rows(audits: Sequence[Audited], leak: Sequence[Row], seeds: Seeds) -> list[Row]:
    """Every other method against the attack as published, on the same target and patients: is there a stronger one?

    `flagged` is that of the method's own row in `leak`; `holm_p` holds over all targets.
    """
    rows = []
    verdicts = {
        (row["target"], row["source"], row["space"]): row["flagged"] for row in leak if row["flagged"] is not None
    }
    for audit in audits:
        if ATTACK not in audit.found:
            continue
        for method, space in product((name for name in audit.found if name not in (ATTACK, CONTROL)), audit.spaces):
            one, first = audit.best(method, space), audit.best(ATTACK, space)
            row: Row = {"target": audit.target, "space": space, "method": method}
            row |= {"auc": mann_whitney_auc(*one).mean, "auc_published": mann_whitney_auc(*first).mean}
            row |= contrast_columns(one, first, seeds.child(audit.target, method, space))
            rows.append(row | {"flagged": verdicts.get((audit.target, method, space))})
    return with_holm(rows)


def mitigation_rows(overfit: Audited, others: Sequence[Audited], trained: dict[str, Row], seeds: Seeds) -> list[Row]:
    """Each of `others` against the target that was trained to overfit, by each attack that ran on both, on the same patients.

    `excess` is the area beyond that of the untuned prior: an overfit target's features set its members apart whatever
    images are held against them.
    `comparable`: both learned something useful. `trained` are the rows of the table `targets` by target.
    """
    rows = []
    for other, space, method in product(others, overfit.spaces, METHODS_OF_ALL):
        both = (other, overfit)
        if method in RIVALS or any(method not in audit.found or space not in audit.spaces for audit in both):
            continue
        pairs = [audit.best(method, space) for audit in both]
        areas = [mann_whitney_auc(*pair).mean for pair in pairs]
        excess = [
            area - mann_whitney_auc(*audit.best(CONTROL, space)).mean if CONTROL in audit.found else np.nan
            for area, audit in zip(areas, both, strict=True)
        ]
        balanced = [trained.get(audit.target, {}).get("balanced") for audit in both]
        row: Row = {"target": other.target, "against": overfit.target, "source": method, "space": space}
        for name, values in (("auc", areas), ("excess", excess)):
            row |= {name: number(values[0]), f"{name}_against": number(values[1])}
        comparable = all(value is not None and value >= USEFUL for value in balanced)
        row |= {"balanced": balanced[0], "balanced_against": balanced[1], "comparable": comparable}
        rows.append(row | contrast_columns(*pairs, seeds.child(other.target, space, method)))
    return with_holm(rows)
