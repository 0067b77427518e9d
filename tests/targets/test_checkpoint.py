import json
import os
import pickle

import pytest
import safetensors.torch
import torch

from remnant.base.errors import RemnantError
from remnant.nets.inversion import ImageDecoder, MirrorDecoder
from remnant.nets.segmenter import Segmenter
from remnant.targets.checkpoint import load_checkpoint, read_header, save_checkpoint

WIDTHS = (2, 3, 4, 5)
ARGUMENTS = {
    Segmenter: {"architecture": "segnet", "classes": 3, "widths": WIDTHS, "norm": "none", "unpool": "indices"},
    MirrorDecoder: {"widths": WIDTHS, "norm": "batch"},
    ImageDecoder: {"shape": [16, 32, 16], "widths": WIDTHS},
}
KINDS = {kind.__name__: kind for kind in ARGUMENTS}


def built(kind):
    torch.manual_seed(0)
    return kind(**ARGUMENTS[kind]).train()


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_what_is_saved_is_loaded(tmp_path, kind):
    model = built(kind)
    for value in model.buffers():
        value += 1
    save_checkpoint(tmp_path / "a.safetensors", model, ARGUMENTS[kind])
    loaded = load_checkpoint(tmp_path / "a.safetensors", KINDS)
    assert type(loaded) is kind and not loaded.training
    assert loaded.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    one = torch.rand(1, 1 if kind is Segmenter else 5, *((16, 32, 16) if kind is Segmenter else (1, 2, 1)))
    assert torch.equal(loaded(one), model.eval()(one))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.safetensors"]


def written(path, tensors=None, **metadata):
    safetensors.torch.save_file(tensors or {"a": torch.zeros(1)}, path, metadata=metadata or None)


def described(path, module, arguments, tensors=None):
    written(path, tensors, remnant=json.dumps({"module": module, "arguments": arguments}))


def test_what_is_missing_or_damaged(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(RemnantError, match="does not exist"):
        load_checkpoint(path, KINDS)
    with pytest.raises(RemnantError, match="does not exist"):
        load_checkpoint(tmp_path, KINDS)
    save_checkpoint(path, built(MirrorDecoder), ARGUMENTS[MirrorDecoder])
    whole = path.read_bytes()
    for content in (b"", os.urandom(4096), whole[:-7], whole[:20], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(RemnantError, match="is not a whole safetensors file"):
            load_checkpoint(path, KINDS)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"remnant": "{"},
        {"remnant": "[]"},
        {"remnant": '{"module": "Segmenter"}'},
        {"remnant": '{"module": "os.system", "arguments": {"command": "true"}}'},
        {"remnant": '{"module": "MirrorDecoder", "arguments": {"colour": 1}}'},
        {"remnant": '{"module": "MirrorDecoder", "arguments": {"widths": "wide"}}'},
        {"remnant": '{"module": ["MirrorDecoder"], "arguments": {}}'},
    ],
)
def test_what_does_not_describe_a_network(tmp_path, metadata):
    written(tmp_path / "a.safetensors", **metadata)
    with pytest.raises(RemnantError, match="does not describe a network of Remnant"):
        load_checkpoint(tmp_path / "a.safetensors", KINDS)


def test_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "a.safetensors"
    described(path, "MirrorDecoder", {"widths": WIDTHS}, built(ImageDecoder).state_dict())
    with pytest.raises(RemnantError, match="do not fit their description"):
        load_checkpoint(path, KINDS)
    described(path, "MirrorDecoder", {"widths": (3, 3, 4, 5)}, built(MirrorDecoder).state_dict())
    with pytest.raises(RemnantError, match=r"do not fit their description .*size mismatch"):
        load_checkpoint(path, KINDS)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_is_refused_and_its_code_never_runs(tmp_path, touch, write):
    path, mark = tmp_path / "a.pt", tmp_path / "executed"
    write(touch(mark), path)
    with pytest.raises(RemnantError, match="is not a whole safetensors file"):
        load_checkpoint(path, KINDS)
    assert not mark.exists()
    # The file does hold what it seems to hold.
    if write is not torch.save:
        pickle.loads(path.read_bytes())
        assert mark.exists()


def test_a_file_that_may_not_be_read_is_called_so(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "net.safetensors", built(MirrorDecoder), ARGUMENTS[MirrorDecoder])

    def denied(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", denied)
    with pytest.raises(RemnantError, match=r"net\.safetensors cannot be read \(Permission denied\); check your rights"):
        read_header(tmp_path / "net.safetensors")
