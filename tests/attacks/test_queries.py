import numpy as np
import pytest
import torch

from remnant.attacks.queries import (
    QuerySettings,
    averaged,
    groupwise_means,
    looks,
    pairs_of_looks,
    registered_scores,
)
from remnant.cohort.pairs import Pair
from remnant.defenses.privacynet.secret import Bend, SecretSettings, draw_secret
from remnant.defenses.privacynet.warping import warp_scan

PAIRS = [Pair(0, 1, True), Pair(2, 0, False)]


def test_looks_of_a_scan_follow_one_another():
    calls = iter(range(10))
    seen = looks(lambda scans: scans + 100 * next(calls), torch.arange(3.0).view(3, 1, 1, 1, 1), 2)
    assert seen.flatten().tolist() == [0, 100, 1, 101, 2, 102]


def test_every_look_of_one_meets_every_look_of_the_other():
    found = pairs_of_looks(PAIRS, 3)
    assert len(found) == 18 and {(pair.anchor, pair.other) for pair in found[:9]} == {
        (one, other) for one in (0, 1, 2) for other in (3, 4, 5)
    }
    assert {pair.anchor // 3 for pair in found[9:]} == {2} and not any(pair.same for pair in found[9:])


def test_averaged_over_looks_a_weak_adversary_grows_strong():
    pairs = [Pair(2 * i, 2 * i + 1, i % 2 == 0) for i in range(40)]
    noise = np.random.default_rng(0).standard_normal(40 * 16) * 3
    same = np.array([pair.same for pair in pairs_of_looks(pairs, 4)])
    means = averaged(same + noise, 4)
    assert means.shape == (40,) and means[0] == pytest.approx(np.mean((same + noise)[:16]))
    truth = np.array([pair.same for pair in pairs])
    right = [((score > 0.5) == kind).mean() for score, kind in (((same + noise), same), (means, truth))]
    assert right[0] < 0.65 and right[1] > 0.7


def test_an_image_that_shows_nothing_is_like_none(tiny_brains):
    codes = torch.stack([tiny_brains[0][0], torch.zeros(1, 32, 32, 32), tiny_brains[0][0]])
    scores = registered_scores(codes, [Pair(0, 1, False), Pair(1, 2, False), Pair(0, 2, True)], 6.0)
    assert scores[0] == scores[1] == 0 and scores[2] > 0.9


def test_queries_bent_onto_each_other_show_the_scan(tiny_brains):
    image = tiny_brains[0][0]
    settings = SecretSettings(mirror=False)
    codes = torch.stack(
        [warp_scan(image, draw_secret(image.shape[1:], 6.0, settings, np.random.default_rng(i))) for i in range(6)]
    )
    mean = groupwise_means(codes, QuerySettings(queries=6), 6.0)
    assert mean.shape == (1, 1, 32, 32, 32)

    def like(other):
        return np.corrcoef(other.flatten(), image.flatten())[0, 1]

    one = max(like(code) for code in codes)
    assert like(mean) > one + 0.02 and like(mean) > like(codes.mean(0)) + 0.005


def test_mirrored_queries_are_turned_back(tiny_brains):
    image = tiny_brains[0][1]
    codes = torch.stack([image, image.flip(1), image])
    mean = groupwise_means(codes, QuerySettings(queries=3, rounds=1), 6.0)
    assert np.corrcoef(mean.flatten(), image.flatten())[0, 1] > 0.99


def test_registered_onto_each_other_two_looks_at_one_person_fit_better(tiny_brains):
    settings = SecretSettings(bends=(Bend(size_mm=4, length_mm=30),))
    shown = [tiny_brains[0][i] for i in (0, 0, 1, 2)]
    codes = torch.stack(
        [
            warp_scan(image, draw_secret((32,) * 3, 6.0, settings, np.random.default_rng(i)))
            for i, image in enumerate(shown)
        ]
    )
    scores = registered_scores(codes, [Pair(0, 1, True), Pair(0, 2, False), Pair(0, 3, False)], 6.0)
    assert scores.dtype == np.float64 and scores[0] > scores[1:].max() + 0.01
