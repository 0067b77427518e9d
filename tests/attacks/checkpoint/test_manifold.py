import copy
import math

import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.manifold import ManifoldSettings, tune_generator, wanted_classes
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine.loop import Plateau
from remnant.targets.access import weights_of

CNN_TERMS = {"batch_norm", "late_features", "logits", "total_variation"}
VIT_TERMS = {"layer_norm", "class_token", "attention_entropy", "head_similarity", "logits", "total_variation"}


def quiet(step, loss, terms):
    pass


def tune(generator, access, input_range, report=quiet, settings=None, seed=0, **options):
    values = {"steps": 5, "learning_rate": 1e-3, **(settings or {})}
    return tune_generator(generator, access, input_range, ManifoldSettings(**values), Seeds(seed), report, **options)


def test_the_defaults_are_the_author_s():
    settings = ManifoldSettings()
    assert (settings.steps, settings.learning_rate, settings.batch, settings.plateau) == (2500, 1e-5, 8, None)


@pytest.mark.parametrize(("kind", "names"), [("cnn", CNN_TERMS), ("vit", VIT_TERMS)])
def test_every_step_reports_every_term_and_their_weighted_sum(tiny, input_range, kind, names):
    said = []
    weights = TermWeights(logits=0.5)
    access = weights_of(getattr(tiny, kind)())
    tuned = tune(tiny.generator(), access, input_range, lambda *step: said.append(step), {"weights": weights})
    assert [step for step, _, _ in said] == list(range(5)) and tuned.steps == 5 and tuned.levelled_off is None
    for _, loss, terms in said:
        assert terms.keys() == names
        weighed = sum(getattr(weights, name) * value for name, value in terms.items())
        assert loss == pytest.approx(weighed, rel=1e-4)


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_the_prior_is_left_as_it_is_and_every_weight_of_the_copy_moves(tiny, input_range, kind):
    generator = tiny.generator().eval().requires_grad_(False)
    before = copy.deepcopy(generator.state_dict())
    access = weights_of(getattr(tiny, kind)())
    target_before = copy.deepcopy(access.target.state_dict())
    tuned = tune(generator, access, input_range)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, before[name])
        assert not torch.equal(tuned.generator.state_dict()[name], value)
    assert all(torch.equal(value, target_before[name]) for name, value in access.target.state_dict().items())
    assert not tuned.generator.training and not any(w.requires_grad for w in tuned.generator.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in access.target.modules())


def test_the_same_seed_tunes_the_same_generator(tiny, input_range):
    access, weights = weights_of(tiny.cnn()), []
    for seed in (0, 0, 1):
        weights.append(tune(tiny.generator(), access, input_range, seed=seed).generator.linear.weight)
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


class OneDirection(nn.Module):
    """The weight moves images from nearly flat grey to the patterns that the target was trained on."""

    latent = 8

    def __init__(self, patterns):
        super().__init__()
        # Not 0: the negative of the patterns has nearly their statistics.
        self.amount = nn.Parameter(torch.full((1, 1), 0.2))
        self.register_buffer("patterns", patterns)

    def forward(self, latents):
        return 0.5 + self.amount * (self.patterns[latents.argmax(1)] - 0.5)


def test_a_generator_that_can_draw_the_training_batch_is_pulled_towards_it(memorised, input_range, images):
    """By the BatchNorm term alone: the statistics are those of the images at an amount of 1."""
    weights = TermWeights(late_features=0, logits=0, total_variation=0)
    settings = {"steps": 60, "learning_rate": 0.05, "weights": weights, "batch": 32}
    tuned = tune(OneDirection(images), memorised(images), input_range, settings=settings)
    assert tuned.generator.amount.item() == pytest.approx(1, abs=0.1)
    assert list(tuned.progression) == [0, 1, 2, 5, 10, 20, 50, 60]
    assert tuned.progression[60].shape == (4, 1, 16, 16)
    assert tuned.progression[60].std() > 3 * tuned.progression[0].std()


def test_it_ends_when_the_loss_has_levelled_off(memorised, input_range, images):
    weights = TermWeights(late_features=0, logits=0, total_variation=0)
    plateau = Plateau(window=5, span=10, gain=0.01)
    settings = {"steps": 400, "learning_rate": 0.05, "weights": weights, "batch": 32, "plateau": plateau}
    losses = []
    tuned = tune(
        OneDirection(images), memorised(images), input_range, lambda step, loss, terms: losses.append(loss), settings
    )
    assert tuned.levelled_off is True and 15 < tuned.steps == len(losses) < 400
    assert plateau.reached(losses) and not plateau.reached(losses[:-1])
    cut = tune(OneDirection(images), memorised(images), input_range, settings={**settings, "steps": 16})
    assert cut.levelled_off is False and cut.steps == 16


def test_once_the_loss_has_levelled_off_the_rate_is_lowered_and_it_settles(memorised, input_range, images):
    weights = TermWeights(late_features=0, logits=0, total_variation=0)
    plateau = Plateau(window=5, span=10, gain=0.01)
    settings = {"steps": 400, "learning_rate": 0.05, "weights": weights, "batch": 32, "plateau": plateau}
    ended, settled = (
        tune(OneDirection(images), memorised(images), input_range, settings={**settings, "cool_down": share})
        for share in (0, 0.5)
    )
    assert ended.levelled_off is settled.levelled_off is True
    assert settled.steps == ended.steps + math.ceil(0.5 * ended.steps)
    assert settled.generator.amount.item() == pytest.approx(1, abs=0.02)


def test_classes_are_wanted_in_equal_parts_or_one_alone(tiny, input_range):
    assert wanted_classes(8, 2).tolist() == [0] * 4 + [1] * 4
    assert wanted_classes(6, 3).tolist() == [0, 0, 1, 1, 2, 2] and wanted_classes(3, 2, 1).tolist() == [1, 1, 1]
    access, generator, means = weights_of(tiny.cnn()), tiny.generator(), []
    weights = TermWeights(batch_norm=0, late_features=0, logits=1, total_variation=0)
    for wanted in (0, 1):
        settings = {"steps": 15, "learning_rate": 2e-2, "weights": weights}
        tuned = tune(generator, access, input_range, settings=settings, wanted=wanted).generator
        drawn = draw_images(tuned, draw_latents(tuned, 64, Seeds(1).torch()), clamp=False)
        means.append(access.target(input_range(drawn)).mean().item())
    assert means[1] > means[0] + 0.1


def test_a_prior_of_colour_images_is_refused(tiny, input_range):
    class Colour(type(tiny.generator())):
        def forward(self, latents):
            return super().forward(latents).expand(-1, 3, -1, -1)

    with pytest.raises(RemnantError, match="square with one channel"):
        tune(Colour(), weights_of(tiny.cnn()), input_range)


def test_latents_are_drawn_from_the_seed_and_images_clamped(tiny):
    first, second = (draw_latents(tiny.generator(), 3, Seeds(0).child("a").torch()) for _ in range(2))
    assert torch.equal(first, second) and first.shape == (3, 4)
    drawn = draw_images(tiny.generator(), 100 * first)
    assert drawn.min() >= 0 and drawn.max() <= 1 and drawn.dtype == torch.float32


def test_goals_are_asked_of_what_the_target_sees(tiny, memorised, input_range, images):
    """With the input range left out the remembered batch would not comply."""
    goals = Goals(memorised(images), type(input_range)(16, 3), GoalSettings())
    assert goals.batch_terms(images, torch.zeros(8, dtype=torch.long))["batch_norm"] > 0.01
