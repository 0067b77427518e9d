"""Rows of what is held against something else, patient by patient: members as non-members, one experiment another."""

from collections.abc import Mapping, Sequence

import numpy as np

from remnant.audit.findings.compare import Comparison, difference_columns, of_patients, with_holm
from remnant.base.errors import RemnantError
from remnant.base.results import Row, Value
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.measure.crossover import role_effect
from remnant.measure.intervals import detectable_noncentrality
from remnant.studies.subbanna2021.search import FoldsSearch

GROUPS = ("member", "non_member")
STATISTICS = ("own", "margin")
CONTRAST_LEVEL = 0.05


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
    pairs = np.array([(*member[who], *other[who]) for who in member])
    found = role_effect(pairs[:, 0] - pairs[:, 2], pairs[:, 1], pairs[:, 3], seeds.numpy())
    return {**key, "statistic": statistic, "n": found.n, "trainings": found.trainings, **difference_columns(found)}


def looked_at_together(rows: list[Row]) -> list[Row]:
    """The rows with `holm_p`: each p-value beside those of all networks, attacks, measures and statistics of the table.

    `detectable` grows with them: what 80% power would have shown where a p-value must be so many times smaller.
    """
    together = sum(row["p"] is not None for row in rows)
    return [{**row, "detectable": _among(row, together)} for row in with_holm(rows)]


def _among(row: Row, together: int) -> Value:
    """The row's detectable difference at its own 5%, as large as it must be among `together` tests (Bonferroni's level)."""
    # Least squares spends a degree of freedom on each training.
    freedom = int(row["n"]) - int(row["trainings"])
    if row["detectable"] is None or freedom < 1:
        return row["detectable"]
    return row["detectable"] * (
        detectable_noncentrality(freedom, alpha=CONTRAST_LEVEL / together)
        / detectable_noncentrality(freedom, alpha=CONTRAST_LEVEL)
    )


def _statistic(found: FoldsSearch, statistic: str) -> list[float]:
    return (found.own_scores if statistic == "own" else found.margins).tolist()


def compared(
    searches: Mapping[tuple[str, str], FoldsSearch], key: Row, first: str, seeds: Seeds
) -> Sequence[tuple[Row, Comparison]]:
    """Each of the `searches`, by experiment and group, against the experiment `first` by the margin, over the same patients."""
    margins = {
        where: dict(zip(found.pseudonyms, found.margins.tolist(), strict=True)) for where, found in searches.items()
    }
    return [
        (
            {**key, "decoder": experiment, "baseline": first, "group": group},
            of_patients(own, margins[first, group], seeds.child(experiment, str(key["metric"]), group)),
        )
        for (experiment, group), own in margins.items()
        if experiment != first and (first, group) in margins
    ]
