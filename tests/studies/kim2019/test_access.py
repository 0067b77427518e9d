"""An attacker sees of its own scans what the server saw of them, and can have any other encoded."""

import numpy as np
import pytest
import torch
from torch import nn

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.view import View
from remnant.studies.kim2019.access import access_of
from remnant.studies.kim2019.kept import keep
from remnant.studies.kim2019.records import STUDY, Views, in_levels
from remnant.targets.access import encode

SEEDS = Seeds(0).child("access")
# Two scans of a training patient, two of a test patient.
OWN, OTHERS = [0, 1], [2, 3]


class Halved(nn.Module):
    """An encoder that counts what it encodes."""

    encoded = 0

    def forward(self, volumes):
        self.encoded += len(volumes)
        return volumes / 2


class Bright(nn.Module):
    """A segmenter: class 1 where a code is bright."""

    def __init__(self):
        super().__init__()
        self.out = nn.Conv3d(1, 2, 1)

    def forward(self, codes):
        return torch.cat([0.25 - codes, codes - 0.25], 1)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).random((4, 1, 16, 16, 16), dtype=np.float32)


@pytest.fixture
def run(tmp_path, images) -> Run:
    """A run whose server saw something else of every scan than the networks here make of it."""
    run = Run.start(tmp_path / "run", "kim2019", {}, resume=False)
    roles = ("training", "training", "test", "test")
    labels = (images[:, 0] > 0.5).astype(np.uint8)
    people = (tuple("aabb"), np.array([1, 2, 1, 2]), roles, np.full(4, 50.0), ("F",) * 4)
    keep(run, Scans(STUDY, images, labels, *people, ("none", "gm"), ("real",) * 4, 3.0))
    for variant in ("raw", "published-1"):
        keep(run, Views(variant, in_levels(1 - images[:, 0]), 1 - labels))
    return run


def loaded(secret: SecretSettings | None = None) -> tuple[View, Halved]:
    encoder = Halved().eval()
    return View(encoder, Bright(), secret, 16, 3.0), encoder


@pytest.mark.parametrize("view", ["code", "labels"])
def test_own_scans_are_not_encoded_again(run, images, view):
    net, encoder = loaded()
    access = access_of(run, view, net, OTHERS, "published-1", SEEDS)
    seen = encode(access.view, torch.from_numpy(images[OWN]))
    assert encoder.encoded == 0
    if view == "code":
        # Codes of some encoders differ by thousandths between people.
        torch.testing.assert_close(seen, torch.from_numpy(1 - images[OWN]), rtol=0, atol=1e-5)
        torch.testing.assert_close(access.codes, torch.from_numpy(1 - images[OTHERS]), rtol=0, atol=1e-5)
    else:
        assert torch.equal(seen.argmax(1), torch.from_numpy(images[OWN, 0] <= 0.5).long())


def test_any_other_scan_is_encoded(run, images):
    net, encoder = loaded()
    access = access_of(run, "code", net, OTHERS, "published-1", SEEDS)
    strange = torch.from_numpy(images[[0, 2]] * 0.9)
    torch.testing.assert_close(access.view(strange), strange / 2)
    # One of its own beside a stranger's.
    torch.testing.assert_close(access.view(torch.from_numpy(images[[0, 2]])), torch.from_numpy(images[[0, 2]]) / 2)
    assert encoder.encoded == 4


def test_under_a_secret_each_look_is_another(run, images):
    net, encoder = loaded(SecretSettings())
    access = access_of(run, "code", net, OTHERS, "published-1", SEEDS)
    own = torch.from_numpy(images[OWN])
    assert not torch.equal(access.view(own), access.view(own)) and encoder.encoded == 4


def test_raw_scans_are_seen_as_they_are(run, images):
    access = access_of(run, "code", loaded()[0], OTHERS, "raw", SEEDS)
    assert torch.equal(access.view(torch.from_numpy(images[OWN])), torch.from_numpy(images[OWN]))
    assert torch.equal(access.codes, torch.from_numpy(images[OTHERS]))
