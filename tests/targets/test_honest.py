"""Checkpoints as frameworks write them, whose pickles hold more than weights: read without importing any of it."""

import argparse
import datetime
import functools
import json
import pathlib
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque

import numpy as np
import pytest
import torch
from torch import nn

from remnant.targets.describe import show
from remnant.targets.description import as_json
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise


@pytest.fixture
def model():
    torch.manual_seed(0)
    inner = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 2, 3, bias=False), norm=nn.BatchNorm2d(2)))
    return nn.Sequential(OrderedDict(stem=nn.Conv2d(1, 2, 3), block=inner, head=nn.Linear(2, 1)))


def same(opened, state):
    assert list(opened.tensors) == list(state)
    for name, tensor in state.items():
        assert opened.tensors[name].dtype == tensor.dtype and torch.equal(opened.tensors[name], tensor), name


@pytest.fixture
def reads(tmp_path, capsys):
    """`reads(value, state)`: what is opened of `value`, in both formats, whose weights must be `state`."""

    def of(value, state):
        for legacy in (True, False):
            torch.save(value, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
            opened = open_checkpoint(tmp_path / "a.pt")
            same(opened, state)
            json.loads(as_json(recognise(opened)))
            show(recognise(opened))
        return opened

    return of


def test_numbers_of_numpy_as_nnunet_has_them(reads, model):
    value = {
        "network_weights": model.state_dict(),
        "logging": {"mean_fg_dice": [np.float64(0.5), np.float32(0.25)], "epoch": np.int64(3)},
        "_best_ema": np.float64(0.75),
        "init_args": {
            "plans": {"sizes": np.array([1, 2, 3]), "names": np.array(["a", "b"]), "odd": np.array([None, 1])}
        },
        "current_epoch": 3,
    }
    opened = reads(value, model.state_dict())
    assert opened.wrapper == "network_weights"
    assert opened.metadata["_best_ema"] == 0.75 and opened.metadata["logging.mean_fg_dice"] == "0.5, 0.25"
    assert opened.metadata["logging.epoch"] == 3 and opened.metadata["init_args.plans.sizes"] == "tensor (3,)"
    assert any("would import numpy" in text for text in opened.findings)


def test_hyper_parameters_that_are_objects(reads, model):
    value = {
        "state_dict": model.state_dict(),
        "hyper_parameters": {
            "args": argparse.Namespace(lr=0.5, name="adam"),
            "optimizer": functools.partial(dict, lr=0.1),
            "counts": Counter(a=2),
            "by_name": defaultdict(list, a=[1]),
            "last": deque([1, 2], 3),
            "kind": torch.float16,
            "device": torch.device("cpu"),
            "size": torch.Size([1, 2]),
            "loss": nn.functional.mse_loss,
            (1, "a"): frozenset({1}),
            nn.Conv2d: 7,
        },
    }
    opened = reads(value, model.state_dict())
    told = {name.removeprefix("hyper_parameters."): item for name, item in opened.metadata.items()}
    assert told["args.lr"] == 0.5 and told["args.name"] == "adam" and told["counts.a"] == 2 and told["by_name.a"] == "1"
    assert told["last"] == "1, 2" and told["kind"] == "torch.float16" and told["device"] == "cpu"
    assert told["size"] == "1, 2" and told["loss"] == "torch.nn.functional.mse_loss"
    assert told["torch.nn.modules.conv.Conv2d"] == 7 and told["(1, 'a')"] == "1"


def test_paths_and_dates_are_told_but_not_shown(reads, model):
    value = {
        "model": model.state_dict(),
        "root": pathlib.PurePosixPath("/data/study/p1"),
        "when": datetime.datetime(2024, 3, 1, 10, 30),
        "day": datetime.date(1987, 3, 24),
    }
    opened = reads(value, model.state_dict())
    assert opened.metadata == {
        "root": "(a file, not shown)",
        "when": "(a date, not shown)",
        "day": "(a date, not shown)",
    }


def test_a_configuration_of_another_library(reads, model, monkeypatch):
    """As OmegaConf has it: an object whose state is a mapping of objects."""
    library = types.ModuleType("otherconf")

    class Node:
        pass

    Node.__module__, Node.__qualname__, library.Node = "otherconf", "Node", Node
    monkeypatch.setitem(sys.modules, "otherconf", library)
    config, inner = Node(), Node()
    config.__dict__["_content"], inner.__dict__["_val"] = {"lr": inner}, 0.5
    inner.__dict__["_parent"] = config
    opened = reads({"state_dict": model.state_dict(), "hyper_parameters": config}, model.state_dict())
    assert opened.metadata["hyper_parameters._content.lr._val"] == 0.5
    assert any("otherconf.Node" in text for text in opened.findings)


def test_a_whole_model(reads, model):
    model.register_buffer("scratch", torch.ones(3), persistent=False)
    assert reads(model, model.state_dict()).wrapper == ""
    opened = reads({"epoch": 3, "model": model, "ema": nn.Linear(2, 2)}, model.state_dict())
    assert opened.wrapper == "model" and opened.metadata == {"epoch": 3, "other weights": "ema"}
    reads(nn.DataParallel(model), model.state_dict())


def test_numbers_of_rare_types(reads):
    whole = {
        "e4m3.weight": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "e5m2.weight": torch.ones(2, 2).to(torch.float8_e5m2),
        "u16.bias": torch.tensor([1, 65535], dtype=torch.uint16),
        "u64.bias": torch.tensor([1, 2**63], dtype=torch.uint64),
        "complex": torch.ones(2, dtype=torch.complex64),
        "strided.weight": torch.arange(6.0).reshape(2, 3).t(),
        "parameter": nn.Parameter(torch.ones(2)),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.0),
    }
    with_state = nn.Parameter(torch.ones(2))
    with_state.note = "x"
    opened = reads({**whole, "with_state": with_state}, {**whole, "with_state": with_state})
    assert any("complex" in text for text in recognise(opened).findings)


def test_sparse_tensors_become_dense(tmp_path):
    dense = torch.tensor([[0.0, 2.0], [0.0, 0.0]])
    torch.save({"a.weight": dense.to_sparse()}, tmp_path / "a.pt")
    same(open_checkpoint(tmp_path / "a.pt"), {"a.weight": dense})


def test_a_subclass_of_tensor(reads, monkeypatch):
    library = types.ModuleType("otherlib")

    class Image(torch.Tensor):
        pass

    Image.__module__, Image.__qualname__, library.Image = "otherlib", "Image", Image
    monkeypatch.setitem(sys.modules, "otherlib", library)
    reads({"a.weight": torch.ones(2, 2).as_subclass(Image)}, {"a.weight": torch.ones(2, 2)})


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_protocols(tmp_path, model, protocol, zipped):
    torch.save(model.state_dict(), tmp_path / "a", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    same(open_checkpoint(tmp_path / "a"), model.state_dict())


def test_quantised_numbers_are_read_as_integers(tmp_path):
    torch.save({"a.weight": torch.quantize_per_tensor(torch.eye(2), 0.5, 0, torch.qint8)}, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    assert opened.tensors["a.weight"].tolist() == [[2, 0], [0, 2]]
    assert any("quantised" in text for text in recognise(opened).findings)


def test_arrays_of_numpy_as_weights(tmp_path):
    arrays = {"a.weight": np.arange(6, dtype=">f4").reshape(2, 3), "b.weight": np.asfortranarray(np.eye(3)[:2])}
    torch.save(arrays, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    assert {name: tensor.tolist() for name, tensor in opened.tensors.items()} == {
        name: one.tolist() for name, one in arrays.items()
    }
