"""Who trains a target, who watches its training, and who is never seen: patients dealt in pairs that are alike.

A gap between members and non-members that comes from who they are (their label, sex, age, number of images) passes for a
leak, so the two are matched: patients are put in order of label, sex, number of images and age, neighbours make a pair,
and coins decide who of the two is the member, thrown until the groups are alike on the whole as well.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.case import Case
from remnant.cohort.folds import FEWEST_IN_GROUP

TRIES = 400
# The halves of a source never change: a prior is made once, of the attacker's half, and serves every study and every seed.
HALVES = Seeds(0).child("halves")


@dataclass(frozen=True)
class TargetSplit:
    """Disjoint patients: `members` train a target, `validation` decides when it stops, `non_members` are as many as
    members and are seen by nothing."""

    members: tuple[str, ...]
    validation: tuple[str, ...]
    non_members: tuple[str, ...]


@dataclass(frozen=True)
class SourceSplit:
    """One source's patients, by `halves`: `target` for a target within the source, the other half the attacker's.

    `prior`: every patient of the attacker's half, for the generator; of them, `demographics` train the reader of age and sex
    and `demographics_validation` tell its skill.
    """

    target: TargetSplit
    demographics: tuple[str, ...]
    demographics_validation: tuple[str, ...]

    @property
    def prior(self) -> tuple[str, ...]:
        return tuple(sorted(self.demographics + self.demographics_validation))


def split_for_target(
    cases: Sequence[Case], labels: Mapping[str, int], *, seeds: Seeds, validation: float = 0.2
) -> TargetSplit:
    """Deal the patients of `cases`: a share `validation` of them, then members and non-members in pairs.

    `labels`: case id to class; cases without one, and patients all of whose cases lack one, are left out. A patient left
    without a partner joins the validation. Raises `RemnantError` where a group would have fewer than two patients.
    """
    profiles = _profiles(cases, labels)
    if not 0 < validation < 1:
        raise RemnantError(
            f"The share of patients for validation must lie between 0 and 1. Got {validation:g} instead."
        )
    watching = _spread(_ordered(profiles, seeds.child("validation")), validation, seeds.child("validation"))
    members, others, left = _pairs({name: one for name, one in profiles.items() if name not in watching}, seeds)
    split = TargetSplit(members, tuple(sorted((*watching, *left))), others)
    _enough(split.members, split.validation, len(profiles))
    return split


def halves(cases: Sequence[Case]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One source's patients for a target within it, and for the attacker: alike in sex, images and age, whatever the label.

    The same for the same cases whatever the study, its seed and its labels, so that a prior that was trained on the second
    half knows nobody of the first. A patient without a partner is the attacker's.
    """
    target, attacker, left = _pairs(_profiles(cases, None), HALVES)
    return target, tuple(sorted(attacker + left))


def split_source(
    cases: Sequence[Case],
    labels: Mapping[str, int],
    *,
    seeds: Seeds,
    validation: float = 0.2,
    demographics_validation: float = 0.25,
) -> SourceSplit:
    """Deal one of the `halves` of a source by `split_for_target`, and leave the other to the attacker.

    In the attacker's half patients without a label serve like others: a generator, age and sex need none. In the target's
    they serve nobody. Raises `RemnantError` as `split_for_target` does.
    """
    target, others = halves(cases)
    inside = set(target)
    own = split_for_target(
        [case for case in cases if case.patient in inside], labels, seeds=seeds.child("target"), validation=validation
    )
    outside = [case for case in cases if case.patient in set(others)]
    return SourceSplit(own, *split_for_demographics(outside, seeds=seeds, validation=demographics_validation))


