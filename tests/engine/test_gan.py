import os

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.engine import gan
from remnant.engine.gan import GanSettings, Stage, at_stage, critic_loss, fit_gan
from remnant.nets.pggan import Discriminator, Generator

DEFAULT = GanSettings()
IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def stage(step):
    return Stage(0, 0.0, step) if step < 3 else Stage(1, max(0.0, 0.6 - 0.2 * (step - 3)), step - 3)


def fitted(state, *, draw=lambda step: IMAGES, steps=8, settings=DEFAULT, **options):
    torch.manual_seed(0)
    networks = Generator(4, (6, 5), 8), Discriminator((6, 5), 8)
    return fit_gan(*networks, draw, stage, steps, settings, Seeds(0), state=state, **options), *networks


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("after", [2, 3, 5, 8])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, monkeypatch, after):
    whole = fitted(tmp_path / "whole.pt")

    def kill(averaged, step):
        if step == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(gan, "SAVE_EVERY_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "state.pt", saved=kill)
    steps = []
    resumed = fitted(tmp_path / "state.pt", draw=lambda step: steps.append(step) or IMAGES)
    assert steps == list(range(after, 8))
    assert all(map(same, resumed, whole))
    assert not same(whole[0], whole[1]) and not whole[0].training


def test_what_is_reported_and_when_it_is_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(gan, "REPORT_EVERY", 2)
    reports, saved = [], []
    fitted(tmp_path / "a.pt", report=reports.append, saved=lambda averaged, step: saved.append(step))
    assert [report.step for report in reports] == [2, 3, 4, 6, 8] and saved == [3, 8]
    assert [report.stage.depth for report in reports] == [0, 0, 1, 1, 1]
    assert all(report.penalty >= 0 for report in reports)


class Weighted(nn.Module):
    """Scores that are a weighted sum of pixels: the slope is the weights wherever one looks."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.arange(4.0))

    def forward(self, images):
        return images.flatten(1) @ self.weights[:, None]


def test_the_critic_s_loss_is_that_of_the_papers():
    real, fake, critic = torch.rand(5, 1, 2, 2), torch.rand(5, 1, 2, 2), Weighted()
    settings = GanSettings(penalty=7.0, drift=0.5)
    loss, (distance, penalty) = critic_loss(critic, real, fake, torch.rand(5, 1, 1, 1), settings)
    expected = (critic(real).mean() - critic(fake).mean()).item()
    assert distance == pytest.approx(expected, abs=1e-6)
    assert penalty == pytest.approx((14**0.5 - 1) ** 2, rel=1e-5)
    drift = critic(real).square().mean().item()
    assert loss.item() == pytest.approx(-expected + 7 * (14**0.5 - 1) ** 2 + 0.5 * drift, rel=1e-5)
    # Where the slope is looked at: between the images, as far as `mixing` says.
    seen = []
    critic.register_forward_hook(lambda module, given, out: seen.append(given[0].detach()))
    critic_loss(critic, real, fake, torch.full((5, 1, 1, 1), 0.25), settings)
    assert torch.allclose(seen[2], 0.25 * real + 0.75 * fake)


def test_real_images_are_shrunk_and_faded_like_generated_ones():
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    assert torch.equal(at_stage(image, Stage(1, 0.0, 0)), image)
    assert at_stage(image, Stage(0, 0.0, 0))[0, 0, 0, 0] == image[0, 0, :2, :2].mean()
    faded = at_stage(image, Stage(1, 0.5, 0))
    assert faded[0, 0, 0, 0] == 0.5 * image[0, 0, 0, 0] + 0.5 * image[0, 0, :2, :2].mean()


def test_the_average_follows_closely_at_first_and_then_slowly(tmp_path):
    averaged, generator, _ = fitted(tmp_path / "a.pt", steps=1, settings=GanSettings(learning_rate=0.1))
    torch.manual_seed(0)
    start = Generator(4, (6, 5), 8)
    for mean, before, after in zip(averaged.parameters(), start.parameters(), generator.parameters(), strict=True):
        assert torch.allclose(mean, 0.1 * before + 0.9 * after, atol=1e-6)
    kept, _, _ = fitted(tmp_path / "b.pt", steps=1, settings=GanSettings(average=0.0))
    _, moved, _ = fitted(tmp_path / "c.pt", steps=1, settings=GanSettings(average=0.0))
    assert same(kept, moved)


def test_scores_that_are_not_finite_end_the_training(tmp_path):
    with pytest.raises(RemnantError, match=r"no longer finite at step 3; lower the learning rate \(now 0\.001\)"):
        fitted(tmp_path / "a.pt", draw=lambda step: IMAGES * (1e30 if step == 1 else 1))
    assert not (tmp_path / "a.pt").exists()


def test_a_state_that_cannot_be_read(tmp_path, touch):
    state = tmp_path / "a.pt"
    fitted(state)
    whole, kept = state.read_bytes(), torch.load(state)
    for content in (b"", whole[: len(whole) // 2], os.urandom(999)):
        state.write_bytes(content)
        with pytest.raises(RemnantError, match=r"cannot be read .*; remove it to train from the beginning"):
            fitted(state)
    for value in (touch(tmp_path / "executed"), {"step": 3}, kept | {"generator": {}}):
        torch.save(value, state)
        with pytest.raises(RemnantError, match="cannot be read"):
            fitted(state)
    assert not (tmp_path / "executed").exists()
