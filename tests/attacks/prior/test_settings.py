import pytest

from remnant.attacks.prior import PriorSettings, prior_settings
from remnant.base.errors import RemnantError
from remnant.engine.gan import Stage


def test_a_side_is_faded_in_over_the_first_half_of_its_images(tiny):
    assert tiny.steps_of == (4, 6, 8)
    stages = [tiny.stage(step) for step in range(18)]
    assert [stage.depth for stage in stages] == [0] * 4 + [1] * 6 + [2] * 8
    assert [stage.since for stage in stages] == [*range(4), *range(6), *range(8)]
    assert [stage.alpha for stage in stages[:4]] == [0.0] * 4
    assert [stage.alpha for stage in stages[4:10]] == pytest.approx([2 / 3, 1 / 3, 0, 0, 0, 0])
    assert [stage.alpha for stage in stages[10:]] == pytest.approx([0.75, 0.5, 0.25, 0, 0, 0, 0, 0])
    assert tiny.changed(images=(8, 8, 8)).stage(2) == Stage(2, 0.0, 0)


def test_a_larger_side_is_foretold_to_cost_more():
    work = prior_settings("cpu", 64).work_of
    assert len(work) == 5 and list(work) == sorted(work)
    # Measured: 28, 75, 230, 525 and 915 ms a step on one core.
    assert [each / work[0] for each in work] == pytest.approx([1, 2.7, 8.2, 18.8, 32.7], rel=0.4)


@pytest.mark.parametrize(
    ("preset", "side"), [("smoke", 4), ("smoke", 64), ("cpu", 64), ("paper", 256), ("paper", 1024)]
)
def test_presets_hold_together(preset, side):
    settings = prior_settings(preset, side)
    assert settings.side == side and len(settings.channels) == len(settings.images)
    assert settings.gan.batch == 16


def test_what_a_user_can_mend(tiny):
    with pytest.raises(RemnantError, match=r"4 times a power of 2, at most 1024\. Got 60 instead"):
        prior_settings("cpu", 60)
    with pytest.raises(RemnantError, match="cpu trains priors of at most 64 pixels; give another --preset"):
        prior_settings("cpu", 128)
    with pytest.raises(RemnantError, match=r"must be one of smoke, cpu, paper\. Got 'demo' instead"):
        prior_settings("demo", 64)
    with pytest.raises(RemnantError, match=r"4 times a power of 2, at most 1024\. Got 24 instead"):
        tiny.changed(side=24)
    with pytest.raises(RemnantError, match="Images must hold 3 numbers, one a side from 4 to 16 pixels, got 2"):
        tiny.changed(images=(16, 16))
    with pytest.raises(RemnantError, match="Channels must hold 3 numbers"):
        PriorSettings.checked(side=16, channels=(8, 8), images=(1, 1, 1))