def split_for_demographics(
    cases: Sequence[Case], *, seeds: Seeds, validation: float = 0.25
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The attacker's patients: those who train the reader of age and sex, and a share `validation` who tell its skill.

    Raises `RemnantError` where a group would have fewer than two patients.
    """
    if not 0 < validation < 1:
        raise RemnantError(
            f"The share of patients for validation must lie between 0 and 1. Got {validation:g} instead."
        )
    profiles = _profiles(cases, None)
    watching = _spread(_ordered(profiles, seeds.child("demographics")), validation, seeds.child("demographics"))
    rest = tuple(sorted(set(profiles) - watching))
    _enough(rest, tuple(watching), len(profiles))
    return rest, tuple(sorted(watching))


@dataclass(frozen=True)
class _Profile:
    """What members and non-members are matched in. `label`: the share of a patient's images that are positive."""

    label: float
    sex: str
    images: int
    age: float


def _profiles(cases: Sequence[Case], labels: Mapping[str, int] | None) -> dict[str, _Profile]:
    of_patient: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if labels is None or case.case_id in labels:
            of_patient[case.patient].append(case)
    profiles = {}
    for patient, own in sorted(of_patient.items()):
        ages = [case.age for case in own if case.age is not None]
        profiles[patient] = _Profile(
            label=float(np.mean([labels[case.case_id] for case in own])) if labels else 0.0,
            sex=next((case.sex for case in own if case.sex), ""),
            images=len(own),
            # Unknown ages stand together at the end.
            age=float(np.mean(ages)) if ages else np.inf,
        )
    return profiles


def _ordered(profiles: Mapping[str, _Profile], seeds: Seeds) -> list[str]:
    """Patients so that neighbours are alike; those who are equal in everything in an order by the seed."""
    names = [str(name) for name in seeds.child("order").numpy().permutation(sorted(profiles))]

    def key(name: str) -> tuple:
        one = profiles[name]
        # Several images first: few patients have many, so that they must find each other.
        return (round(one.label), one.sex, -one.images, one.age)

    return sorted(names, key=key)


def _spread(order: Sequence[str], share: float, seeds: Seeds) -> set[str]:
    """About `share` of the patients, one from each stretch of `order` of that many."""
    count = round(share * len(order))
    if not count:
        return set()
    edges = np.linspace(0, len(order), count + 1).astype(int)
    draws = seeds.child("spread").numpy()
    return {order[int(draws.integers(start, end))] for start, end in itertools.pairwise(edges)}


def _pairs(profiles: Mapping[str, _Profile], seeds: Seeds) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Two groups of one size and, where their number is odd, the patient that is left.

    Of `TRIES` ways of throwing a coin for each pair, the one that leaves the groups most alike on the whole
    (rerandomisation, Morgan and Rubin 2012, doi:10.1214/12-AOS1008): everybody is as likely on one side as on the other.
    """
    order = _ordered(profiles, seeds)
    # Who is left is no special patient, such as always the oldest.
    left = [order.pop(int(seeds.child("left").numpy().integers(len(order))))] if len(order) % 2 else []
    first, second = np.array(order[::2], dtype=object), np.array(order[1::2], dtype=object)
    traits = _traits([profiles[name] for name in order])
    throws = seeds.child("pairs").numpy().integers(0, 2, (TRIES, len(first)), dtype=np.int8)
    apart = (2.0 * throws - 1) @ (traits[::2] - traits[1::2])
    swapped = throws[np.square(apart).sum(axis=1).argmin()].astype(bool)
    one, other = np.where(swapped, second, first), np.where(swapped, first, second)
    return tuple(sorted(one)), tuple(sorted(other)), tuple(left)


def _traits(profiles: Sequence[_Profile]) -> np.ndarray:
    """(n, traits) of mean 0 and variance 1: images, positive images, sex, age, and which of the last two is known."""
    ages = np.array([one.age for one in profiles])
    known = np.isfinite(ages)
    columns = [
        [one.images for one in profiles],
        [one.images * one.label for one in profiles],
        [one.sex == "F" for one in profiles],
        [one.sex == "M" for one in profiles],
        np.where(known, ages, ages[known].mean() if known.any() else 0.0),
        known,
    ]
    table = np.array(columns, float).T.reshape(len(profiles), len(columns))
    return (table - table.mean(axis=0)) / (table.std(axis=0) + 1e-9) if len(table) else table


def _enough(members: tuple[str, ...], validation: tuple[str, ...], patients: int) -> None:
    if min(len(members), len(validation)) < FEWEST_IN_GROUP:
        raise RemnantError(
            f"{counted(patients, 'patient with a label is', 'patients with a label are')} too few: each group "
            f"needs at least {FEWEST_IN_GROUP}; add patients or give the validation another share."
        )
