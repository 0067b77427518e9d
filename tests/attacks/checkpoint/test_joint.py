import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.joint import JointSettings, invert_sets
from remnant.base.seeds import Seeds


class Gallery(nn.Module):
    """A generator of fixed patterns, each by its own number of the latent."""

    latent = 8

    def __init__(self, patterns):
        super().__init__()
        self.patterns = nn.Parameter(patterns)

    def forward(self, latents):
        return torch.tensordot((4 * latents).softmax(1), self.patterns, 1)


@pytest.fixture
def goals(memorised, input_range, images):
    """Of a target whose statistics are those of the first four images."""
    return Goals(memorised(images[:4]), input_range, GoalSettings())


def test_only_the_training_images_together_leave_nothing_to_be_desired(goals, images):
    classes = torch.tensor([0, 0, 1, 1])

    def left(shown):
        return goals.set_terms(shown, classes[: len(shown)])["standardised_batch_norm"]

    # BatchNorm's own epsilon is what is left.
    assert left(images[:4]) < 1e-4 and left(images[:4].flip(0)) < 1e-4
    assert left(images[4:]) > 0.01 and left(images[:3]) > 0.01


def test_the_search_finds_what_the_target_saw(tiny, memorised, input_range):
    """Images that the generator can draw: the set that ends lowest shows each of them, whatever the order."""
    generator = tiny.generator()
    seen = draw_images(generator, draw_latents(generator, 2, Seeds(9).torch()))
    goals, said = Goals(memorised(seen), input_range, GoalSettings()), []
    settings = JointSettings(sets=(2,) * 6, steps=150, learning_rate=0.05, logits=0, prior=0)
    found = invert_sets(generator, goals, settings, Seeds(0), lambda *step: said.append(step))
    assert found.images.shape == (12, 1, 16, 16) and [step for step, _, _ in said] == list(range(900))
    best = int(found.scores.argmin()) // 2 * 2
    assert found.scores[best] == found.scores[best + 1] < 0.02 * said[best // 2 * 150][1]
    far = (found.images[best : best + 2, None] - seen[None]).square().mean((2, 3, 4))
    starts = draw_images(generator, draw_latents(generator, 2, Seeds(0).child(f"set {best // 2}").torch()))
    before = (starts[:, None] - seen[None]).square().mean((2, 3, 4))
    assert far.min(0).values.max() < 0.25 * before.mean()


def test_weights_of_classes_and_latents_are_heard(goals, images):
    generator, starts = Gallery(images), draw_latents(Gallery(images), 4, Seeds(0).child("set 0").torch())

    def last(**weights):
        said = []
        settings = JointSettings(sets=(4,), steps=30, learning_rate=0.1, **weights)
        invert_sets(generator, goals, settings, Seeds(0), lambda *step: said.append(step[2]))
        assert said[0]["latent prior"] == pytest.approx(float(0.5 * starts.square().mean()))
        return said[-1]

    free = last(logits=0, prior=0)
    assert last(logits=20, prior=0)["logits"] < free["logits"]
    assert last(logits=0, prior=5)["latent prior"] < free["latent prior"]
    assert set(free) == {"standardised_batch_norm", "logits", "latent prior"}
