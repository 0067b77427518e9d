"""The blind baseline's statistics where groups are alike, dealt at random or in pairs: at 0.5, and no more alarms than said."""

import numpy as np
import pytest

from remnant.measure.blind import blind_test, weighed
from remnant.measure.membership_inference import MEMBER, NON_MEMBER


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


LARGE = [pytest.param(100, design, marks=pytest.mark.slow) for design in ("random", "unequal", "pairs")]


@pytest.mark.parametrize(("count", "design"), [(40, "random"), (40, "unequal"), (40, "pairs"), *LARGE])
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
    assert np.mean([not one.auc.low <= 0.5 <= one.auc.high for one in found]) < 0.1


def test_a_difference_within_pairs_is_seen():
    random = np.random.default_rng(0)
    features = patients(40, random, pairs=True)
    roles, matched = dealt(40, "pairs", random)
    features[:, :30] += 0.15 * (roles == MEMBER)[:, None]
    found = blind_test(features, roles, random, 99, matched)
    assert found.p <= 0.02 and found.auc.low > 0.5


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
