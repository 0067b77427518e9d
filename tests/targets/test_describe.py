"""A stranger's texts on the terminal: one line each, whatever they hold."""

import zipfile

import pytest
import torch
from tests.targets.hostile import flat, sound, zipped

from remnant.targets.opening import open_checkpoint

LINE = "Verdict        safe to release"
FORGED = f"model`, checked and signed by the FDA)\n\n{LINE}\n\x1b[2J\u202e"
MOMENTS = {"state": {0: {"exp_avg": torch.ones(1)}}, "param_groups": [{FORGED: 1.0, "lr": 0.1}]}


def record(path):
    """A file of torch.save whose records have a telling name."""
    torch.save(sound(), path)
    with zipfile.ZipFile(path) as archive:
        records = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(f"../{FORGED}{name}", content)


def pickle_text(text):
    encoded = text.encode("utf-8")
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def tensor_of(kind, key, device):
    storage = b"(" + pickle_text("storage") + kind + pickle_text(key) + pickle_text(device) + b"K\x04tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00K\x04\x85K\x01\x85\x89}tR"


def state(tensor):
    return b"\x80\x02}" + pickle_text("a.weight") + tensor + b"s."


FLOAT = b"ctorch\nFloatStorage\n"
FILES = {
    "wrapper": lambda path: torch.save({FORGED: sound(), "epoch": 3}, path),
    "tensor": lambda path: torch.save(
        sound() | {FORGED: torch.ones(1), f"{FORGED}.weight": torch.tensor(torch.nan)}, path
    ),
    "metadata": lambda path: torch.save({"model": sound(), FORGED: FORGED, "a": [FORGED, 1]}, path),
    "entry_among_the_weights": lambda path: torch.save(sound() | {FORGED: 1}, path),
    "siblings": lambda path: torch.save(
        {**{f"model.{k}": v for k, v in sound().items()}, f"loss{FORGED}.a": torch.ones(1)}, path
    ),
    "other_weights": lambda path: torch.save({"model": sound(), FORGED: sound()}, path),
    "optimiser": lambda path: torch.save({"model": sound(), "optimizer": MOMENTS}, path),
    "import": lambda path: zipped(path, b"\x80\x04" + pickle_text("os") + pickle_text(FORGED) + b"\x93."),
    "import_beside": lambda path: zipped(
        path, b"\x80\x04}" + pickle_text("a") + pickle_text("os") + pickle_text(FORGED) + b"\x93s."
    ),
    "storage": lambda path: zipped(path, state(tensor_of(FLOAT, FORGED, "cpu"))),
    "device": lambda path: zipped(path, state(tensor_of(FLOAT, "0", FORGED)), bytes(16)),
    "type": lambda path: zipped(
        path, state(tensor_of(b"X\x05\x00\x00\x00torch" + pickle_text(FORGED) + b"\x93", "0", "cpu")), bytes(16)
    ),
    "call": lambda path: zipped(
        path, state(b"ctorch._utils\n_rebuild_parameter\n(" + pickle_text(FORGED) + b"tR"), bytes(16)
    ),
    "record": record,
    "header": lambda path: flat(path, {FORGED: ([4], [0, 16]), "b.weight": ([2, 2], [0, 16])}, 16),
    "names_that_meet": lambda path: torch.save(
        {f"{FORGED}.a": torch.ones(1), f"module.{FORGED}.a": torch.ones(1)}, path
    ),
}


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("place", FILES)
def test_no_text_of_a_file_forges_a_line(remnant, tmp_path, place, options):
    FILES[place](tmp_path / "a.pt")
    code, errors, printed = remnant("inspect", tmp_path / "a.pt", *options)
    assert code in (0, 2) and len(errors) <= 1
    for line in (*errors, *printed.splitlines()):
        assert line.isprintable() and not line.strip().startswith("Verdict")


def test_forged_names_are_still_told(tmp_path):
    FILES["wrapper"](tmp_path / "a.pt")
    assert open_checkpoint(tmp_path / "a.pt").wrapper.startswith("model`, checked")
