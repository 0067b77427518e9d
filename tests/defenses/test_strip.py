import json
import zipfile

import pytest
import safetensors.torch
import torch
from tests.targets.exported import CASES, DATASET, NAME, PLANS, WEIGHTS, checkpoint, write_results, zipped

from remnant.base.errors import RemnantError
from remnant.defenses.strip import strip
from remnant.targets.bundle import Bundle
from remnant.targets.contents import look_into
from remnant.targets.opening import open_checkpoint


@pytest.fixture
def results(tmp_path):
    write_results(tmp_path / "results")
    return tmp_path / "results"


def same(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("how", ["folder", "zip"])
def test_of_an_export_stays_what_predicts(results, tmp_path, how):
    given = results if how == "folder" else zipped(results, tmp_path / "export.zip")
    out = tmp_path / f"stripped{'' if how == 'folder' else '.zip'}"
    strip(given, out)
    left = look_into(Bundle(out))
    assert left.telling == () and left.layout == "nnU-Net results"
    assert {file.name.removeprefix(f"{NAME}/") for file in left.files} == {
        *("plans.json", "dataset.json", "fold_0/checkpoint_final.pth")
    }
    if how == "zip":
        with zipfile.ZipFile(out) as archive:
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            archive.extractall(out := tmp_path / "unpacked")
    model = out / NAME
    assert json.loads((model / "plans.json").read_text()) == PLANS
    assert json.loads((model / "dataset.json").read_text()) == DATASET
    path = model / "fold_0" / "checkpoint_final.pth"
    # As nnUNetPredictor.initialize_from_trained_model_folder reads it.
    kept = torch.load(path, weights_only=True)
    assert same(kept.pop("network_weights"), WEIGHTS)
    assert kept == {
        "init_args": {"configuration": "3d_fullres", "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1, 2),
    }
    told = b"".join(file.read_bytes() for file in out.rglob("*") if file.is_file())
    assert not any(word.encode() in told for word in ("jane", "momentum_buffer", "timestamps", *CASES))
    assert not list(tmp_path.glob(".tmp-*"))


def test_no_copy_is_written_into_its_own_source(results, tmp_path):
    before = sorted(results.rglob("*"))
    (tmp_path / "link").symlink_to(results)
    for out in (results / "copy", results / NAME / "a" / "copy", tmp_path / "link" / "copy"):
        with pytest.raises(RemnantError, match="outside of that folder"):
            strip(results, out)
    assert sorted(results.rglob("*")) == before
    strip(results, tmp_path / "results of training")


def test_a_data_list_goes_whatever_its_cases_are_called(tmp_path):
    told = {"lr": 0.1, "training": [{"image": "MUELLER", "label": "MUELLER"}]}
    torch.save({"state_dict": {"net.weight": torch.ones(2)}, "hyper_parameters": told}, tmp_path / "a.ckpt")
    strip(tmp_path / "a.ckpt", tmp_path / "b.ckpt")
    assert torch.load(tmp_path / "b.ckpt")["hyper_parameters"] == {"lr": 0.1}


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "legacy.pth"])
def test_of_one_checkpoint_the_weights_stay(tmp_path, name):
    torch.save(checkpoint(), tmp_path / name, _use_new_zipfile_serialization=name != "legacy.pth")
    strip(tmp_path / name, tmp_path / "out.pth")
    assert same(open_checkpoint(tmp_path / "out.pth").tensors, open_checkpoint(tmp_path / name).tensors)
    assert open_checkpoint(tmp_path / name).telling and not open_checkpoint(tmp_path / "out.pth").telling
    assert not any(case.encode() in (tmp_path / "out.pth").read_bytes() for case in CASES)


def test_a_view_brings_no_other_bytes_along(tmp_path):
    secret = torch.full((1000,), 1234.5)
    torch.save({"state_dict": {"weight": secret[:2]}, "epoch": 3}, tmp_path / "a.pt")
    assert len((tmp_path / "a.pt").read_bytes()) > 4000
    strip(tmp_path / "a.pt", tmp_path / "b.pt")
    assert len((tmp_path / "b.pt").read_bytes()) < 2500
    assert same(torch.load(tmp_path / "b.pt")["state_dict"], {"weight": secret[:2]})


