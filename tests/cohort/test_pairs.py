from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import all_pairs, cut_patch, draw_corners, draw_epoch, draw_pairs

# Five people with one to four images, out of order.
PATIENTS = ["a", "b", "c", "a", "b", "d", "a", "b", "e", "d", "b"]
SAME = [pair for pair in combinations(range(len(PATIENTS)), 2) if PATIENTS[pair[0]] == PATIENTS[pair[1]]]


def unordered(pairs):
    return [tuple(sorted((pair.anchor, pair.other))) for pair in pairs]


def turns(pairs, images):
    used = Counter(pair.anchor for pair in pairs)
    return [used[image] for image in images]


@pytest.mark.parametrize("seed", range(20))
def test_all_pairs_of_one_patient_and_as_many_of_two(seed):
    pairs = draw_pairs(PATIENTS, seeds=Seeds(seed))
    positive = [pair for pair in pairs if pair.same]
    negative = [pair for pair in pairs if not pair.same]
    assert sorted(unordered(positive)) == SAME
    assert len(negative) == len(SAME) == len(set(unordered(negative)))
    assert all(PATIENTS[pair.anchor] != PATIENTS[pair.other] for pair in negative)
    # Of three images each is the anchor once; of four the six pairs fall 2, 2, 1, 1; of two one has the turn.
    assert turns(positive, [0, 3, 6]) == [1, 1, 1]
    assert sorted(turns(positive, [1, 4, 7, 10])) == [1, 1, 2, 2]
    assert sorted(turns(positive, [5, 9])) == [0, 1]
    assert max(turns(negative, range(11))) - min(turns(negative, range(11))) <= 1


def test_every_image_can_be_an_anchor():
    drawn = [pair for seed in range(60) for pair in draw_pairs(PATIENTS, seeds=Seeds(seed), positives=3)]
    assert {pair.anchor for pair in drawn if not pair.same} == set(range(11))
    assert {pair.anchor for pair in drawn if pair.same} == set(range(11)) - {2, 8}


@pytest.mark.parametrize("positives", [1, 40, 64, 100, 200, 400])
def test_a_part_of_the_pairs_uses_anchors_evenly(positives):
    patients = [f"p{i % 64}" for i in range(320)]
    pairs = draw_pairs(patients, seeds=Seeds(3), positives=positives)
    for same in (True, False):
        kind = [pair for pair in pairs if pair.same is same]
        used = turns(kind, range(320))
        assert len(kind) == positives == len(set(unordered(kind))) and max(used) - min(used) <= 1


def test_no_place_in_the_list_is_preferred():
    others = Counter(pair.other for seed in range(300) for pair in draw_pairs(PATIENTS, seeds=Seeds(seed)))
    of_b = [others[image] for image in (1, 4, 7, 10)]
    assert min(of_b) > 0.85 * max(of_b)


def test_seeds_decide():
    first, again, other = (draw_pairs(PATIENTS, seeds=Seeds(seed)) for seed in (4, 4, 5))
    assert first == again != other


@pytest.mark.parametrize(
    ("patients", "positives", "message"),
    [
        (["a", "b", "c"], None, "Each of the 3 patients has one image, .* simulate revisits"),
        (["a", "a"], None, "at least two patients. Got 1 with 2 images instead"),
        ([], None, "at least two patients. Got 0"),
        (PATIENTS, 11, "must be from 1 to 10, .*11 images give. Got 11 instead"),
        (PATIENTS, 0, "must be from 1 to 10, .* Got 0 instead"),
        ([*"aaaaab"], None, "6 images give 5 pairs of two patients, too few for 10 .*; ask for at most 5"),
    ],
)
def test_pairs_that_cannot_be(patients, positives, message):
    with pytest.raises(RemnantError, match=message):
        draw_pairs(patients, seeds=Seeds(0), positives=positives)


@pytest.mark.parametrize("count", [2, 7, 20, 21, 64])
def test_an_epoch_has_both_kinds_in_mixed_order(count):
    pairs = draw_epoch(PATIENTS, count, seeds=Seeds(1))
    kinds = [pair.same for pair in pairs]
    assert len(pairs) == count and sum(kinds) == (count + 1) // 2
    seen = Counter(unordered(pair for pair in pairs if pair.same))
    # Ten pairs of one patient there are: none comes again before all have come.
    assert max(seen.values()) == -(-sum(kinds) // 10) and (max(seen.values()) == 1 or len(seen) == 10)
    # Pairs of two patients are drawn afresh in every round, not the same ten again.
    assert len(set(unordered(pair for pair in pairs if not pair.same))) >= min(count // 2, 16)
    if count > 8:
        assert kinds != sorted(kinds, reverse=True)
    assert pairs == draw_epoch(PATIENTS, count, seeds=Seeds(1)) != draw_epoch(PATIENTS, count, seeds=Seeds(2))


def test_an_epoch_that_cannot_be():
    with pytest.raises(RemnantError, match=r"at least 2 pairs, one of each kind\. Got 1 instead"):
        draw_epoch(PATIENTS, 1, seeds=Seeds(0))
    with pytest.raises(RemnantError, match="simulate revisits"):
        draw_epoch(["a", "b"], 4, seeds=Seeds(0))


def test_corners_reach_every_place_and_no_further():
    corners = draw_corners((4, 6, 5), 4, 400, seeds=Seeds(0))
    assert corners.shape == (400, 3) and corners.dtype == np.int64
    assert {tuple(corner) for corner in corners} == {(0, y, z) for y in range(3) for z in range(2)}
    assert np.array_equal(corners, draw_corners((4, 6, 5), 4, 400, seeds=Seeds(0)))


def test_a_patch_is_cut_where_it_was_drawn():
    volume = torch.arange(2 * 4 * 6 * 5).reshape(2, 1, 4, 6, 5)
    patch = cut_patch(volume, (0, 2, 1), 4)
    assert patch.shape == (2, 1, 4, 4, 4) and patch[1, 0, 3, 0, 2] == volume[1, 0, 3, 2, 3]
    assert np.array_equal(cut_patch(volume.numpy(), (0, 2, 1), 4), patch.numpy())


def test_a_volume_smaller_than_a_patch():
    with pytest.raises(
        RemnantError, match="A patch of 64 voxels a side does not fit into a volume of 64 x 80 x 48; use"
    ):
        draw_corners((64, 80, 48), 64, 1, seeds=Seeds(0))


def test_all_pairs_hold_every_pair_of_one_patient_and_so_many_of_two():
    patients = ["a"] * 3 + ["b"] * 2 + ["c", "d"]
    found = all_pairs(patients, 2, seeds=Seeds(0))
    same = [pair for pair in found if pair.same]
    assert {frozenset((pair.anchor, pair.other)) for pair in same} == {
        frozenset(pair) for pair in ((0, 1), (0, 2), (1, 2), (3, 4))
    }
    different = {frozenset((pair.anchor, pair.other)) for pair in found if not pair.same}
    assert len(different) == 8 == len(found) - 4
    assert all(len({patients[i] for i in pair}) == 2 for pair in different)
    assert len(all_pairs(patients, 100, seeds=Seeds(0))) == 21
