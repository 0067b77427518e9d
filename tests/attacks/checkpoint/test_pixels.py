import pytest
import torch

from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.pixels import PixelSettings, invert_pixels
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of


def test_pixels_come_to_have_the_statistics_that_the_target_remembers(memorised, input_range, images):
    goals, said = Goals(memorised(images), input_range, GoalSettings()), []
    weights = PixelSettings().weights.changed(batch_norm=20)
    settings = PixelSettings(images=8, batch=8, side=16, steps=50, learning_rate=0.03, weights=weights)
    found = invert_pixels(goals, settings, Seeds(0), lambda *step: said.append(step))
    assert found.images.shape == (8, 1, 16, 16) and found.images.min() >= 0 and found.images.max() <= 1
    assert found.images.dtype == torch.float32 and found.scores.shape == (8,)
    first, last = said[0][2], said[-1][2]
    assert last["batch_norm"] < 0.3 * first["batch_norm"] and last["logits"] < first["logits"]
    assert first.keys() == {"batch_norm", "late_features", "logits", "total_variation", "l2"}


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_batches_are_nearly_equal_and_steps_counted_on(tiny, input_range, kind):
    goals, steps = Goals(weights_of(getattr(tiny, kind)()), input_range, GoalSettings()), []
    settings = PixelSettings(images=5, batch=4, side=16, steps=3)
    found = invert_pixels(goals, settings, Seeds(0), lambda step, loss, terms: steps.append(step))
    assert found.images.shape == (5, 1, 16, 16) and steps == list(range(6))


def test_total_variation_and_l2_smooth_and_grey(tiny, input_range):
    goals = Goals(weights_of(tiny.cnn()), input_range, GoalSettings())
    nothing = TermWeights(batch_norm=0, late_features=0, logits=0, total_variation=0)
    values = {"images": 2, "side": 16, "steps": 25, "jitter": 0}

    def drawn(l2=0.0, **weights):
        settings = PixelSettings(**values, l2=l2, weights=nothing.changed(**weights))
        return invert_pixels(goals, settings, Seeds(0), lambda *step: None).images

    plain = drawn()
    assert drawn(total_variation=1.0).diff(dim=3).abs().mean() < 0.3 * plain.diff(dim=3).abs().mean()
    assert (drawn(l2=1.0) - 0.5).abs().mean() < 0.3 * (plain - 0.5).abs().mean()
