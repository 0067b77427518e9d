import shutil

import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER, TEMPLATE
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.view import View
from remnant.measure.overlap import dice
from remnant.nets.unet import UNet

SEEDS = Seeds(0).child("view")


class Oracle(torch.nn.Module):
    """A segmenter that is right about scans whose intensities are their labels: logits of four classes."""

    def __init__(self):
        super().__init__()
        self.out = torch.nn.Conv3d(1, 4, 1)

    def forward(self, image):
        return -(((image * 3) - torch.arange(4.0).view(1, 4, 1, 1, 1)) ** 2) * 20


@pytest.fixture(scope="module")
def drawn(tiny_brains):
    """Three label maps (3, 32, 32, 32), and scans (3, 1, 32, 32, 32) that show nothing else."""
    labels = tiny_brains[1][:3]
    return labels, (labels.float() / 3)[:, None]


def view(**changes):
    torch.manual_seed(0)
    parts = {"encoder": None, "segmenter": Oracle(), "secret": None, "patch": 32, "spacing_mm": 6.0} | changes
    return View(**{name: part.eval() if isinstance(part, torch.nn.Module) else part for name, part in parts.items()})


def test_without_encoder_and_secret_the_scan_leaves_as_it_is(drawn):
    labels, scans = drawn
    raw = view()
    assert torch.equal(raw.code(scans, SEEDS), scans)
    assert torch.equal(raw.undone(raw.logits(scans), SEEDS), labels)


def test_the_server_sees_what_is_bent_and_the_client_bends_it_back(drawn):
    labels, scans = drawn
    secret = view(secret=SecretSettings(gamma=0, gain=0))
    codes = secret.code(scans, SEEDS)
    logits = secret.logits(codes)
    seen, undone = logits.argmax(1), secret.undone(logits, SEEDS)
    assert undone.dtype == torch.uint8 and undone.shape == labels.shape
    # The wrong deformation undoes nothing.
    wrong = secret.undone(logits, SEEDS.child("other"))
    # Not class 2, which the oracle sees wherever interpolation mixes 1 and 3.
    bent, back, lost = (dice(maps.numpy(), labels.numpy(), 4)[:, [1, 3]].mean() for maps in (seen, undone, wrong))
    assert back > 0.6 > 0.45 > max(bent, lost)


def test_each_scan_and_each_call_has_a_deformation_of_its_own(drawn):
    _, scans = drawn
    secret = view(secret=SecretSettings())
    twice = secret.code(scans[[0, 0]], SEEDS)
    assert not torch.allclose(twice[0], twice[1], atol=0.1)
    assert torch.equal(twice[:1], secret.code(scans[:1], SEEDS))
    look, again = secret.watched("code", SEEDS), secret.watched("code", SEEDS)
    first, second = look(scans[:1]), look(scans[:1])
    assert not torch.allclose(first, second, atol=0.1)
    assert torch.equal(first, again(scans[:1])) and torch.equal(second, again(scans[:1]))


def test_the_returned_map_is_seen_as_a_channel_a_class(drawn):
    labels, scans = drawn
    seen = view().watched("labels", SEEDS)(scans)
    assert seen.shape == (3, 4, 32, 32, 32) and seen.dtype == torch.float32
    assert torch.equal(seen.argmax(1), labels.long()) and torch.equal(seen.sum(1), torch.ones(3, 32, 32, 32))


def test_both_encode_the_deformed_scan(drawn):
    _, scans = drawn
    torch.manual_seed(1)
    encoder = UNet(1, (2, 4), squash=True).eval()
    both = view(encoder=encoder, secret=SecretSettings()).code(scans, SEEDS)
    bent = view(secret=SecretSettings()).code(scans, SEEDS)
    assert torch.allclose(both, view(encoder=encoder).code(bent, SEEDS))


def test_a_trained_run_is_loaded_whole(trained, brains, tmp_path):
    loaded = View.load(trained.path)
    assert loaded.spacing_mm == 6 and loaded.secret is None and loaded.encoder is not None
    for file in (ENCODER, SEGMENTER, TEMPLATE):
        shutil.copy(trained.checkpoints / file, tmp_path)
    data = (tmp_path / ENCODER).read_bytes()
    (tmp_path / ENCODER).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(RemnantError, match="give the two of one run"):
        View.load(tmp_path)
