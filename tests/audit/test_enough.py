"""How many patients a silent audit needs: told from the size of the groups, and so that it holds."""

import numpy as np
import pytest

from remnant.audit.verdict.appetite import Appetite
from remnant.audit.verdict.enough import PLAINLY, patients_for, too_few_sentence
from remnant.measure.advantage import membership_advantage
from remnant.measure.membership_inference import FALSE_POSITIVES
from remnant.measure.tpr import true_positive_rate


def limits(advantage=0.25, tpr=0.25):
    return Appetite(membership_advantage=advantage, membership_tpr=tpr).limits("checkpoint")


def within(members, others, draw):
    """Whether scores that tell nothing stay below both limits of 0.25."""
    one, other = draw.normal(size=members), draw.normal(size=others)
    advantage = membership_advantage(one, other, draw).interval().high
    return max(advantage, true_positive_rate(one, other, FALSE_POSITIVES).high - FALSE_POSITIVES) <= 0.25


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_of_so_many_patients_silence_is_often_within_and_of_a_quarter_hardly_ever(share):
    draw, needed = np.random.default_rng(5), patients_for(round(1000 * share), round(1000 * (1 - share)), limits())
    count = {
        part: sum(within(round(needed * share / part), round(needed * (1 - share) / part), draw) for _ in range(40))
        for part in (1, PLAINLY)
    }
    assert count[1] >= 14 and count[PLAINLY] <= 2, (needed, count)


def test_it_is_the_same_from_every_size_and_grows_as_the_limit_falls():
    by_size = [patients_for(size, size, limits()) for size in (60, 200, 5000)]
    assert max(by_size) <= 1.5 * min(by_size)
    assert patients_for(200, 200, limits(0.05, 0.05)) >= 15 * patients_for(200, 200, limits())
    assert patients_for(200, 200, limits(0.05, False)) and patients_for(200, 200, limits(False, False)) is None
    assert patients_for(200, 200, limits(0, 0.25)) is None


def test_only_groups_that_are_plainly_too_small_are_told_and_none_too_small_for_any_interval():
    (said,) = too_few_sentence(40, 40, limits(0.05, 0.05))
    assert said.startswith(
        "40 members and 40 non-members are too few to be within these limits, even if nothing is found: about 3,"
    )
    assert too_few_sentence(2000, 2000, limits(0.05, 0.05)) == [] == too_few_sentence(9, 40, limits())
