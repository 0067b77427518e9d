from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case
from remnant.cohort.membership import halves, split_for_target, split_source


def people(rng, count):
    """Cases of `count` patients with 1 to 8 images, some without age or sex, and their labels."""
    cases, labels = [], {}
    for number in range(count):
        age = None if rng.random() < 0.2 else float(rng.integers(18, 90))
        sex = rng.choice(["F", "M", None])
        positive = rng.random() < 0.7
        for session in range(1 + min(7, rng.geometric(0.55) - 1)):
            case = Case(f"p{number:04d}", f"s{session}", Path(f"{number}-{session}.png"), age=age, sex=sex)
            cases.append(case)
            # A patient's images mostly agree.
            labels[case.case_id] = int(positive if rng.random() < 0.9 else not positive)
    return cases, labels


@st.composite
def cohorts(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return *people(rng, draw(st.integers(16, 60))), Seeds(draw(st.integers(0, 1000)))


def patients(cases):
    return {case.patient for case in cases}


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_no_patient_is_on_two_sides_and_none_is_lost(cohort):
    cases, labels, seeds = cohort
    split = split_for_target(cases, labels, seeds=seeds)
    everybody = split.members + split.validation + split.non_members
    assert sorted(everybody) == sorted(patients(cases))
    assert len(split.members) == len(split.non_members)
    assert abs(len(split.validation) - 0.2 * len(everybody)) <= 1.5


@settings(deadline=None, max_examples=25)
@given(cohorts())
def test_the_attacker_s_half_never_meets_a_target_s(cohort):
    cases, labels, seeds = cohort
    split = split_source(cases, labels, seeds=seeds)
    target = split.target.members + split.target.validation + split.target.non_members
    everybody = target + split.demographics + split.demographics_validation
    assert sorted(everybody) == sorted(patients(cases))
    assert not set(split.prior) & set(target)
    assert sorted(split.prior) == sorted(split.demographics + split.demographics_validation)
    assert abs(len(target) - len(split.prior)) <= 1


@settings(deadline=None, max_examples=15)
@given(cohorts())
def test_a_split_depends_on_the_seed_and_not_on_the_order_of_cases(cohort):
    cases, labels, seeds = cohort
    assert split_for_target(cases, labels, seeds=seeds) == split_for_target(cases[::-1], labels, seeds=seeds)
    assert split_source(cases, labels, seeds=seeds) == split_source(cases[::-1], labels, seeds=seeds)


def means(cases, labels, chosen):
    own = [case for case in cases if case.patient in set(chosen)]
    ages = list({case.patient: case.age for case in own if case.age is not None}.values())
    sexes = {case.patient: case.sex for case in own}
    return {
        "images": len(own) / len(chosen),
        "label": np.mean([labels[case.case_id] for case in own]),
        "women": np.mean([sex == "F" for sex in sexes.values()]),
        "age": np.mean(ages) / 100,
    }


def test_members_and_non_members_are_alike():
    """Closer than groups dealt at random are, in everything that they are matched in."""
    cases, labels = people(np.random.default_rng(5), 212)
    matched, random = [], []
    for seed in range(10):
        split = split_for_target(cases, labels, seeds=Seeds(seed))
        names = sorted({*split.members, *split.non_members})
        shuffled = list(np.random.default_rng(seed).permutation(names))
        for found, (one, other) in (
            (matched, (split.members, split.non_members)),
            (random, (shuffled[::2], shuffled[1::2])),
        ):
            a, b = means(cases, labels, one), means(cases, labels, other)
            found.append({name: abs(a[name] - b[name]) for name in a})
    for name in ("images", "label", "women", "age"):
        ours, theirs = (np.mean([one[name] for one in found]) for found in (matched, random))
        assert ours < 0.6 * theirs, (name, ours, theirs)
    assert max(one["images"] for one in matched) < 0.1


def test_every_patient_is_as_likely_a_member_as_a_non_member():
    cases, labels = people(np.random.default_rng(6), 40)
    times = dict.fromkeys(patients(cases), 0)
    for seed in range(150):
        split = split_for_target(cases, labels, seeds=Seeds(seed))
        for patient in split.members:
            times[patient] += 1
        for patient in split.non_members:
            times[patient] -= 1
    # About 120 throws each: five standard deviations.
    assert max(abs(count) for count in times.values()) < 5 * 120**0.5


def test_another_seed_is_another_split():
    cases, labels = people(np.random.default_rng(7), 40)
    splits = {split_for_target(cases, labels, seeds=Seeds(seed)) for seed in range(5)}
    assert len(splits) == 5 and len({split.validation for split in splits}) == 5


def test_the_halves_of_a_source_are_alike_and_know_neither_seed_nor_label():
    cases, labels = people(np.random.default_rng(10), 61)
    target, attacker = halves(cases)
    assert sorted(target + attacker) == sorted(patients(cases)) and len(attacker) == len(target) + 1
    assert halves(cases[::-1]) == (target, attacker)
    apart = {
        name: abs(a - b)
        for (name, a), b in zip(
            means(cases, labels, target).items(), means(cases, labels, attacker).values(), strict=True
        )
    }
    assert apart["images"] < 0.15 and apart["women"] < 0.1 and apart["age"] < 0.05
    for seed in range(3):
        few = dict(list(labels.items())[seed::2])
        split = split_source(cases, few, seeds=Seeds(seed))
        assert split.prior == attacker
        assert {*split.target.members, *split.target.validation, *split.target.non_members} <= set(target)


def test_patients_without_a_label_train_no_target_but_serve_the_attacker():
    cases, labels = people(np.random.default_rng(8), 40)
    bare = {"p0003", "p0011"}
    labels = {name: label for name, label in labels.items() if name.split(":")[0] not in bare}
    split = split_for_target(cases, labels, seeds=Seeds(0))
    assert not bare & {*split.members, *split.validation, *split.non_members}
    source = split_source(cases, labels, seeds=Seeds(0))
    assert not bare & {*source.target.members, *source.target.validation, *source.target.non_members}
    assert bare & set(halves(cases)[1]) and bare & set(halves(cases)[1]) <= set(source.prior)


def test_what_cannot_be_split():
    cases, labels = people(np.random.default_rng(9), 4)
    with pytest.raises(RemnantError, match="4 patients with a label are too few: each group needs at least 2"):
        split_for_target(cases, labels, seeds=Seeds(0))
    for share in (0.0, 1.0):
        with pytest.raises(RemnantError, match=r"must lie between 0 and 1\. Got"):
            split_for_target(cases, labels, seeds=Seeds(0), validation=share)
        with pytest.raises(RemnantError, match=r"must lie between 0 and 1\. Got"):
            split_source(*people(np.random.default_rng(9), 40), seeds=Seeds(0), demographics_validation=share)
