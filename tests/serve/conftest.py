"""A tiny pair of Privacy-Net, and what is sent to its server."""

import numpy as np
import pytest

from remnant.base.seeds import Seeds
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import Networks, load_server, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.serve.protocol import Request, Tensor, packed

GRID = Grid((16, 20, 16), 6.0)
CLASSES = ("background", "grey", "white")


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """`pair(name, seed)`: a folder of encoder and segmenter, untrained."""
    folder = tmp_path_factory.mktemp("pairs")

    def make(name="net", seed=0):
        if not (folder / name).exists():
            settings = privacynet_preset("smoke")
            save_pair(
                folder / name,
                Networks.untrained(settings, len(CLASSES), Seeds(seed)),
                settings,
                GRID,
                CLASSES,
                0.5,
                None,
            )
        return folder / name

    return make


@pytest.fixture(scope="session")
def code():
    """A code float16 (1, 16, 20, 16), background around it."""
    array = np.random.default_rng(0).uniform(size=(1, *GRID.shape)).astype(np.float16)
    array[:, :, :3] = 0
    return array


@pytest.fixture
def asked(pair, code):
    """`asked(**changes)`: a sound request for segmentation, packed; `binary`: its form, `answer_binary`: the answer's."""

    def make(*, binary=True, array=code, mark=None, answer_binary=False, **values):
        mark = load_server(pair()).mark if mark is None else mark
        values = {
            "id": "7d0c4f2e-5a1b-4c3d-8e9f-001122334455",
            "wanted": {"maps": True},
            "binary": answer_binary,
        } | values
        return packed(Request((Tensor("code", array),), parameters={"mark": mark}, **values), binary=binary)

    return make
