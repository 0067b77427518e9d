from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.folds import held_out, swap_folds, three_group_folds, two_group_folds


@st.composite
def designs(draw):
    n_folds = draw(st.integers(3, 6))
    n = draw(st.integers(2 * n_folds, 40))
    scans = draw(st.lists(st.integers(1, 3), min_size=n, max_size=n))
    return {f"p{i}": count for i, count in enumerate(scans)}, n_folds, Seeds(draw(st.integers(0, 1000)))


@given(designs())
def test_every_fold_parts_the_patients_and_each_is_once_a_member_and_once_a_non_member(design):
    sessions, n_folds, seeds = design
    folds = three_group_folds(sessions, seeds=seeds, n_folds=n_folds, sessions=sessions)
    for fold in folds:
        assert sorted(fold.members + fold.attacker + fold.non_members) == sorted(sessions)
    assert Counter(patient for fold in folds for patient in fold.members) == Counter(dict.fromkeys(sessions, 1))
    assert Counter(patient for fold in folds for patient in fold.non_members) == Counter(dict.fromkeys(sessions, 1))


@given(designs())
def test_groups_and_repeat_scans_are_spread_evenly(design):
    sessions, n_folds, seeds = design
    folds = three_group_folds(sessions, seeds=seeds, n_folds=n_folds, sessions=sessions)
    repeats = [sum(sessions[patient] > 1 for patient in fold.members) for fold in folds]
    sizes = [len(fold.members) for fold in folds]
    assert max(repeats) - min(repeats) <= 1
    assert max(sizes) - min(sizes) <= 1


@given(designs())
def test_folds_depend_on_the_seed_and_not_on_the_order_of_patients(design):
    sessions, n_folds, seeds = design
    backwards = dict(reversed(sessions.items()))
    assert three_group_folds(sessions, seeds=seeds, n_folds=n_folds) == three_group_folds(
        backwards, seeds=seeds, n_folds=n_folds
    )


def test_another_seed_gives_other_folds():
    patients = [f"p{i}" for i in range(24)]
    assert three_group_folds(patients, seeds=Seeds(0)) != three_group_folds(patients, seeds=Seeds(1))


def test_24_patients_in_four_folds_are_6_members_12_attackers_6_non_members():
    for fold in three_group_folds([f"p{i}" for i in range(24)], seeds=Seeds(0)):
        assert (len(fold.members), len(fold.attacker), len(fold.non_members)) == (6, 12, 6)


@given(designs())
def test_the_paper_s_design_has_members_and_attacker_only(design):
    sessions, n_folds, seeds = design
    three = three_group_folds(sessions, seeds=seeds, n_folds=n_folds, sessions=sessions)
    two = two_group_folds(sessions, seeds=seeds, n_folds=n_folds, sessions=sessions)
    for fold, other in zip(two, three, strict=True):
        assert fold.members == other.members
        assert fold.non_members == ()
        assert sorted(fold.members + fold.attacker) == sorted(sessions)


def test_too_few_patients_says_how_many_are_needed():
    with pytest.raises(RemnantError, match=r"4 folds need at least 8 patients.* Got 7 instead"):
        three_group_folds([f"p{i}" for i in range(7)], seeds=Seeds(0))


def test_three_groups_need_three_folds():
    with pytest.raises(RemnantError, match="at least 3"):
        three_group_folds([f"p{i}" for i in range(24)], seeds=Seeds(0), n_folds=2)


def test_swapped_groups_share_the_attacker_and_leave_the_rest_in_the_gallery():
    patients = [f"p{i:02d}" for i in range(20)]
    sessions = dict.fromkeys(patients[:6], 2)
    one, other = swap_folds(patients, seeds=Seeds(0), group=4, sessions=sessions)
    assert (one.members, one.non_members) == (other.non_members, other.members)
    assert one.attacker == other.attacker and len(one.attacker) == 4
    assert one.distractors == other.distractors and len(one.distractors) == 8
    assert sorted([*one.members, *one.non_members, *one.attacker, *one.distractors]) == patients
    assert [sum(patient in sessions for patient in group) for group in (one.members, one.non_members)] == [2, 2]


@pytest.mark.parametrize(("group", "wrong"), [(1, "at least 2"), (7, "at least 21 patients")])
def test_swapped_groups_need_patients(group, wrong):
    with pytest.raises(RemnantError, match=wrong):
        swap_folds([f"p{i}" for i in range(20)], seeds=Seeds(0), group=group)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_held_out_patients_are_about_the_share_and_several_sessions_are_on_both_sides(share):
    patients = [f"p{i:02d}" for i in range(40)]
    sessions = {name: 2 if i < 20 else 1 for i, name in enumerate(patients)}
    training, others = held_out(patients, seeds=Seeds(0), share=share, sessions=sessions)
    assert sorted(training + others) == patients and len(others) == 40 * share
    assert sum(sessions[name] == 2 for name in others) == 20 * share
    assert held_out(patients[::-1], seeds=Seeds(0), share=share, sessions=sessions) == (training, others)
    assert held_out(patients, seeds=Seeds(1), share=share, sessions=sessions) != (training, others)


def test_held_out_needs_two_patients_on_both_sides():
    with pytest.raises(RemnantError, match="Holding out 10% of 12 patients leaves 11 to train on and 1 to test"):
        held_out([f"p{i}" for i in range(12)], seeds=Seeds(0), share=0.1)
