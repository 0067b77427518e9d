"""Noise on codes: drawn anew each time and by whoever sends, told apart by nothing but its size, and learned with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.blurring import blurred
from remnant.defenses.privacynet.code_noise import CODE_NOISE, CodeNoiseSettings
from remnant.defenses.privacynet.deploy import encode_scan
from remnant.defenses.privacynet.networks import ENCODER, Networks, load_client, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.defenses.privacynet.training import train_adversarially
from remnant.defenses.privacynet.view import View

SMOKE = privacynet_preset("smoke").changed(patch=8, batch=2)


def view(noise):
    return View(None, nn.Conv3d(1, 2, 1).eval(), None, 8, 6.0, noise)


def test_the_noise_is_of_its_size_and_stays_in_range():
    codes = torch.full((1, 1, 20, 20, 20), 0.5)
    found = blurred(codes, 0.1, Seeds(0).torch())
    assert float(found.std()) == pytest.approx(0.1, rel=0.03) and float(found.mean()) == pytest.approx(0.5, abs=5e-3)
    assert blurred(codes, 0.0, Seeds(0).torch()) is codes
    far = blurred(codes, 1.0, Seeds(0).torch())
    assert far.min() == 0 and far.max() == 1


def test_a_scan_has_another_code_each_time_and_the_server_answers_each():
    scans, own = torch.rand(2, 1, 8, 8, 8), view(0.2)
    one, again, other = (own.code(scans, Seeds(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other) and own.varies and not view(0.0).varies
    # Two scans of one call have noise of their own.
    twin = own.code(scans[:1].expand(2, -1, -1, -1, -1), Seeds(0))
    assert not torch.equal(twin[0], twin[1])
    look = own.watched("code", Seeds(0))
    assert not torch.equal(look(scans), look(scans))
    # Nothing is to be undone.
    assert torch.equal(own.straight(own.logits(one), Seeds(0)), own.logits(one))


def test_a_segmenter_learns_with_the_noise_that_it_will_meet(tmp_path):
    drawing = torch.Generator().manual_seed(0)
    images = torch.rand(4, 1, 8, 8, 8, generator=drawing)
    scans = Images(images, (images[:, 0] > 0.5).to(torch.uint8), ("a", "a", "b", "b"))

    def trained(noise, method, own):
        pair = SMOKE.changed(method=method, noise=noise, order="encoder_first", game=SMOKE.game.changed(own_batch=own))
        networks = Networks.untrained(pair, 2, Seeds(0))
        state = tmp_path / f"{noise}.pt"
        train_adversarially(networks, scans, pair, Seeds(0), state, lambda *_: None)
        state.unlink(missing_ok=True)
        return [next(iter(one.state_dict().values())) for one in (networks.segmenter, networks.discriminators[0])]

    for method, own in (("none", False), ("encoder", False), ("encoder", True)):
        plain, noisy, again = (trained(noise, method, own) for noise in (0.0, 0.3, 0.3))
        assert all(torch.equal(*pair) for pair in zip(noisy, again, strict=True))
        assert not any(torch.equal(*pair) for pair in zip(plain, noisy, strict=True))


@pytest.fixture
def pair(tmp_path):
    """`pair(noise)`: the folder of a client whose codes have this noise, and who registers nothing."""

    def make(noise):
        settings = SMOKE.changed(noise=noise, patch=32, preparation=SMOKE.preparation.changed(align=False))
        folder = tmp_path / f"{noise}"
        folder.mkdir()
        networks = Networks.untrained(settings, 2, Seeds(0))
        save_pair(folder, networks, settings, Grid((32, 32, 32), 6.0), ("a", "b"), 0.5, None)
        return folder

    return make


def test_a_client_s_file_knows_its_noise_and_each_sending_draws_it(pair, tmp_path, people):
    silent, noisy = (load_client(pair(noise)) for noise in (0.0, 0.2))
    assert (silent.noise, noisy.noise) == (0.0, 0.2)
    # A file without noise is as it was before there was any.
    assert b'"noise' not in (tmp_path / "0.0" / ENCODER).read_bytes()
    scan = sorted((people / "files").glob("*_0.nii.gz"))[0]
    codes = [encode_scan(client, scan)[0] for client in (silent, silent, noisy, noisy)]
    assert np.array_equal(codes[0], codes[1]) and not np.array_equal(codes[2], codes[3])
    assert 0.05 < float(np.std(codes[2] - codes[0])) < 0.3
    bare = replace(noisy, network=None)
    assert not np.array_equal(encode_scan(bare, scan)[0], encode_scan(bare, scan)[0])


def test_a_size_that_is_none_is_refused():
    for size in (0.0, -1.0, 2.0):
        with pytest.raises(RemnantError, match="size"):
            CodeNoiseSettings.checked(size=size)
    assert CODE_NOISE.defend(SMOKE).noise == 0.1
    assert "no 3D convolution" in CODE_NOISE.applies(nn.Linear(2, 2))
