import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.attacks.recovery import RecoverySettings, head_entropy, latent_space, recover
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.warp import WarpSettings
from remnant.nets.inversion import ImageDecoder
from remnant.nets.segmenter import Segmenter
from remnant.targets.access import encode, weights_of

WIDTHS = (2, 3, 4, 8)
SETTINGS = RecoverySettings(images=3, steps=6, samples=8, components=5, rate=0.2)


@pytest.fixture(scope="module")
def own():
    """Three scans of blobs; a side without any head."""
    coarse = torch.rand(3, 1, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    images = functional.interpolate(coarse, size=(32, 32, 32), mode="trilinear")
    images[:, :, :4] = 0
    return images


@torch.no_grad()
def calibrated(model, images):
    """A network that was not trained, but whose normalisation knows its features."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.momentum = 1.0
    model.train()(images)
    return model.eval()


def target(own, architecture="segnet", **changes):
    torch.manual_seed(0)
    return calibrated(Segmenter(architecture, 4, WIDTHS, **changes), own)


def decoder(own, target):
    torch.manual_seed(1)
    model = ImageDecoder(tuple(own.shape[2:]), WIDTHS)
    model.mean.copy_(own.mean(0, keepdim=True))
    nn.init.normal_(model.mirror.ups[-1].weight, std=0.1)
    return calibrated(model, encode(target.encoder, own))


def attack(own, settings, **changes):
    model = target(own, **changes)
    return recover(weights_of(model), own, decoder(own, model), settings, Seeds(0))


def test_entropy_is_of_the_head_alone_and_in_nats():
    logits = torch.zeros(2, 4, 2, 2, 2)
    logits[1, 0, 0] = 50.0
    head = torch.zeros(1, 2, 2, 2)
    head[:, 0] = 1
    torch.testing.assert_close(head_entropy(logits, head), torch.tensor([math.log(4), 0.0]))


@pytest.mark.parametrize(("architecture", "route"), [("unet", "image"), ("segnet", "image"), ("segnet", "latent")])
def test_the_search_makes_the_target_surer_and_repeats(own, architecture, route):
    settings = SETTINGS.changed(route=route, prior=0)
    found = [attack(own, settings, architecture=architecture) for _ in range(2)]
    assert torch.equal(found[0].images, found[1].images)
    assert found[0].images.shape == found[0].control.shape == (3, 1, 32, 32, 32)
    # On average: of an untrained target a single one may stay as it is.
    assert found[0].entropy.mean() < found[0].control_entropy.mean()
    assert found[0].images.min() >= 0 and found[0].images.max() <= 1
    assert not torch.equal(found[0].images[0], found[0].images[1])


def test_no_step_is_the_control_and_a_strong_prior_leads_to_the_mean(own):
    unmoved = attack(own, SETTINGS.changed(steps=0))
    assert torch.equal(unmoved.images, unmoved.control) and torch.equal(unmoved.entropy, unmoved.control_entropy)
    drawn = attack(own, SETTINGS.changed(steps=30, prior=1e4))
    assert drawn.images.std(0).mean() < 0.2 * drawn.control.std(0).mean()


def test_the_space_has_the_mean_and_the_spread_of_the_attackers_own_latents(own):
    encoder = target(own).encoder
    still = WarpSettings(rotation=0, scaling=0, shift=0, elastic=0, gamma=0, gain=0)
    space = latent_space(encoder, own, SETTINGS.changed(samples=3, warp=still), Seeds(0))
    latents = encode(encoder, own)
    torch.testing.assert_close(space.centre, latents.mean(0), atol=1e-4, rtol=1e-4)
    drawn = space.at(torch.randn(4000, len(space.axes), generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(drawn.std(0), latents.std(0), atol=0.02, rtol=0.1)
    warped = latent_space(encoder, own, SETTINGS.changed(samples=9), Seeds(0))
    assert warped.axes.square().sum() > space.axes.square().sum()


@pytest.mark.parametrize("changes", [{"architecture": "unet"}, {"unpool": "indices"}])
def test_a_decoder_that_wants_more_than_the_latent_cannot_be_asked_directly(own, changes):
    with pytest.raises(RemnantError, match="use the route 'image'"):
        attack(own, SETTINGS.changed(route="latent"), **changes)
