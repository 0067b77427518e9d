import gc
import inspect

import numpy as np
import pytest
import torch

from remnant.attacks.attack import Work
from remnant.attacks.decoder import DECODERS, decoder_attack, kept_decoder, reconstruct
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.loop import FitSettings
from remnant.measure.ssim import ssim_matrix
from remnant.nets.segmenter import Segmenter
from remnant.targets.access import latents_of
from remnant.targets.seen import SeenLatents

WIDTHS = (4, 8, 8, 16)


def settings_of(name, epochs):
    if name == "linear":
        return DECODERS[name].settings(pairs=epochs * 3)
    return DECODERS[name].settings(widths=WIDTHS, fit=FitSettings(epochs=epochs, learning_rate=1e-2))


def target():
    torch.manual_seed(0)
    return Segmenter("segnet", 4, WIDTHS).eval()


def quiet(epoch, loss, validation):
    pass


@pytest.mark.parametrize("name", DECODERS)
def test_an_attack_takes_access_and_its_own_images_and_nothing_else(name):
    parameters = inspect.signature(DECODERS[name].train).parameters
    assert list(parameters) == ["access", "own", "settings", "seeds", "report"]


@pytest.mark.parametrize("name", DECODERS)
def test_an_attack_runs_when_the_private_scans_are_gone_and_repeats(tiny_brains, name):
    images = tiny_brains[0]
    private = images[3:].clone()
    access = latents_of(target(), private)
    del private
    gc.collect()
    drawn = []
    for junk in range(2):
        torch.manual_seed(junk)
        decoder = DECODERS[name].train(access, images[:3], settings_of(name, 2), Seeds(0), quiet)
        drawn.append(reconstruct(decoder, access.latents))
    assert torch.equal(*drawn)
    assert drawn[0].shape == (3, 1, 32, 32, 32) and drawn[0].dtype == torch.float32
    assert drawn[0].min() >= 0 and drawn[0].max() <= 1
    # The private latents are not trained on: with others of the same shape the decoder is the same.
    other = type(access)(access.encoder, torch.zeros_like(access.latents))
    again = DECODERS[name].train(other, images[:3], settings_of(name, 2), Seeds(0), quiet)
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in decoder.state_dict().items())


@pytest.mark.parametrize("name", DECODERS)
def test_as_an_attack_a_decoder_draws_every_latent_and_leaves_itself(tiny_brains, tmp_path, name):
    images = Images(tiny_brains[0], None, tuple("abcdef"))
    access, settings = latents_of(target(), images.images[3:]), settings_of(name, 1)
    seen = SeenLatents(access.latents, images.patients[3:], (1, 32, 32, 32), access.encoder, "encoder")
    attack, own, heard = decoder_attack(name), images.take([0, 1, 2]), []
    work = Work(Seeds(0), tmp_path, hear=lambda epoch, loss, validation: heard.append(epoch))
    assert (attack.access, attack.claim, attack.settings) == ("latents", "reconstructions", type(settings))
    (claim,) = attack.run(seen, own, settings, work)
    decoder = DECODERS[name].train(access, own.images, settings, Seeds(0), quiet)
    assert claim.patients == ("d", "e", "f") and name in claim.view and heard == [0]
    assert torch.equal(claim.images, reconstruct(decoder, access.latents))
    assert torch.equal(claim.mean, own.images.mean(0))
    assert torch.equal(reconstruct(kept_decoder(tmp_path), access.latents), claim.images)
    assert attack.cost(seen, own, settings, work) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "epochs"), [("published", 150), ("default", 100)])
def test_a_decoder_learns_to_draw_what_the_latents_show(tiny_brains, name, epochs):
    """Trained and tried on the same scans: each reconstruction is nearer to its own scan than to the others'."""
    images = tiny_brains[0][:4]
    target = calibrated((8, 16, 32, 64), images)
    access = latents_of(target, images)
    losses = []
    settings = settings_of(name, epochs).changed(widths=(8, 16, 32, 64))
    decoder = DECODERS[name].train(
        access, images, settings, Seeds(0), lambda epoch, loss, validation: losses.append(loss)
    )
    assert losses[-1] < losses[0]
    scores = ssim_matrix(reconstruct(decoder, access.latents)[:, 0], images[:, 0])
    assert (scores.argmax(1) == np.arange(4)).sum() >= 3


@torch.no_grad()
def calibrated(widths, images):
    """A target that was not trained, but whose normalisation knows its features."""
    torch.manual_seed(0)
    model = Segmenter("segnet", 4, widths)
    for _ in range(30):
        model(images)
    return model.eval()
