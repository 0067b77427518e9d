"""Rows that tell leak from prior: members against non-members by every method, and methods and targets against each other."""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.auc import auc_p_value, mann_whitney_auc
from remnant.measure.membership import along_ranks, membership
from remnant.measure.multiplicity import holm
from remnant.studies.columns import interval_columns
from remnant.studies.lee2025.scores import ATTACK, CONTROL, Audited, Pair, contrast_columns, gains
from remnant.studies.lee2025.settings import METHODS_OF_ALL

# Of the gain over the untuned prior, two-sided, after Holm. With the direction asked for, the attack flags a target that
# leaks nothing in about 1% of audits, and the options beside it do in as many again.
LEVEL = 0.025
RESAMPLES = 2000  # of each row's interval and p-value: there are hundreds of rows

Tables = dict[str, list[Row]]


def leak_rows(audit: Audited, seeds: Seeds) -> list[Row]:
    """A row a place, method and set: `all` candidates, which the verdict is about, and of whole images the `likely` ones.

    `difference` is of the mean similarities, members minus non-members; `gain` is the area of members against non-members by
    how much nearer the method comes to each than the untuned prior does in the same place. `flagged`: for whole images that
    gain is above 0.5, and shown so by its interval and by a p-value that holds for all spaces of the attack together, or for all
    spaces and methods of the options beside it.
    """
    rows = []
    for space, crop in audit.places:
        for method in audit.found:
            branch = seeds.child(audit.target, space, crop, method)
            row = _row(audit, method, space, crop, branch)
            rows.append(row)
            if crop == "whole":
                rows.append(_likely_row(audit, row, branch))
    for primary in (True, False):
        looked_at = [
            row
            for row in rows
            if row["set"] == "all"
            and row["crop"] == "whole"
            and row["gain_p"] is not None
            and (row["source"] == ATTACK) == primary
        ]
        for row, p in zip(looked_at, holm([row["gain_p"] for row in looked_at]), strict=True):
            row["holm_p"] = float(p)
            row["flagged"] = bool(p <= LEVEL and (row["gain_low"] or 0) > 0.5)
    return rows


def _row(audit: Audited, method: str, space: str, crop: str, seeds: Seeds) -> Row:
    pair = audit.best(method, space, crop)
    row = _key(audit, method, space, crop, "all", len(audit.found[method].images)) | _columns(pair, seeds)
    if method != CONTROL and CONTROL in audit.found:
        gained = gains(pair, audit.best(CONTROL, space, crop))
        row |= interval_columns("gain", mann_whitney_auc(*gained)) | {"gain_p": number(auc_p_value(*gained))}
    return row


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
    empty = ("gain", "gain_low", "gain_high", "gain_p", "holm_p", "flagged")
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
            for row in along_ranks(members, others):
                key: Row = {"target": audit.target, "space": space, "source": method}
                yield key | {name: number(value) if isinstance(value, float) else value for name, value in row.items()}


def method_rows(audit: Audited, leak: Sequence[Row], seeds: Seeds) -> Iterator[Row]:
    """Every other method against the attack as published, on the same target: is there a stronger one?

    `flagged` is that of the method's own row in `leak`, of this target: whether it beats the untuned prior.
    """
    if ATTACK not in audit.found:
        return
    rows = []
    verdicts = {(row["source"], row["space"]): row["flagged"] for row in leak if row["flagged"] is not None}
    for method in [method for method in audit.found if method not in (ATTACK, CONTROL)]:
        for space in audit.spaces:
            one, first = audit.best(method, space), audit.best(ATTACK, space)
            key: Row = {"target": audit.target, "space": space, "method": method}
            areas = {"auc": mann_whitney_auc(*one).mean, "auc_published": mann_whitney_auc(*first).mean}
            branch = seeds.child(audit.target, method, space)
            rows.append(key | areas | contrast_columns(one, first, branch) | {"flagged": verdicts.get((method, space))})
    yield from _with_holm(rows)


def mitigation_rows(
    overfit: Audited, others: Sequence[Audited], trained: dict[str, Row], seeds: Seeds
) -> Iterator[Row]:
    """Each of `others` against the target that was trained to overfit, by each attack that ran on both, on the same patients.

    `excess` is the area beyond that of the untuned prior: an overfit target's features set its members apart whatever
    images are held against them. `trained` are the rows of the table `targets` by target.
    """
    rows = []
    for other, space, method in product(others, overfit.spaces, METHODS_OF_ALL):
        both = (other, overfit)
        if method == CONTROL or any(method not in audit.found or space not in audit.spaces for audit in both):
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
        row |= {"balanced": balanced[0], "balanced_against": balanced[1]}
        rows.append(row | contrast_columns(*pairs, seeds.child(other.target, space, method)))
    yield from _with_holm(rows)


def _with_holm(rows: list[Row]) -> Iterator[Row]:
    adjusted = holm([np.nan if row["p"] is None else row["p"] for row in rows])
    for row, p in zip(rows, adjusted, strict=True):
        yield row | {"holm_p": number(p)}
