import json

import pytest

from remnant.base.errors import RemnantError
from remnant.defenses.privacynet.networks import SEGMENTER, load_server
from remnant.nets.unet import UNet
from remnant.targets.checkpoint import save_checkpoint

ARGUMENTS = {"outputs": 2, "widths": (4, 8)}
SOUND = {"classes": ["none", "gm"], "patch": 8, "mark": "0" * 12}


def write(folder, note):
    save_checkpoint(folder / SEGMENTER, UNet(**ARGUMENTS), ARGUMENTS, server=note)
    return folder


def test_notes_are_read(tmp_path):
    assert load_server(write(tmp_path, json.dumps(SOUND))).classes == ("none", "gm")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "[]",
        "[" * 100000,
        json.dumps({**SOUND, "patch": "wide"}),
        json.dumps({**SOUND, "patch": 0}),
        json.dumps({"classes": ["none", "gm"]}),
    ],
)
def test_spoilt_notes_are_told(tmp_path, note):
    with pytest.raises(RemnantError, match="has notes that no Privacy-Net wrote"):
        load_server(write(tmp_path, note))
