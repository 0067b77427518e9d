"""The blind baseline's statistics where groups are alike, dealt at random or in pairs: at 0.5, and no more alarms than said."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import Ridge

from remnant.measure.blind import blind_test, weighed
from remnant.measure.blind_ways import RIDGE, RidgeColumns, SingleColumns, held_out
from remnant.measure.roles import MEMBER, NON_MEMBER


def patients(count, random, *, pairs):
    """Features as the blind baseline has them, of `pairs` of partners who share age, sex and what a scan shows of these."""
    traits = np.tile(random.normal(size=(count // 2, 3)), (2, 1)) if pairs else random.normal(size=(count, 3))
    images = 3 * traits @ random.normal(size=(3, 30)) + 2 * random.normal(size=(count, 30))
    return np.hstack([weighed(images), weighed(traits)])


def dealt(count, design, random):
    """Roles of as many patients, and who was matched with whom."""
    if design == "random":
        return random.permutation(np.repeat([MEMBER, NON_MEMBER], count // 2)), None
    if design == "unequal":
        return random.permutation(np.repeat([MEMBER, NON_MEMBER], [count // 4, count - count // 4])), None
    coins = random.choice([MEMBER, NON_MEMBER], count // 2)
    return np.concatenate([coins, -coins]), np.tile(np.arange(count // 2), 2)


DEALS = [(40, "random"), (40, "unequal"), (40, "pairs"), (100, "random"), (100, "unequal"), (100, "pairs")]


@pytest.mark.slow
@pytest.mark.parametrize(("count", "design"), DEALS)
def test_groups_that_are_alike_come_out_at_one_half_and_raise_as_many_alarms_as_the_level_says(count, design):
    found = []
    for seed in range(100):
        random = np.random.default_rng([count, seed])
        features = patients(count, random, pairs=design == "pairs")
        roles, matched = dealt(count, design, random)
        found.append(blind_test(features, roles, random, 39, matched))
    # The standard error of the mean is 0.012; pairs that are held out apart come out at 0.32.
    assert np.mean([one.auc.mean for one in found]) == pytest.approx(0.5, abs=0.035)
    assert np.mean([one.p <= 0.05 for one in found]) < 0.1
    assert 0.4 < np.mean([one.p for one in found]) < 0.6
    # As if scores were independent, 0.5 is outside of one interval in six.
    assert np.mean([not one.auc.low <= 0.5 <= one.auc.high for one in found]) < 0.13


def difference(kind, members, random):
    """Features of as many members as non-members who differ in what no straight line sees, or in one column of many."""
    role, count = np.repeat([True, False], members), 2 * members
    if kind == "members of middle age":
        return weighed(np.where(role, random.normal(50, 6, count), random.normal(50, 20, count))[:, None])
    if kind == "two traits together":
        sex = random.integers(0, 2, count)
        return weighed(np.column_stack([sex, np.where(role, sex, 1 - sex)]).astype(float))
    one = random.normal(size=count) + 1.3 * role
    if kind == "one column of many":
        return weighed(np.column_stack([one, random.normal(size=(count, 60))]))
    return np.hstack([weighed(random.normal(size=(count, 300))), weighed(one[:, None])])


@pytest.mark.parametrize(
    "kind", ["members of middle age", "two traits together", "one column of many", "a block of one beside one of many"]
)
def test_whatever_groups_differ_in_is_seen(kind):
    found = []
    for seed in range(5):
        random = np.random.default_rng(seed)
        roles = np.repeat([MEMBER, NON_MEMBER], 40)
        found.append(blind_test(difference(kind, 40, random), roles, random, 199).p <= 0.025)
    assert sum(found) >= 4


def test_a_trait_that_is_known_of_few_is_told_by_these():
    """As by a rank test among them, however many others there are."""
    random = np.random.default_rng(0)
    roles = np.repeat([MEMBER, NON_MEMBER], 2000)
    age = np.where(np.arange(4000) % 100 < 1, random.normal(60, 9, 4000) + 12 * (roles == MEMBER), np.nan)
    known = np.isfinite(age)
    single = SingleColumns(weighed(age[:, None]), roles, np.zeros(4000, dtype=int))
    p = stats.mannwhitneyu(
        age[known & (roles == MEMBER)], age[known & (roles == NON_MEMBER)], method="asymptotic"
    ).pvalue
    told = np.exp(-single.largest(roles))
    assert np.log(told) == pytest.approx(np.log(p / 2), abs=0.3)


@pytest.mark.parametrize("neither", [0, 2])
@pytest.mark.parametrize(
    "width", [4, 9, 30]
)  # columns, fewer than a part has patients, more, and more than there are patients
def test_each_of_many_deals_is_fitted_without_those_who_are_held_out(width, neither):
    random = np.random.default_rng(0)
    columns = random.normal(size=(23, width)) + 5
    # Parts of four and of five; some patients may be of neither group.
    parts = np.stack([random.permutation(23) % 5 for _ in range(2)])
    roles = np.stack(
        [random.permutation(np.repeat([MEMBER, NON_MEMBER, 0], [9, 14 - neither, neither])) for _ in range(3)]
    )
    held = [held_out(own, parts) for own in roles]
    expected = np.zeros(roles.shape)
    for deal, own in enumerate(roles):
        for out in held[deal].astype(bool):
            fitted = (own != 0) & ~out
            model = Ridge(RIDGE).fit(columns[fitted], own[fitted])
            expected[deal, out] += model.predict(columns[out]) - own[fitted].mean()
    ways = RidgeColumns(columns)
    assert ways.scores(roles, np.stack(held)) == pytest.approx(expected, abs=1e-10)
    # Of thousands of patients what is as wide as there are patients would take gigabytes.
    assert ("hat" in vars(ways)) == (width > 5 and not neither)


def test_a_column_counts_by_its_share_of_its_block():
    roles = np.repeat([MEMBER, NON_MEMBER], 8)
    column = weighed(np.random.default_rng(0).permutation(16.0 + np.arange(16))[:, None])
    alone, of_hundred = (
        SingleColumns(column / share, roles, np.zeros(16, dtype=int)).largest(roles) for share in (1, 10)
    )
    assert alone - of_hundred == pytest.approx(np.log(100))


def test_one_fold_that_differs_from_the_others_is_seen_and_folds_that_are_alike_are_not():
    folds = np.arange(40) % 4
    roles = np.where(folds == np.arange(4)[:, None], NON_MEMBER, MEMBER)
    p_values = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        features = weighed(random.normal(size=(40, 5)))
        p_values.append(blind_test(np.broadcast_to(features, (4, 40, 5)), roles, random, 19).p)
    assert np.mean(np.array(p_values) <= 0.05) < 0.15
    features = weighed(random.normal(size=(40, 5)) * np.where(folds == 2, 0.05, 1)[:, None])
    assert blind_test(np.broadcast_to(features, (4, 40, 5)), roles, random, 199).p <= 0.025


def test_of_few_patients_every_deal_is_counted():
    features = np.array([3.0, 2, 1, 0, -1, -2])[:, None]
    found = blind_test(weighed(features), np.repeat([MEMBER, NON_MEMBER], 3), np.random.default_rng(0))
    # Of 20 deals to two groups of three, this one and its converse differ most in the column.
    assert 1 / 20 <= found.p <= 2 / 20 and not found.p_bound


def test_a_difference_within_pairs_is_seen():
    random = np.random.default_rng(0)
    features = patients(40, random, pairs=True)
    roles, matched = dealt(40, "pairs", random)
    features[:, :30] += 0.15 * (roles == MEMBER)[:, None]
    found = blind_test(features, roles, random, 99, matched)
    assert found.p <= 0.02 and found.auc.low > 0.5


def test_each_deal_of_many_patients_is_reckoned_by_itself():
    random = np.random.default_rng(0)
    roles = np.repeat([MEMBER, NON_MEMBER], 2000)
    assert blind_test(weighed(random.normal(size=(4000, 40)) + 0.3 * roles[:, None]), roles, random, 3).p == 0.25


def test_features_that_tell_nothing_are_at_chance():
    found = blind_test(np.zeros((40, 3)), np.repeat([MEMBER, NON_MEMBER], 20), np.random.default_rng(0), 19)
    assert found.p == 1 and found.auc.mean == 0.5 and found.design_effect == 1


def test_partners_who_are_alike_in_everything_change_nothing_when_they_change_places():
    random = np.random.default_rng(2)
    features = np.tile(weighed(random.normal(size=(20, 4))), (2, 1))
    roles, matched = dealt(40, "pairs", random)
    assert blind_test(features, roles, random, 19, matched).p == 1


def test_whoever_has_nobody_of_his_kind_in_the_other_group_is_held_out_as_others_are():
    random = np.random.default_rng(1)
    roles = np.repeat([MEMBER, NON_MEMBER], 20)
    features = weighed(random.normal(size=(40, 2)) + 3 * (roles == MEMBER)[:, None])
    assert blind_test(features, roles, random, 19, matched=roles).auc.mean > 0.9
