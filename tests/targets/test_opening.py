from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.nets.segmenter import Segmenter
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.opening import open_checkpoint


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), head=nn.Linear(2, 1)))


def same(opened, model):
    expected = model.state_dict()
    assert list(opened.tensors) == list(expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in opened.tensors.items())


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.ckpt", "a.safetensors", "a"])
def test_formats_are_known_by_content(tmp_path, model, name):
    path = tmp_path / name
    torch.save(model.state_dict(), path)
    assert open_checkpoint(path).format == "PyTorch"
    same(open_checkpoint(path), model)
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)
    assert open_checkpoint(path).format == "PyTorch before 1.6"
    same(open_checkpoint(path), model)
    path.write_bytes(safetensors.torch.save(model.state_dict(), {"epoch": "7"}))
    opened = open_checkpoint(path)
    assert opened.format == "safetensors" and opened.metadata == {"epoch": "7"}
    assert {key: value.tolist() for key, value in opened.tensors.items()} == {
        key: value.tolist() for key, value in model.state_dict().items()
    }


def in_lightning(state):
    return {
        "state_dict": {f"model.{name}": tensor for name, tensor in state.items()},
        "epoch": 3,
        "global_step": 99,
        "pytorch-lightning_version": "2.5.0",
        "hyper_parameters": {"lr": 1e-3, "widths": [1, 2], "name": None},
        "loops": {"fit_loop": {"state_dict": {}}},
    }