def test_of_a_lightning_checkpoint_arguments_stay_and_paths_go(tmp_path):
    told = {
        "state_dict": {"net.weight": torch.ones(2)},
        "epoch": 3,
        "pytorch-lightning_version": "2.4.0",
        "hyper_parameters": {"lr": 0.1, "width": (8, 16), "root": "/home/jane/data", "train_ids": ["PAT001", "PAT002"]},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.5), "dirpath": "/home/jane"}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}],
    }
    torch.save(told, tmp_path / "a.ckpt")
    strip(tmp_path / "a.ckpt", tmp_path / "b.ckpt")
    kept = torch.load(tmp_path / "b.ckpt")
    assert same(kept.pop("state_dict"), told["state_dict"])
    assert kept == {"pytorch-lightning_version": "2.4.0", "hyper_parameters": {"lr": 0.1, "width": (8, 16)}}


def test_of_safetensors_the_header_goes(tmp_path):
    header = {"format": "pt", "remnant": '{"arguments": {"width": 4}}', "trained_on": "/home/jane/brains"}
    safetensors.torch.save_file({"weight": torch.ones(2)}, tmp_path / "a.safetensors", header)
    strip(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    with safetensors.safe_open(tmp_path / "b.safetensors", "pt") as file:
        assert file.metadata() == {name: header[name] for name in ("format", "remnant")}
        assert torch.equal(file.get_tensor("weight"), torch.ones(2))


class _Runs:
    def __reduce__(self):
        return (exec, ("open('ran', 'w').close()",))


def test_nothing_of_a_file_is_run_or_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": {"weight": torch.ones(2)}, "hyper_parameters": {"a": _Runs()}}, tmp_path / "a.pt")
    strip(tmp_path / "a.pt", tmp_path / "b.pt")
    assert same(torch.load(tmp_path / "b.pt", weights_only=True)["state_dict"], {"weight": torch.ones(2)})
    assert not (tmp_path / "ran").exists() and b"exec" not in (tmp_path / "b.pt").read_bytes()


def test_tied_weights_stay_one(tmp_path):
    weight = torch.ones(1000)
    torch.save({"a.weight": weight, "b.weight": weight}, tmp_path / "a.pt")
    strip(tmp_path / "a.pt", tmp_path / "b.pt")
    kept = torch.load(tmp_path / "b.pt")
    assert kept["a.weight"].data_ptr() == kept["b.weight"].data_ptr()


@pytest.mark.parametrize("out", ["file", "folder", "link"])
def test_what_exists_is_never_overwritten(results, tmp_path, out):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for given in (results, results / NAME / "fold_0" / "checkpoint_final.pth"):
        with pytest.raises(RemnantError, match="exists already"):
            strip(given, tmp_path / out)
    assert (tmp_path / "file").read_text() == "mine" and not list((tmp_path / "folder").iterdir())


def test_without_a_checkpoint_there_is_nothing_to_hand_on(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "README.md").write_text("A network.")
    with pytest.raises(RemnantError, match="holds no checkpoint"):
        strip(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_what_would_still_tell_is_not_written(results, tmp_path):
    """A tensor's name or a folder's is the model's own and cannot be taken out of it."""
    (tmp_path / "more" / "jane@hospital.example").mkdir(parents=True)
    (results / NAME).rename(tmp_path / "more" / "jane@hospital.example" / "model")
    with pytest.raises(RemnantError, match="still tells of people"):
        strip(tmp_path / "more", tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".tmp-*"))


def test_the_command_writes_the_copy(remnant, results, tmp_path):
    code, said, printed = remnant("inspect", results, "--json", "--strip", tmp_path / "out")
    assert code == 0 and json.loads(printed)["layout"] == "nnU-Net results" and str(tmp_path / "out") in said[-1]
    assert look_into(Bundle(tmp_path / "out")).telling == ()
    assert remnant("inspect", results, "--strip", tmp_path / "out")[0] == 2
