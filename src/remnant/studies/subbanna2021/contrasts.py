"""Rows of what is held against something else, patient by patient: members as non-members, one experiment another."""

from collections.abc import Iterator, Sequence

import numpy as np

from remnant.audit.compare import difference_columns, with_holm
from remnant.base.errors import RemnantError
from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.measure.crossover import RoleEffect, role_effect
from remnant.measure.intervals import EXACT_PATIENTS, RESAMPLES, detectable_noncentrality, paired_difference
from remnant.studies.subbanna2021.search import FoldsSearch

GROUPS = ("member", "non_member")
STATISTICS = ("own", "margin")
LEVEL = 0.05
FLOOR = 1 / (RESAMPLES + 1)  # a Monte Carlo p-value where no flip of signs was as extreme


def leak(key: Row, firsts: dict[str, FoldsSearch], statistic: str, seeds: Seeds) -> Row:
    """Members minus the same patients as non-members: their similarity to the `own` original, or its `margin` over others.

    By `role_effect`, with effects of the folds. Raises `RemnantError` for a patient who was only one of the two.

    The two can part: a target trained too long hands out latents that a decoder made for others draws worse, and that are
    the easier to tell apart.
    """
    member, other = (
        {
            who: (score, fold)
            for who, score, fold in zip(found.pseudonyms, _statistic(found, statistic), found.folds, strict=True)
        }
        for found in (firsts[group] for group in GROUPS)
    )
    if unpaired := set(member) ^ set(other):
        raise RemnantError(
            f"{counted(len(unpaired), 'patient was', 'patients were')} not both member and non-member; use folds that rotate."
        )
    differences, member_folds, other_folds = (
        np.array(values)
        for values in (
            [member[who][0] - other[who][0] for who in member],
            [member[who][1] for who in member],
            [other[who][1] for who in member],
        )
    )
    found = role_effect(differences, member_folds, other_folds, seeds.numpy())
    return {**key, "statistic": statistic, **effect_columns(found)}


def effect_columns(found: RoleEffect) -> Row:
    """Of how many patients and trainings, and the difference."""
    return {"n": found.n, "trainings": found.trainings, **difference_columns(found)}


def looked_at_together(rows: list[Row]) -> list[Row]:
    """The rows with `holm_p`: each p-value beside those of all networks, attacks, measures and statistics of the table.

    `detectable` grows with them: what 80% power would have shown where a p-value must be so many times smaller.
    """
    together = sum(row["p"] is not None for row in rows)
    return [{**row, "detectable": _among(row, together)} for row in with_holm(rows)]


def _among(row: Row, together: int) -> Value:
    """The row's detectable difference at its own 5%, as large as it must be among `together` tests (Bonferroni's level)."""
    # Least squares spends a degree of freedom on each training, or on the mean alone.
    freedom = int(row["n"]) - int(row.get("trainings", 1))
    if row["detectable"] is None or freedom < 1:
        return row["detectable"]
    return row["detectable"] * (
        detectable_noncentrality(freedom, alpha=LEVEL / together) / detectable_noncentrality(freedom, alpha=LEVEL)
    )


def _statistic(found: FoldsSearch, statistic: str) -> list[float]:
    scores = found.own_scores if statistic == "own" else found.own_scores - np.nanmax(found.others, axis=1)
    return scores.tolist()


def comparison(scores: list[Row], network: str, experiments: Sequence[str], seeds: Seeds) -> Iterator[Row]:
    """Every other experiment minus the first, by the margin of the own original over the best other, paired by patient."""
    margins: dict[tuple[Value, ...], dict[str, float]] = {}
    for row in scores:
        if row["network"] == network:
            key = (row["decoder"], row["metric"], row["group"])
            held = margins.setdefault(key, {})
            held[row["pseudonym"]] = row["own"] - row["best_other"]
    for (experiment, metric, group), held in margins.items():
        first = margins.get((experiments[0], metric, group))
        if experiment == experiments[0] or not first:
            continue
        # An experiment on few patients is held against the same few.
        same = [who for who in first if who in held]
        here, there = ({who: values[who] for who in same} for values in (held, first))
        found = paired_difference(here, there, seeds.child(str(experiment), str(metric), str(group)).numpy())
        yield {
            "network": network,
            "decoder": experiment,
            "against": experiments[0],
            "metric": metric,
            "group": group,
            "margin": float(np.mean(list(here.values()))),
            "margin_against": float(np.mean(list(there.values()))),
            "n": found.n,
            "difference": found.difference,
            "low": number(found.low),
            "high": number(found.high),
            "p": number(found.p),
            "p_bound": found.n > EXACT_PATIENTS and found.p <= FLOOR,
            "detectable": number(found.detectable),
        }