WRAPPERS = {
    "state_dict": in_lightning,
    "model": lambda state: {"model": state, "epoch": 3},
    "net": lambda state: {"net": state, "trainer": {"epoch": 3}},
    "model_state_dict": lambda state: {"model_state_dict": state, "epoch": 3},
    "ema.module": lambda state: {"ema": {"module": state, "decay": 0.9}, "epoch": 3},
    "something.else": lambda state: {"something": {"else": state}, "epoch": 3},
    "model_ema": lambda state: {"model_ema": {f"module.{name}": tensor for name, tensor in state.items()}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers(tmp_path, model, wrapper):
    torch.save(WRAPPERS[wrapper](model.state_dict()), tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    assert opened.wrapper == wrapper
    same(opened, model)


def test_metadata_stay_as_plain_values(tmp_path, model):
    torch.save(in_lightning(model.state_dict()), tmp_path / "a.ckpt")
    opened = open_checkpoint(tmp_path / "a.ckpt")
    assert opened.metadata == {
        "epoch": 3,
        "global_step": 99,
        "pytorch-lightning_version": "2.5.0",
        "hyper_parameters.lr": 1e-3,
        "hyper_parameters.widths": "1, 2",
        "hyper_parameters.name": None,
    }
    assert opened.findings == ()


def test_what_was_trained_comes_before_its_average(tmp_path, model):
    other = {name: tensor + 1 for name, tensor in model.state_dict().items()}
    torch.save({"ema": other, "model": model.state_dict()}, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    same(opened, model)
    assert opened.wrapper == "model" and opened.metadata == {"other weights": "ema"}


def test_the_optimiser_is_told(tmp_path, model):
    # As Adam has it after two steps; importing torch.optim's machinery takes seconds.
    moments = {"step": torch.tensor(2.0), "exp_avg": torch.ones(1), "exp_avg_sq": torch.ones(1)}
    state = {
        "state": {i: dict(moments) for i in range(6)},
        "param_groups": [{"lr": 0.02, "betas": (0.9, 0.999), "params": [0]}],
    }
    for place in ("optimizer_states", "optimizer"):
        torch.save({"model": model.state_dict(), place: [state] if place.endswith("s") else state}, tmp_path / "a.pt")
        opened = open_checkpoint(tmp_path / "a.pt")
        same(opened, model)
        assert opened.optimizer.kind == "Adam" and opened.optimizer.steps == 2 and opened.optimizer.moments == 12
        assert opened.optimizer.settings["lr"] == 0.02
        assert any("running averages of gradients" in text for text in opened.findings)


def test_an_optimiser_deep_in_a_trainer_and_tensors_among_settings(tmp_path, model):
    optimiser = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    settings = {"class_weights": torch.ones(2), "lr": 0.1, "epochs": 3}
    torch.save(
        {"model": model.state_dict(), "trainer": {"epoch": 3, "inner": {"opt": optimiser}}, "hyper": settings},
        tmp_path / "a.pt",
    )
    opened = open_checkpoint(tmp_path / "a.pt")
    same(opened, model)
    assert opened.optimizer.kind == "SGD with momentum" and opened.optimizer.moments == 1
    expected = {"trainer.epoch": 3, "hyper.class_weights": "tensor (2,)", "hyper.lr": 0.1, "hyper.epochs": 3}
    assert opened.metadata == expected


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/data/study/patient_1.dcm", "a file"),
        ("C:\\scans\\a", "a file"),
        ("s3://bucket/a", "a file"),
        ("train/00001.png", "a file"),
        ("last.ckpt", "a file"),
        ("1987-03-24", "a date"),
        ("Doe^Jane", "a name"),
        ("MRN 00123456", "a long number"),
    ],
)
def test_texts_that_tell_of_people_and_files(tmp_path, model, text, kind):
    for value in ({"a": text}, {"a": [["x"], {"b": ["adam", text]}]}, {text: 1}):
        torch.save({"model": model.state_dict(), "hyper_parameters": value}, tmp_path / "a.pt")
        opened = open_checkpoint(tmp_path / "a.pt")
        (finding,) = opened.findings
        assert kind.removeprefix("a ") in finding and text not in finding and finding.endswith(".")
        assert text not in str(opened.metadata) and "not shown" in str(opened.metadata)
    torch.save(
        {"model": model.state_dict(), "hyper_parameters": {"optimiser": "adam", "lr": "1e-3"}}, tmp_path / "a.pt"
    )
    assert open_checkpoint(tmp_path / "a.pt").findings == ()


@pytest.mark.parametrize(
    "value",
    [
        {"train_ids": ["PAT001", "PAT002"]},
        {"train_ids": "PAT001, PAT002, PAT017"},
        {"split": [["hippocampus_001", "hippocampus_017", "hippocampus_023"], [1, 2]]},
        {"val_subjects": ["anna", "bert"]},
        {"fold": ("sub-01", "sub-02", "sub-k3")},
    ],
)
def test_lists_of_cases(tmp_path, model, value):
    torch.save({"model": model.state_dict(), "hyper_parameters": value}, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    (finding,) = opened.findings
    assert "identifiers of cases" in finding
    assert not any(text in str(opened.metadata) + finding for text in ("PAT0", "hippocampus_0", "anna", "sub-0"))


def test_paths_within_a_longer_text(tmp_path, model):
    for text in (
        "lr: 0.1\ndata_root: /data/patients/p1\nepochs: 3",
        "root='C:\\scans\\p1\\a'",
        "--data ~/cohort/scans --lr 1",
        "x=1,/mnt/a/b",
    ):
        torch.save({"model": model.state_dict(), "config": text}, tmp_path / "a.pt")
        opened = open_checkpoint(tmp_path / "a.pt")
        assert any("name files" in finding for finding in opened.findings), text
        assert opened.metadata == {"config": "(a file, not shown)"}


def test_settings_that_tell_of_nobody(tmp_path, model):
    settings = {
        "file_ending": ".nii.gz",
        "layers": ["layer1", "layer2"],
        "labels": {"background": 0, "anterior": 1},
        "ratio": "1/2",
        "keys": [1, 2],
        "channel_names": {"0": "MRI"},
        "loss": "dice+ce",
        "optimizer": "torch.optim.adam.Adam",
    }
    torch.save({"model": model.state_dict(), "hyper": settings}, tmp_path / "a.pt")
    assert open_checkpoint(tmp_path / "a.pt").findings == ()


def test_what_trainers_count_comes_last(tmp_path, model):
    value = {
        "loops": {f"count{i}": i for i in range(300)},
        "hyper_parameters": {"lr": 0.1},
        "state_dict": model.state_dict(),
    }
    torch.save(value, tmp_path / "a.ckpt")
    assert next(iter(open_checkpoint(tmp_path / "a.ckpt").metadata)) == "hyper_parameters.lr"


def test_metadata_that_are_odd(tmp_path, model):
    loop = {"a": Counter(x=1), "b": set([1]), "c": complex(1), "d": b"\x00", "e": "\x1b[2J" + "x" * 999}
    loop["self"] = loop
    loop["tensors"] = [torch.zeros(3)]
    torch.save({"model": model.state_dict(), "hyper": loop, "many": {str(i): i for i in range(999)}}, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    same(opened, model)
    assert len(opened.metadata) <= 201 and all(
        isinstance(value, (str, int, float)) for value in opened.metadata.values()
    )
    assert all(str(value).isprintable() and len(str(value)) < 130 for value in opened.metadata.values())


def test_values_among_the_weights_that_are_no_tensors(tmp_path, model):
    torch.save({**model.state_dict(), "_extra_state": None, "version": 2, 7: torch.zeros(1)}, tmp_path / "a.pt")
    opened = open_checkpoint(tmp_path / "a.pt")
    same(opened, model)
    assert any("3 entries among the weights are no tensors" in text for text in opened.findings)


def test_tied_weights_and_numbers_of_other_types(tmp_path, model):
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in model.state_dict().items()
    }
    half["tied.weight"] = half["head.weight"]
    half["view.weight"] = half["conv.weight"][:1]
    half["parameter"] = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    half["scale"] = torch.zeros((), dtype=torch.float64)
    half["quantised"] = torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8)
    for legacy in (False, True):
        torch.save(half, tmp_path / "a.pt", _use_new_zipfile_serialization=not legacy)
        assert list(open_checkpoint(tmp_path / "a.pt").tensors) == list(half)


def test_a_mapping_that_holds_itself(tmp_path, model):
    state = dict(model.state_dict())
    state["self"] = state
    torch.save(state, tmp_path / "a.pt")
    same(open_checkpoint(tmp_path / "a.pt"), model)


def test_remnants_own(tmp_path):
    arguments = {"architecture": "segnet", "classes": 3, "widths": (2, 3), "norm": "batch", "unpool": "none"}
    save_checkpoint(tmp_path / "a.safetensors", Segmenter(**arguments), arguments)
    opened = open_checkpoint(tmp_path / "a.safetensors")
    assert '"Segmenter"' in opened.header and opened.metadata == {}


@pytest.mark.parametrize("address", ["https://example.org/a.pt", "s3://bucket/a.pt", "hf://a/b"])
def test_addresses(address):
    with pytest.raises(RemnantError, match="download"):
        open_checkpoint(Path(address))


def test_the_file_is_left_alone(tmp_path, model):
    path = tmp_path / "a.pt"
    torch.save(model.state_dict(), path)
    before = path.read_bytes()
    opened = open_checkpoint(path)
    opened.tensors["conv.weight"].add_(1)
    assert path.read_bytes() == before and [entry.name for entry in tmp_path.iterdir()] == ["a.pt"]
