"""Folds of patients: who trained the target, whom the attacker owns, whom nobody's training saw."""

from collections.abc import Collection, Mapping

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import Fold

# With fewer in a group no mean has a spread.
FEWEST_IN_GROUP = 2


def three_group_folds(
    patients: Collection[str],
    *,
    seeds: Seeds,
    n_folds: int = 4,
    sessions: Mapping[str, int] | None = None,
) -> tuple[Fold, ...]:
    """Folds in which every patient is once a member and once a non-member, and otherwise the attacker's.

    `sessions` (patient to number of scans) spreads the patients with several scans evenly over the folds.
    Raises `RemnantError` for fewer than three folds or too few patients.
    """
    groups = _groups(patients, seeds, n_folds, 3, sessions or {})
    folds = []
    for index, members in enumerate(groups):
        following = (index + 1) % n_folds
        rest = [group for other, group in enumerate(groups) if other not in (index, following)]
        folds.append(Fold(index, members, _together(rest), groups[following]))
    return tuple(folds)


def two_group_folds(
    patients: Collection[str],
    *,
    seeds: Seeds,
    n_folds: int = 4,
    sessions: Mapping[str, int] | None = None,
) -> tuple[Fold, ...]:
    """The design of Subbanna 2021: every patient once a member, all others the attacker's, no non-members.

    With the same arguments the members of each fold are those of `three_group_folds`.
    """
    groups = _groups(patients, seeds, n_folds, 2, sessions or {})
    return tuple(
        Fold(index, members, _together([group for other, group in enumerate(groups) if other != index]))
        for index, members in enumerate(groups)
    )


def _groups(
    patients: Collection[str], seeds: Seeds, n_folds: int, fewest_folds: int, sessions: Mapping[str, int]
) -> list[tuple[str, ...]]:
    ids = sorted(set(patients))
    if n_folds < fewest_folds:
        raise RemnantError(
            f"The number of folds must be at least {fewest_folds} for {fewest_folds} groups. Got {n_folds} instead."
        )
    needed = FEWEST_IN_GROUP * n_folds
    if len(ids) < needed:
        raise RemnantError(
            f"{n_folds} folds need at least {needed} patients, {FEWEST_IN_GROUP} in each group. Got "
            f"{len(ids)} instead; add patients or ask for fewer folds."
        )
    order = [str(patient) for patient in seeds.child("folds").numpy().permutation(ids)]
    # Dealt like cards with the most scans first, neither they nor the groups' sizes differ by more than one.
    order.sort(key=lambda patient: -sessions.get(patient, 1))
    return [tuple(sorted(order[start::n_folds])) for start in range(n_folds)]


def _together(groups: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(patient for group in groups for patient in group))
