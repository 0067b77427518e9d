"""Folds of patients: who trained the target, whom the attacker owns, whom nobody's training saw."""

from collections.abc import Collection, Mapping

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.case import Fold

# With fewer in a group no mean has a spread.
FEWEST_IN_GROUP = 2


def held_out(
    patients: Collection[str], *, seeds: Seeds, share: float, sessions: Mapping[str, int] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Patients to train on and patients whom no training sees, about `share` of all; sorted.

    `sessions` (patient to number of scans) spreads the patients with several scans evenly over both. Raises `RemnantError`
    where one of the two would have fewer than two patients.
    """
    order = _dealt(sorted(set(patients)), seeds, sessions or {})
    # As cards are dealt: the next goes to whoever is furthest behind the share.
    aside = [int((place + 1) * share) > int(place * share) for place in range(len(order))]
    groups = tuple(
        tuple(sorted(p for p, out in zip(order, aside, strict=True) if out is kind)) for kind in (False, True)
    )
    if min(map(len, groups)) < FEWEST_IN_GROUP:
        raise RemnantError(
            f"Holding out {share:.0%} of {counted(len(order), 'patient')} leaves {len(groups[0])} to train on and "
            f"{len(groups[1])} to test; both need at least {FEWEST_IN_GROUP}, so add patients or change the share."
        )
    return groups


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


def swap_folds(
    patients: Collection[str], *, seeds: Seeds, group: int, sessions: Mapping[str, int] | None = None
) -> tuple[Fold, Fold]:
    """Two folds in which `group` members and `group` non-members change places, beside one attacker with as many patients.

    Everybody else is a distractor. Both folds share the attacker, so that they share its template, and a large cohort costs
    two trainings. Patients with several scans come first into the groups. Raises `RemnantError` for too few patients.
    """
    if group < FEWEST_IN_GROUP:
        raise RemnantError(f"A group must have at least {FEWEST_IN_GROUP} patients. Got {group} instead.")
    ids = sorted(set(patients))
    if len(ids) < 3 * group:
        raise RemnantError(
            f"Three groups of {group} need at least {3 * group} patients. Got {len(ids)} instead; add patients or ask for "
            "smaller groups."
        )
    order = _dealt(ids, seeds, sessions or {})
    some, others, attacker = (tuple(sorted(order[start : 3 * group : 3])) for start in range(3))
    rest = tuple(sorted(order[3 * group :]))
    return Fold(0, some, attacker, others, rest), Fold(1, others, attacker, some, rest)


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
    order = _dealt(ids, seeds, sessions)
    return [tuple(sorted(order[start::n_folds])) for start in range(n_folds)]


def _dealt(ids: list[str], seeds: Seeds, sessions: Mapping[str, int]) -> list[str]:
    """Shuffled, those with the most scans first: dealt like cards, neither they nor group sizes differ by more than one."""
    order = [str(patient) for patient in seeds.child("folds").numpy().permutation(ids)]
    return sorted(order, key=lambda patient: -sessions.get(patient, 1))


def _together(groups: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(patient for group in groups for patient in group))
