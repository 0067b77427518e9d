import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from remnant.base.errors import RemnantError
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.pull import gain_beyond, membership_pull

MEMBER = np.arange(12) < 6


def noise(images=10, seed=0):
    return np.random.default_rng(seed).normal(0, 0.01, (images, 12))


def rng():
    return np.random.default_rng(1)


def test_the_difference_is_of_the_nearest_on_either_side():
    scores = np.array([[0.9, 0.1, 0.5, 0.2], [0.3, 0.4, 0.1, 0.8]])
    found = membership_pull(scores, np.array([True, True, False, False]), rng(), resamples=10)
    assert found.difference == pytest.approx(((0.9 - 0.5) + (0.4 - 0.8)) / 2)
    assert (found.drawn, found.members, found.non_members) == (2, 2, 2)


def test_images_near_members_are_pulled_and_p_is_exact_enough():
    scores = noise()
    scores[:, MEMBER] += 0.3
    found = membership_pull(scores, MEMBER, rng(), resamples=2000)
    assert found.difference > 0.25 and found.difference > found.detectable
    # All six members must be dealt together again: 1 of 924 ways, and noise never makes up for one.
    assert found.p < 0.01
    assert membership_pull(scores, ~MEMBER, rng(), resamples=500).p > 0.99


def test_one_patient_whom_all_resemble_is_no_evidence():
    scores = noise()
    scores[:, 0] += 0.3
    assert membership_pull(scores, MEMBER, rng(), resamples=500).p > 0.3


def test_p_is_uniform_without_a_pull():
    ps = [membership_pull(noise(seed=seed), MEMBER, rng(), resamples=99).p for seed in range(200)]
    assert 0.01 <= np.mean(np.array(ps) <= 0.05) <= 0.1 and 0.4 < np.mean(ps) < 0.6


def test_what_the_control_is_pulled_is_taken_off():
    scores = noise()
    scores[:, MEMBER] += 0.3
    found = membership_pull(scores, MEMBER, rng(), control=scores[:5], resamples=200)
    assert abs(found.difference) < 0.02 and found.p > 0.05


@pytest.mark.parametrize(
    ("scores", "member"),
    [
        (np.zeros((2, 3)), np.array([True, False])),
        (np.full((2, 2), np.nan), np.array([True, False])),
        (np.zeros((2, 2)), np.array([True, True])),
        (np.zeros((0, 2)), np.array([True, False])),
    ],
)
def test_what_cannot_be_compared(scores, member):
    with pytest.raises(RemnantError, match="The pull needs"):
        membership_pull(scores, member, rng())


def audit(draw, members=40, others=40, drawn=12, control=60, *, apart=0.0, spread=1.0, shift=0.0, copies=0.0):
    """An attack of `drawn` candidates and a control of `control`, both from one prior but for a `shift` and copies of members:
    a share, or so many of them, each of another member.

    Similarities of points in six dimensions; members lie `apart` from the others, and are `spread` so wide.
    """
    patients = draw.normal(size=(members + others, 6))
    patients[:members] = patients[:members] * spread + apart * np.eye(6)[0]
    candidates = 1.2 * draw.normal(size=(drawn + control, 6))
    candidates[:drawn, 1] += shift
    some = copies > 1
    copied = np.arange(copies) if some else np.flatnonzero(draw.random(drawn) < copies)
    candidates[copied] = patients[
        copied % members if some else draw.integers(0, members, len(copied))
    ] + 0.3 * draw.normal(size=(len(copied), 6))
    similarities = 1 - 1e-3 * cdist(candidates, patients, "sqeuclidean")
    own, other = similarities[:drawn], similarities[drawn:]
    return (own[:, :members], own[:, members:]), (other[:, :members], other[:, members:])


@pytest.mark.parametrize(
    ("seed", "world"),
    [
        (0, {}),
        *(
            pytest.param(seed, world, marks=pytest.mark.slow)
            for seed, world in [
                (1, {"apart": 2.0}),
                (2, {"spread": 0.6}),
                (3, {"apart": 2.0, "members": 8}),
                (4, {"drawn": 60}),
                (6, {"shift": 4.0}),
            ]
        ),
    ],
)
def test_an_attack_that_is_nothing_but_its_own_prior_is_seldom_flagged(seed, world):
    draw, audits = np.random.default_rng(seed), 300
    found = [gain_beyond(*audit(draw, **world), draw) for _ in range(audits)]
    flagged = sum(each.gain > 0 and each.p <= 0.025 for each in found)
    # No more often than in 2.5% of audits, as far as so many can tell.
    assert flagged <= stats.binom.ppf(0.99, audits, 0.025)
    missed = sum(each.low > 0 or each.high < 0 for each in found)
    assert missed <= stats.binom.ppf(0.99, audits, 0.05)


