"""AUC, exact and dealt p-values and intervals against independent oracles, for one target and for rotations."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from remnant.base.errors import RemnantError
from remnant.measure.auc import detectable_auc
from remnant.measure.membership_inference import aucs_of, dealt_again, membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER


def generator(seed=0):
    return np.random.default_rng(seed)


def rotation(patients, folds, *, leak=0.0, spread=1.0, between=0.0, seed=0):
    """Scores and roles of a rotation: each patient a member of one target and a non-member of the one before."""
    random, own = generator(seed), np.arange(patients) % folds
    roles = np.zeros((folds, patients), dtype=int)
    roles[own, np.arange(patients)] = MEMBER
    roles[(own - 1) % folds, np.arange(patients)] = NON_MEMBER
    scores = random.normal(size=roles.shape) + spread * random.normal(size=patients)
    scores += between * random.normal(size=(folds, 1)) + leak * (roles == MEMBER)
    return scores, roles


def test_one_target_has_the_auc_of_scikit_learn_and_the_exact_p():
    scores, roles = generator(1).normal(size=24), np.repeat([MEMBER, NON_MEMBER], 12)
    scores[:12] += 1
    found = membership_test(scores, roles, generator())
    assert found.auc.mean == pytest.approx(roc_auc_score(roles == MEMBER, scores))
    assert found.p == pytest.approx(stats.mannwhitneyu(scores[:12], scores[12:], method="exact").pvalue)
    assert not found.p_bound and (found.members, found.non_members) == (12, 12)
    assert found.auc.low < found.auc.mean < found.auc.high and not found.few


def test_ties_are_counted_over_every_deal_where_these_are_few():
    scores, roles = np.array([1.0, 1, 1, 0, 0, 0]), np.repeat([MEMBER, NON_MEMBER], 3)
    assert membership_test(scores, roles, generator()).p == pytest.approx(2 / math.comb(6, 3))
    alike = membership_test(np.ones(6), roles, generator())
    assert (alike.p, alike.p_bound) == (1, False)


@pytest.mark.parametrize("shape", [(30,), (3, 12)])
def test_areas_of_several_scores_at_once_are_those_of_scikit_learn(shape):
    roles = generator(1).permuted(np.resize([MEMBER, NON_MEMBER, OTHER], shape))
    several = generator(2).integers(0, 9, (5, *shape)).astype(float)
    chosen = roles != OTHER
    oracle = [roc_auc_score(roles[chosen] == MEMBER, one[chosen]) for one in several]
    assert aucs_of(several, roles) == pytest.approx(oracle)
    assert [aucs_of(one, roles) for one in several] == pytest.approx(oracle)


def test_p_is_exact_up_to_ten_thousand_pairs_and_the_curves_from_a_thousand_a_group_on():
    def test_of(members, others):
        roles = np.repeat([MEMBER, NON_MEMBER], [len(members), len(others)])
        return membership_test(np.concatenate([members, others]), roles, generator(5))

    draw = generator(4)
    members, others = draw.normal(0.3, 1, 100), draw.normal(0, 1, 101)
    exact = stats.mannwhitneyu(members, others[:100], method="exact").pvalue
    assert test_of(members, others[:100]).p == exact
    # Of more pairs the deals of a seed are counted, and doubled.
    dealt = test_of(members, others)
    assert dealt.p == test_of(members, others).p and dealt.p * 10_001 / 2 == pytest.approx(round(dealt.p * 10_001 / 2))
    many = [draw.normal(shift, 1, 1000).round(1) for shift in (0.1, 0.0)]
    found = test_of(*many)
    assert (found.p, found.p_bound) == (stats.mannwhitneyu(*many, method="asymptotic").pvalue, False)


def test_a_test_in_words():
    scores, roles = np.append(np.arange(20.0), 4.5), np.array([NON_MEMBER] * 10 + [MEMBER] * 11)
    found = membership_test(scores, roles, generator())
    assert found.true_positives.rate == 0.1
    assert found.describe() == (
        f"11 members and 10 non-members, AUC {found.auc.mean:.2f} [{found.auc.low:.2f}, {found.auc.high:.2f}], p < 0.001"
    )
    few = membership_test(np.array([0.0, 1]), np.array([NON_MEMBER, MEMBER]), generator())
    assert few.describe() == "1 member and 1 non-member, AUC 1.00, p = 1.00"


def test_a_deal_never_met_makes_p_a_bound_and_the_sentence_says_so():
    roles = np.repeat([MEMBER, NON_MEMBER], 20)
    apart = membership_test((roles == MEMBER).astype(float), roles, generator())
    assert apart.p_bound and apart.p <= 2e-4 and "p < 0.001" in apart.describe()
    met = membership_test(np.tile([0.0, 1.0, 1.0, 0.0], 10), roles, generator())
    assert not met.p_bound and "p = " in met.describe()


def test_below_ten_patients_a_group_there_is_no_interval_but_an_exact_p():
    found = membership_test(np.arange(18.0), np.repeat([NON_MEMBER, MEMBER], 9), generator())
    assert found.few and math.isnan(found.auc.low) and math.isnan(found.auc.high)
    assert found.p == pytest.approx(2 / math.comb(18, 9)) and "[" not in found.describe()
    assert not math.isnan(membership_test(np.arange(20.0), np.repeat([NON_MEMBER, MEMBER], 10), generator()).auc.low)


def test_true_positives_need_thirty_non_members():
    roles = np.repeat([MEMBER, NON_MEMBER], 29)
    few = membership_test(generator(2).normal(size=58), roles, generator()).true_positives
    assert few.describe() == "not resolvable with 29 non-members (needs 30)"
    many = membership_test(np.arange(60.0), np.repeat([NON_MEMBER, MEMBER], 30), generator()).true_positives
    assert many.share.mean == 1 and many.share.low == pytest.approx(0.025 ** (1 / 30))


def test_a_small_rotation_deals_every_order_of_its_patients():
    scores, roles = rotation(6, 3, leak=2.0)
    found = membership_test(scores, roles, generator())

    def apart(order):
        dealt = scores[:, list(order)]
        return abs(roc_auc_score([1] * 6 + [0] * 6, [*dealt[roles == MEMBER], *dealt[roles == NON_MEMBER]]) - 0.5)

    least = apart(range(6)) - 1e-12
    assert found.p == pytest.approx(np.mean([apart(order) >= least for order in itertools.permutations(range(6))]))
    assert found.auc.mean - 0.5 == pytest.approx(apart(range(6)))
    # Two-sided: who is told the other way round is told as well.
    assert membership_test(-scores, roles, generator()).p == pytest.approx(found.p)


@pytest.mark.slow
def test_a_rotation_errs_no_more_often_than_the_level_says_however_patients_and_targets_differ():
    found = [membership_test(*rotation(24, 4, spread=2, between=1, seed=s), generator(s), 99).p for s in range(300)]
    assert np.mean(np.array(found) <= 0.05) < 0.09


def test_pairing_finds_what_independent_groups_would_not():
    scores, roles = rotation(24, 4, leak=1.0, spread=4)
    apart = membership_test(
        np.concatenate([scores[roles == MEMBER], scores[roles == NON_MEMBER]]),
        np.repeat([MEMBER, NON_MEMBER], 24),
        generator(),
    )
    paired = membership_test(scores, roles, generator())
    assert paired.p < 0.05 < apart.p and paired.auc.mean == pytest.approx(apart.auc.mean)
    assert paired.auc.high - paired.auc.low < apart.auc.high - apart.auc.low


@pytest.mark.parametrize(("leak", "spread"), [(0.0, 1.0), (2.0, 1.0)])
def test_the_interval_of_a_rotation_covers_the_truth(leak, spread):
    truth = stats.norm.cdf(leak / math.sqrt(2 * (1 + spread**2)))
    found = [
        membership_test(*rotation(24, 4, leak=leak, spread=spread, seed=seed), generator(), 1).auc
        for seed in range(400)
    ]
    assert 0.92 < np.mean([one.low <= truth <= one.high for one in found]) <= 0.99


@pytest.mark.parametrize(("patients", "folds"), [(15, 3), (24, 2), (24, 4)])
@pytest.mark.parametrize("leak", [0.0, 1.5])
def test_p_and_interval_are_of_one_design_however_targets_and_patients_differ(patients, folds, leak):
    spread, random, covered, wide, against = 2.0, generator(7), [], [], []
    for seed in range(120):
        between = 4 * random.normal(size=(folds, 1))
        scores, roles = rotation(patients, folds, leak=leak, spread=spread, seed=seed)
        share = [(roles == role).mean(1) / (roles == role).mean(1).sum() for role in (MEMBER, NON_MEMBER)]
        ahead = stats.norm.cdf((leak + between - between.T) / math.sqrt(2 * (1 + spread**2)))
        found = membership_test(scores + between, roles, generator(seed), 99)
        covered.append(found.auc.low <= share[0] @ ahead @ share[1] <= found.auc.high)
        wide.append(found.auc.high - found.auc.low)
        against.append(found.p <= 0.01 and found.auc.low <= 0.5 <= found.auc.high)
    assert np.mean(covered) >= 0.9
    assert np.mean(against) <= 0.02 and np.mean(wide) < 0.2


@pytest.mark.slow
@pytest.mark.parametrize(("patients", "folds"), [(24, 4), (24, 2)])
def test_detectable_is_found_four_times_in_five_in_the_design_that_the_interval_is_of(patients, folds):
    spread = 2.0
    area = 0.5
    for _ in range(6):  # What is detectable hangs, by the design effect, a little on the area that is there.
        leak = stats.norm.ppf(area) * math.sqrt(2 * (1 + spread**2))
        rotations = [rotation(patients, folds, leak=leak, spread=spread, seed=seed) for seed in range(30)]
        area = np.mean([membership_test(*each, generator(), 1).detectable() for each in rotations])
    assert area < detectable_auc(patients, patients) - 0.05
    found = [
        membership_test(*rotation(patients, folds, leak=leak, spread=spread, seed=seed), generator(seed), 99).p <= 0.05
        for seed in range(100, 300)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.1)


def test_one_target_has_the_detectable_area_of_independent_patients_at_the_level_asked_for():
    found = membership_test(generator(1).normal(size=60), np.repeat([MEMBER, NON_MEMBER], 30), generator())
    assert found.design_effect == 1 and found.detectable(0.01) == detectable_auc(30, 30, alpha=0.01)
    several = membership_test(*rotation(24, 4, spread=4), generator(), 9)
    assert several.detectable() == several.detectable(0.05) < 0.95 * detectable_auc(24, 24)


def test_how_much_patients_in_both_groups_change_is_the_same_for_scores_turned_round():
    scores, roles = rotation(24, 4, leak=1.0)
    for values in (scores, scores.round()):
        effects = [membership_test(turned * values, roles, generator(), 9).design_effect for turned in (1, -1)]
        assert effects[0] == pytest.approx(effects[1]) and effects[0] != 1
    assert membership_test(np.ones(roles.shape), roles, generator(), 9).design_effect == 1


def test_targets_of_one_member_each_have_an_interval_that_covers_the_truth():
    found = [membership_test(*rotation(12, 12, spread=0, seed=s), generator(), 1).auc for s in range(150)]
    assert np.mean([one.low <= 0.5 <= one.high for one in found]) > 0.9


def test_those_of_other_roles_are_not_counted_but_dealt():
    scores, roles = rotation(12, 3)
    assert (roles == OTHER).sum() == 12
    found = membership_test(scores, roles, generator(), 99)
    assert (found.members, found.non_members) == (12, 12)
    scores[roles == OTHER] = 50
    assert membership_test(scores, roles, generator(), 99).auc == found.auc


def test_dealing_again_counts_the_order_as_it_is():
    dealt = dealt_again(lambda orders: (orders == np.arange(30)).all(1).astype(float), 30, generator(), 99)
    assert (dealt.p, dealt.p_bound) == (0.01, True) and len(dealt.values) == 99


@pytest.mark.parametrize(("patients", "deals"), [(7, 5040), (8, 99)])
def test_every_order_of_seven_patients_is_counted(patients, deals):
    dealt = dealt_again(
        lambda orders: (orders == np.arange(patients)).all(1).astype(float), patients, generator(), resamples=99
    )
    assert len(dealt.values) == deals
    assert (dealt.p, dealt.p_bound) == ((1 / 5040, False) if patients == 7 else (0.01, True))


def test_deals_are_counted_some_at_a_time():
    together = []
    dealt_again(lambda orders: together.append(len(orders)) or np.zeros(len(orders)), 2**12, generator(), 10)
    assert together == [1, 4, 4, 2]  # the order as it is, and then the deals


@pytest.mark.parametrize("pairs", [3, 20])
def test_matched_patients_change_places_with_each_other_alone(pairs):
    matched = np.tile(np.arange(pairs), 2)
    orders = []
    dealt_again(lambda dealt: orders.extend(dealt) or np.zeros(len(dealt)), 2 * pairs, generator(), 99, matched)
    assert all((matched[order] == matched).all() for order in orders)
    assert len({tuple(order) for order in orders}) == (2**3 if pairs == 3 else 100)


def test_what_does_not_fit_is_refused():
    said = "^A membership test needs one finite score and one role a patient and target. Got shapes "
    for scores, roles, words in (
        (np.zeros(3), np.ones(4), said + r"\(1, 3\) and \(1, 4\) with 0 scores not finite instead"),
        (np.array([0, 0, math.nan]), np.array([1, -1, 1]), "1 scores not finite"),
        (np.zeros(2), np.ones(2), "Got 2 and 0"),
    ):
        with pytest.raises(RemnantError, match=words):
            membership_test(scores, roles, generator())
