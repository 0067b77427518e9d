"""Tests dealt together: on every deal the statistics that the tests are of, and the order of their exact p."""

import numpy as np
import pytest
from scipy import stats

from remnant.measure.advantage import advantage_p
from remnant.measure.dealt_together import DEALS, FEWEST_DEALS, _p_values, _View, deals_for, dealt_p
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.tpr import members_at_top, true_positive_p


def exact(scores, members):
    own, others = scores[members], scores[~members]
    test = membership_test(scores, np.where(members, MEMBER, NON_MEMBER), np.random.default_rng(0))
    found = [test.p, advantage_p(own, others), true_positive_p(own, others, 0.1)]
    top = members_at_top(own, others)
    return [*found, top.p] if top else found


@pytest.mark.parametrize(("m", "n", "values"), [(40, 45, None), (30, 120, None), (40, 45, 6), (30, 120, 9)])
def test_p_is_near_the_exact_one_of_the_same_statistic_also_with_ties(m, n, values):
    draw = np.random.default_rng(m)
    for shift in (0.0, 0.3, 0.5):
        scores = np.concatenate([draw.normal(shift, 1, m), draw.normal(size=n)])
        scores = scores if values is None else scores.round() + 0.0 * values
        members = np.repeat([True, False], [m, n])
        found = _p_values([_View(scores, m)], members[:, None])[0, 0]
        expected = exact(scores, members)
        assert len(found) == len(expected)
        assert np.allclose(found[2:], expected[2:])
        # Ties take the exact p of the largest gap further from its limit than few patients do.
        assert np.abs(found[:2] - expected[:2]).max() < (0.05 if values is None else 0.2)


def test_of_every_deal_the_statistics_are_those_of_scipy():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=50)
    deals = np.stack([draw.permutation(np.arange(50) < 20) for _ in range(60)])
    found = _p_values([_View(scores, 20)], deals.T)[:, 0]
    for own, p in zip(deals, found, strict=True):
        area = stats.mannwhitneyu(scores[own], scores[~own], method="asymptotic", use_continuity=False)
        gap = stats.ks_2samp(scores[own], scores[~own], alternative="less").statistic
        assert p[0] == pytest.approx(area.pvalue) and p[1] == pytest.approx(np.exp(-2 * gap**2 * 20 * 30 / 50))
        assert p[2] == pytest.approx(true_positive_p(scores[own], scores[~own], 0.1))


def test_deals_are_of_all_scores_of_a_patient_together():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=40)
    members = np.arange(40) < 15
    own, dealt = dealt_p(np.stack([scores, scores, 2 * scores]), members, np.random.default_rng(1))
    assert own.shape == (3, 3) and dealt.shape == (DEALS, 3, 3) and dealt.dtype == np.float32
    assert (dealt[:, 0] == dealt[:, 1]).all() and (dealt[:, 0] == dealt[:, 2]).all() and (own[0] == own[2]).all()
    assert np.abs(np.quantile(dealt[:, 0, 0], [0.1, 0.5]) - [0.1, 0.5]).max() < 0.03
    # No other roles than so many members.
    assert (dealt[:, 0, 2] <= 0.1).mean() < 0.13
    again = dealt_p(np.stack([scores]), members, np.random.default_rng(1))[1]
    assert (again[:, 0] == dealt[:, 0]).all()


def test_of_many_patients_there_are_fewer_deals():
    assert deals_for(170, 20) == DEALS and deals_for(20_000, 30) == FEWEST_DEALS
    assert FEWEST_DEALS < deals_for(2_000, 20) == 10_000 < DEALS


def test_of_99_non_members_the_lowest_rates_are_a_test_of_their_own():
    scores = np.random.default_rng(0).normal(size=120)
    assert dealt_p(scores[None], np.arange(120) < 21, np.random.default_rng(0))[0].shape == (1, 4)
    assert dealt_p(scores[None], np.arange(120) < 22, np.random.default_rng(0))[0].shape == (1, 3)
