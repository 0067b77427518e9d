import torch
from torch import nn

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings, SearchSettings, gmi, search_latents
from remnant.base.seeds import Seeds
from remnant.targets.access import weights_of


def quiet(step, loss, terms):
    pass


class Identity(nn.Module):
    latent = 3

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, latents):
        return self.scale * latents


def test_each_latent_finds_its_own_minimum():
    goals, said = torch.tensor([[1.0, 0, 0], [0, 2, 0], [0, 0, -1]]), []

    def objective(images, which):
        return {"far": (images - goals[which]).square().sum(1)}

    settings = SearchSettings(steps=80, learning_rate=0.1, batch=2, prior=0)
    generator = Identity()
    found, ends = search_latents(generator, torch.zeros(3, 3), objective, settings, lambda *step: said.append(step))
    torch.testing.assert_close(found, goals, atol=5e-2, rtol=0)
    assert (ends < 1e-2).all() and ends.shape == (3,)
    assert [step for step, _, _ in said] == list(range(160)) and said[0][2].keys() == {"far", "latent prior"}
    assert generator.scale.grad is None


def test_the_prior_of_latents_pulls_to_the_middle():
    settings = SearchSettings(steps=80, learning_rate=0.1, prior=3.0)
    found, ends = search_latents(
        Identity(), torch.ones(1, 3), lambda images, which: {"far": (images - 2).square().mean(1)}, settings, quiet
    )
    # d/dz of (z - 2)^2 + 3/2 z^2 is 2 (z - 2) + 3 z
    torch.testing.assert_close(found, torch.full((1, 3), 0.8), atol=5e-2, rtol=0)
    torch.testing.assert_close(ends, torch.full((1,), 1.2**2 + 1.5 * 0.8**2), atol=1e-2, rtol=0)


def test_gmi_moves_the_target_s_mind_and_the_discriminator_s(tiny, input_range):
    access, generator, discriminator = weights_of(tiny.cnn()), tiny.generator(), tiny.discriminator()
    goals = Goals(access, input_range, GoalSettings())
    values = {"images": 8, "steps": 20, "learning_rate": 0.1, "prior": 0}

    def run(judge, **weights):
        return gmi(generator, judge, goals, GmiSettings(**values, **weights), Seeds(0), quiet)

    starts = draw_images(generator, draw_latents(generator, 8, Seeds(0).torch()))
    named = run(None)
    assert named.images.shape == (8, 1, 16, 16) and named.images.min() >= 0 and named.images.max() <= 1
    logits = [access.target(input_range(images))[:, 0] for images in (starts, named.images)]
    assert (logits[1][:4] < logits[0][:4]).all() and (logits[1][4:] > logits[0][4:]).all()
    assert named.scores.shape == (8,)
    real = run(discriminator, identity=0.0, realism=1.0)
    assert discriminator(real.images).mean() > discriminator(starts).mean()
    assert all(weights.grad is None for weights in (*generator.parameters(), *discriminator.parameters()))
