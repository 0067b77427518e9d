"""What only an auditor can ask: how near the prior can come, and whether training images fit what an attack asks for."""

import numpy as np
import pytest
import torch

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.methods import MethodSettings
from remnant.attacks.checkpoint.oracles import CeilingSettings, invert_images, objective_of, values_of_sets
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of


def quiet(step, loss, terms):
    pass


def test_what_the_prior_can_draw_it_finds_and_nothing_else(tiny):
    generator = tiny.generator()
    own = draw_images(generator, draw_latents(generator, 3, Seeds(7).torch()))
    settings = CeilingSettings(starts=50, steps=150)
    found = invert_images(generator, own, settings, Seeds(0), quiet)
    assert found.shape == own.shape and (found - own).square().mean((1, 2, 3)).max() < 1e-4
    # Each begins at the nearest image of the prior: from there one step moves it hardly.
    near = invert_images(generator, own, settings.changed(steps=1, learning_rate=1e-6), Seeds(0), quiet)
    assert (near - own).square().mean((1, 2, 3)).max() < (own - own.flip(0)).square().mean((1, 2, 3)).max()
    noise = torch.rand(own.shape, generator=torch.Generator().manual_seed(0))
    assert (invert_images(generator, noise, settings, Seeds(0), quiet) - noise).square().mean() > 0.05


@pytest.mark.parametrize("method", ["published", "joint"])
def test_training_images_fit_what_an_attack_by_statistics_asks_for(tiny, images, input_range, memorised, method):
    goals = Goals(memorised(images), input_range, GoalSettings())
    # Its other terms hardly know an image, and outweigh the statistics of a target as tiny as this.
    only = {"late_features": 0, "logits": 0, "total_variation": 0}
    settings = MethodSettings(manifold={"batch": 8, "weights": only}, joint={"sets": (8,)})
    objective = objective_of(method, goals, settings)
    own, others = (
        values_of_sets(objective, goals.looked_at(these), these, np.random.default_rng(0), 4)
        for these in (images, 1 - images)
    )
    assert own.shape == (4,) and own.max() < others.min()


def test_the_joint_objective_is_its_terms_as_the_attack_weighs_them(images, input_range, memorised):
    goals = Goals(memorised(images), input_range, GoalSettings())
    classes = torch.arange(8) % 2
    terms = goals.set_terms(images, classes)
    objective = objective_of("joint", goals, MethodSettings(joint={"sets": (4,), "logits": 3.0}))
    value = objective.value(goals.looked_at(images), images, classes)
    torch.testing.assert_close(value, terms["standardised_batch_norm"] + 3 * terms["logits"])


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_a_set_of_images_that_were_looked_at_comes_to_what_it_comes_to_by_itself(tiny, images, input_range, kind):
    goals = Goals(weights_of(getattr(tiny, kind)()), input_range, GoalSettings())
    many, places, classes = torch.cat([images] * 5), torch.tensor([39, 3, 17, 8]), torch.tensor([0, 1, 1, 0])
    looked = goals.looked_at(many).of(places)
    for name, value in goals.batch_terms(many[places], classes).items():
        torch.testing.assert_close(goals.batch_terms_of(looked, classes)[name], value, msg=name)


def test_only_attacks_by_statistics_have_one(tiny, input_range):
    goals = Goals(weights_of(tiny.cnn()), input_range, GoalSettings())
    assert (
        objective_of("gmi", goals, MethodSettings()) is None and objective_of("prior", goals, MethodSettings()) is None
    )
