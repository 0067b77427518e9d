"""Images a patient, alike in both groups."""

from collections import Counter
from pathlib import Path

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.case import Case
from remnant.cohort.matching import thin_images


def cases(name, counts):
    return [
        Case(f"{name}{i}", f"s{k}", Path(f"{name}{i}_{k}.png")) for i, count in enumerate(counts) for k in range(count)
    ]


def images(kept):
    return sorted(Counter(case.patient for case in kept).values())


def test_three_images_a_member_against_one_leave_one():
    members, others = thin_images(cases("m", [3] * 8), cases("n", [1] * 5), Seeds(0))
    assert images(members) == [1] * 8 and images(others) == [1] * 5


def test_groups_of_unlike_sizes_come_out_alike_and_keep_everybody():
    random = np.random.default_rng(1)
    members, others = cases("m", random.integers(1, 6, 40)), cases("n", random.integers(1, 4, 80))
    one, other = thin_images(members, others, Seeds(0))
    assert {case.patient for case in one} == {case.patient for case in members}
    assert {case.patient for case in other} == {case.patient for case in others}
    assert abs(np.mean(images(one)) - np.mean(images(other))) < 0.05
    # What is alike already is left alone.
    same = thin_images(members, cases("n", images(members)), Seeds(0))
    assert same[0] == tuple(members)


def test_which_images_are_kept_is_drawn_and_repeats():
    members, others = cases("m", [9]), cases("n", [3])
    kept = [{case.session for case in thin_images(members, others, Seeds(seed))[0]} for seed in (0, 0, 1)]
    assert kept[0] == kept[1] != kept[2] and len(kept[0]) == 3