@pytest.mark.parametrize("world", [{}, {"copies": 6}, {"drawn": 3, "control": 200}])
def test_how_many_deals_are_counted_at_a_time_changes_nothing(world, monkeypatch):
    told = []
    for together in (1, 64):
        monkeypatch.setattr("remnant.measure.pull.TOGETHER", together)
        draw = rng()
        told.append((gain_beyond(*audit(rng(), **world), draw), draw.random()))
    assert told[0] == told[1]


@pytest.mark.parametrize("few", [{"members": FEWEST_PATIENTS - 1}, {"others": FEWEST_PATIENTS - 1}])
def test_below_ten_patients_a_group_there_is_a_p_and_no_interval(few):
    found = gain_beyond(*audit(rng(), **few), rng(), thinnings=5)
    assert math.isnan(found.low) and math.isnan(found.high) and 0 < found.p < 1 and not math.isnan(found.gain)
    enough = gain_beyond(*audit(rng(), **dict.fromkeys(few, FEWEST_PATIENTS)), rng(), thinnings=5)
    assert enough.low < enough.gain < enough.high


def test_copies_of_members_are_seen_though_few_were_drawn():
    draw = np.random.default_rng(5)
    found = [gain_beyond(*audit(draw, members=8, drawn=12, copies=1.0), draw, thinnings=20) for _ in range(30)]
    assert np.mean([each.gain > 0 and each.p <= 0.025 for each in found]) > 0.8
    assert np.mean([each.gain for each in found]) > 0.4


@pytest.mark.slow
def test_a_near_copy_of_each_member_is_seen_among_a_hundred_candidates_and_a_hundred_rows():
    draw, alpha = np.random.default_rng(7), 0.025 / 100
    world = {"members": 8, "others": 85, "drawn": 100, "control": 300, "copies": 8}
    found = [gain_beyond(*audit(draw, **world), draw, alpha=alpha, thinnings=20) for _ in range(4)]
    assert sum(each.gain > 0 and each.p <= alpha for each in found) >= 3
    # No deal was as extreme, and many more than the level needs were made.
    assert any(each.p_bound and each.p <= alpha / 2 for each in found)
    # What is said to be detectable grows with the number of rows.
    pair = audit(draw)
    among, alone = (gain_beyond(*pair, rng(), alpha=level).detectable for level in (alpha, 0.025))
    assert among > 1.2 * alone > 0
    # So does the interval that holds for all of them, whose lower end is that of an interval at 1 - alpha.
    narrow, wide = (gain_beyond(*pair, rng(), alpha=alpha, level=level) for level in (0.95, 1 - alpha))
    assert narrow.least == pytest.approx(wide.low) and wide.low < narrow.low


def test_a_gain_is_the_share_of_the_distance_that_members_lose():
    own, other = np.random.default_rng(0).uniform(0.2, 0.4, (2, 30, 10))
    near = 1 - (1 - own) * 0.25
    found = gain_beyond((near, other), (own, other), rng())
    # Of half of the control and the attack each: the same subsets on average.
    assert found.gain == pytest.approx(0.75, abs=0.02) and found.candidates == 15
    assert found.low < found.gain < found.high < 1 and found.p < 1e-3 and found.p_bound
    other_way = gain_beyond((other, near), (other, own), rng())
    assert other_way.gain == pytest.approx(-3, abs=0.3)
    # All that lies nearer by one factor, members and others, is no gain.
    both = gain_beyond((near, 1 - (1 - other) * 0.25), (own, other), rng())
    assert both.gain == pytest.approx(0, abs=0.05) and both.p > 0.2


def test_what_cannot_be_told_is_not_told():
    one, few = np.full((4, 1), 0.5), np.random.default_rng(0).uniform(0, 0.5, (4, 3))
    assert np.isnan(gain_beyond((one, few), (one, few), rng()).p)
    assert np.isnan(gain_beyond((few, few), (few[:1], few[:1]), rng()).gain)
    assert np.isnan(gain_beyond((few[:, :0], few), (few[:, :0], few), rng()).gain)
    # A candidate that is the patient's own image has a distance, too.
    assert np.isfinite(gain_beyond((few + (1 - few), few), (few, few), rng()).gain)
    for bad in (few[:, :2], np.full((4, 3), np.nan)):
        with pytest.raises(RemnantError, match="A gain needs finite similarities"):
            gain_beyond((bad, few), (few, few), rng())


def test_a_patient_of_several_images_counts_once():
    own, other = np.random.default_rng(0).uniform(0.1, 0.4, (2, 30, 10))
    near = own * 1.2
    twice = [np.repeat(part, 2, axis=1) for part in (near, other, own)]
    names = [f"p{number}" for number in range(10)]
    doubled = tuple([name for name in names for _ in range(2)] for _ in range(2))
    once = gain_beyond((near, other), (own, other), rng())
    again = gain_beyond((twice[0], twice[1]), (twice[2], twice[1]), rng(), patients=doubled)
    assert (once.gain, once.p) == pytest.approx((again.gain, again.p))
    with pytest.raises(RemnantError, match="Each image needs its patient"):
        gain_beyond((near, other), (own, other), rng(), patients=(names, names[1:]))
