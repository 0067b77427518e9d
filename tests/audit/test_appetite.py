"""The risk appetite as its owner writes it."""

import pytest

from remnant.attacks.registry import all_attacks
from remnant.audit.verdict.appetite import Appetite
from remnant.audit.verdict.scenario import ASKS, BEARS, SEEN
from remnant.base.errors import RemnantError


@pytest.mark.parametrize(
    ("given", "value", "asked"), [(0, 0, True), (0.0, 0, True), (1, 1, True), (False, 0.09, False), (None, 0.09, True)]
)
def test_nothing_is_a_limit_and_false_is_none(given, value, asked):
    limit = Appetite.checked(identification=given).limits("latents")[0]
    assert (limit.name, limit.value, limit.asked) == ("identification", value, asked)


@pytest.mark.parametrize("scenario", list(SEEN))
def test_a_scenario_asks_for_what_an_attack_of_it_measures(scenario):
    measured = {
        statistic
        for attack in all_attacks().values()
        if attack.access in SEEN[scenario]
        for statistic in BEARS[attack.claim]
    }
    assert set(ASKS[scenario]) <= measured
    asked = {limit.statistic for limit in Appetite.checked(identification=0.5).limits(scenario) if limit.asked}
    assert asked == set(ASKS[scenario])


@pytest.mark.parametrize("given", [True, -0.1, 1.5, "much"])
def test_what_is_no_share_is_refused(given):
    with pytest.raises(RemnantError, match=r"^identification"):
        Appetite.checked(identification=given)
