"""nnU-Net's folder: who was held out by which fold, and everything that may be wrong with it, a sentence each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.targets.exported import DATASET, PLANS

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.nnunet_files import cases_of
from remnant.targets.adapters import adapter_of, nnunet
from remnant.targets.adapters.nnunet_results import read_results
from remnant.targets.adapters.nnunet_splits import held_out_by

SET, MODEL = "Dataset004_Hippocampus", "nnUNetTrainer__nnUNetPlans__3d_fullres"
CASES = [f"hip_{number}" for number in range(9)]
ABOUT = {key: DATASET[key] for key in ("channel_names", "labels", "file_ending")}


@pytest.fixture(autouse=True)
def no_folder_of_this_machine(monkeypatch):
    monkeypatch.delenv("nnUNet_preprocessed", raising=False)


@pytest.fixture
def root(tmp_path):
    """nnUNet_raw and nnUNet_results of nine cases and three folds, of which case i was held out by fold i modulo 3."""
    raw, model = tmp_path / "nnUNet_raw" / SET, tmp_path / "nnUNet_results" / SET / MODEL
    for folder in (raw / "imagesTr", raw / "labelsTr", model):
        folder.mkdir(parents=True)
    (raw / "dataset.json").write_text(json.dumps(ABOUT | {"numTraining": 9}))
    (model / "dataset.json").write_text(json.dumps(ABOUT))
    (model / "plans.json").write_text(json.dumps(PLANS))
    for number, case in enumerate(CASES):
        (raw / "imagesTr" / f"{case}_0000.nii.gz").touch()
        (raw / "labelsTr" / f"{case}.nii.gz").touch()
        validation = model / f"fold_{number % 3}" / "validation"
        validation.mkdir(parents=True, exist_ok=True)
        (validation / f"{case}.nii.gz").touch()
        (validation / "summary.json").touch()
        (validation.parent / "checkpoint_final.pth").touch()
    return tmp_path


def folders(root: Path) -> tuple[Path, Path]:
    return root / "nnUNet_results" / SET / MODEL, root / "nnUNet_raw" / SET


def held_out(root: Path, splits: Path | None = None):
    results, raw = folders(root)
    return held_out_by(read_results(results, []), cases_of(raw), splits)


def refused(root: Path, **options) -> str:
    results, raw = folders(root)
    with pytest.raises(RemnantError) as error:
        nnunet.read(results, options.get("data", raw), options.get("splits"), lambda note: None)
    return str(error.value)


def splits_of(folds: int = 3):
    return [
        {"train": [c for i, c in enumerate(CASES) if i % folds != fold], "val": CASES[fold::folds]}
        for fold in range(folds)
    ]


def test_the_folder_is_recognised_and_others_are_not(root):
    results, raw = folders(root)
    assert adapter_of(results) is nnunet
    assert adapter_of(raw) is None and adapter_of(results / "plans.json") is None


def test_the_validation_of_each_fold_says_whom_it_did_not_see(root):
    found, notes = held_out(root)
    assert found == {case: number % 3 for number, case in enumerate(CASES)}
    assert notes == ["Who was in which fold is known from the validation of each fold."]


def test_folds_are_told_by_their_places(root):
    results, _ = folders(root)
    (results / "fold_0").rename(results / "fold_7")
    found, _ = held_out(root)
    assert read_results(results, []).folds == (1, 2, 7)
    assert found["hip_0"] == 2 and found["hip_1"] == 0


@pytest.mark.parametrize("where", ["given", "beside", "variable"])
def test_without_validation_the_splits_say_it(root, where, monkeypatch):
    results, _ = folders(root)
    for path in results.glob("fold_*/validation/*"):
        path.unlink()
    places = {"given": root / "mine.json", "beside": root / "nnUNet_preprocessed", "variable": root / "elsewhere"}
    path = places[where] if where == "given" else places[where] / SET / "splits_final.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(splits_of()))
    if where == "variable":
        monkeypatch.setitem(os.environ, "nnUNet_preprocessed", str(places[where]))
    found, notes = held_out(root, path if where == "given" else None)
    assert found == {case: number % 3 for number, case in enumerate(CASES)}
    assert str(path) in notes[0]


def test_given_splits_go_before_the_validation(root):
    turned = splits_of()[1:] + splits_of()[:1]
    (root / "mine.json").write_text(json.dumps(turned))
    found, _ = held_out(root, root / "mine.json")
    assert found["hip_0"] == 2


def test_cases_that_are_in_no_fold_or_in_two_are_left_out(root):
    results, _ = folders(root)
    (results / "fold_0" / "validation" / "hip_0.nii.gz").unlink()
    (results / "fold_0" / "validation" / "hip_1.nii.gz").touch()
    found, notes = held_out(root)
    assert set(found) == set(CASES) - {"hip_0", "hip_1"}
    assert notes[1] == "2 cases were not held out by one fold alone, and left out."


def test_a_case_that_a_fold_did_not_train_on_either_is_left_out(root):
    splits = splits_of()
    splits[1]["train"].remove("hip_0")
    (root / "mine.json").write_text(json.dumps(splits))
    assert "hip_0" not in held_out(root, root / "mine.json")[0]


def test_neither_validation_nor_splits(root):
    results, _ = folders(root)
    for path in results.glob("fold_1/validation/*.nii.gz"):
        path.unlink()
    said = refused(root)
    assert "fold_1 has no validation, so nothing says which cases its model did not see" in said
    assert "add --splits with the splits_final.json of nnUNet_preprocessed" in said


def test_one_fold(root):
    results, _ = folders(root)
    for fold in (1, 2):
        (results / f"fold_{fold}").rename(results / f"old_{fold}")
    assert f"{results} has 1 fold, and a model is compared with those of other folds; train another fold" in refused(
        root
    )


def test_a_fold_without_its_checkpoint(root):
    results, _ = folders(root)
    (results / "fold_2" / "checkpoint_final.pth").unlink()
    assert "fold_2 has no checkpoint_final.pth" in refused(root)
    for fold in range(3):
        (results / f"fold_{fold}" / "checkpoint_best.pth").touch()
    assert {path.name for path in read_results(results, []).checkpoints} == {"checkpoint_best.pth"}


@pytest.mark.parametrize("name", ["plans.json", "dataset.json"])
def test_a_folder_that_lacks_a_file(root, name):
    (folders(root)[0] / name).unlink()
    assert f"has no {name}; give the folder TRAINER__PLANS__CONFIGURATION" in refused(root)


def test_a_folder_of_another_name(root):
    results, raw = folders(root)
    other = results.rename(results.parent / "mine")
    with pytest.raises(RemnantError, match=r"no configuration of its plans.json \(3d_fullres\); keep nnU-Net's name"):
        nnunet.read(other, raw, None, lambda note: None)


def test_no_data(root):
    assert f"add --data nnUNet_raw/{SET}" in refused(root, data=None)
    assert "has no dataset.json; give --data the folder nnUNet_raw" in refused(root, data=root)


def test_data_with_other_labels_or_channels(root):
    _, raw = folders(root)
    for key, value in (("labels", {"background": 0, "lesion": 1}), ("channel_names", {"0": "CT"})):
        (raw / "dataset.json").write_text(json.dumps(ABOUT | {key: value}))
        assert "is not the data set that trained" in refused(root)
        assert f": {key} of the two dataset.json differ" in refused(root)


def test_data_without_the_cases(root):
    _, raw = folders(root)
    for folder, end in (("imagesTr", "_0000.nii.gz"), ("labelsTr", ".nii.gz")):
        (raw / folder / f"hip_4{end}").rename(raw / folder / f"other_4{end}")
    assert "The data lack 1 case of the validation of each fold, such as hip_4" in refused(root)


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (splits_of()[:2], "does not list train and val of fold 2"),
        ({"train": []}, "does not list train and val"),
        ([{"train": CASES, "val": CASES[:1]}] * 3, "has hip_0 in train and val of one fold"),
        ([{"train": [], "val": CASES}] * 3, "no case was held out by one fold alone"),
    ],
)
def test_splits_that_are_none(root, splits, said):
    (root / "mine.json").write_text(json.dumps(splits))
    assert said in refused(root, splits=root / "mine.json")


def test_nnunetv2_is_not_installed(root, monkeypatch):
    monkeypatch.setattr(nnunet.importlib.util, "find_spec", lambda name: None)
    assert "is not installed; run `pip install 'remnant[nnunet]'`" in refused(root)


def test_the_command_ends_with_2_and_one_sentence(root, remnant):
    results, _ = folders(root)
    code, said, _ = remnant("audit", results, "--out", root / "run")
    assert code == 2 and len(said) == 1 and "add --data" in said[0]
    assert not (root / "run").exists()


def test_a_check_says_all_at_once(root, remnant):
    results, raw = folders(root)
    for fold in (1, 2):
        (results / f"fold_{fold}").rename(results / f"old_{fold}")
    for path in results.glob("fold_0/validation/*"):
        path.unlink()
    (results / "fold_0" / "checkpoint_final.pth").unlink()
    (raw / "dataset.json").write_text(json.dumps(ABOUT | {"channel_names": {"0": "CT"}}))
    code, _, printed = remnant("audit", results, "--data", raw, "--fold", 7, "--check")
    told = (
        "has 1 fold, and",
        "fold_0 has no checkpoint_final.pth",
        "channel_names of the two dataset.json differ",
        "fold_0 has no validation",
        "There is no fold 7 among fold 0",
    )
    lines = printed.splitlines()
    assert code == 2 and len(lines) == len(told), printed
    for number, (line, words) in enumerate(zip(lines, told, strict=True), 1):
        assert line.startswith(f"{number}. ") and words in line


def test_what_follows_from_a_fault_is_not_told_besides(root):
    results, raw = folders(root)
    (results / "plans.json").unlink()
    (results / "dataset.json").unlink()
    assert [one.partition(";")[0] for one in nnunet.faults(results, raw, None)] == [
        f"{results} has no plans.json",
        f"{results} has no dataset.json",
    ]


@pytest.mark.parametrize("fault", ["one fold", "no validation", "other data", "no dataset.json", "other cases"])
def test_a_fault_that_names_tell_is_told_without_heavy_imports(root, fault):
    results, raw = folders(root)
    if fault == "one fold":
        for fold in (1, 2):
            (results / f"fold_{fold}").rename(results / f"old_{fold}")
    elif fault == "no validation":
        for path in results.glob("fold_*/validation/*"):
            path.unlink()
    elif fault == "other data":
        (raw / "dataset.json").write_text(json.dumps(ABOUT | {"channel_names": {"0": "CT"}}))
    elif fault == "no dataset.json":
        (raw / "dataset.json").unlink()
    else:
        (raw / "imagesTr" / "hip_4_0000.nii.gz").rename(raw / "imagesTr" / "hip_44_0000.nii.gz")
        (raw / "labelsTr" / "hip_4.nii.gz").rename(raw / "labelsTr" / "hip_44.nii.gz")
    program = (
        "import sys\nfrom remnant.cli import main\n"
        "for task in (['--check'], ['--estimate'], []):\n"
        f"    sys.argv = {['remnant', 'audit', str(results), '--data', str(raw), '--out', str(root / 'run')]!r} + task\n"
        "    try: main()\n    except SystemExit as stop:\n"
        "        print(stop.code, [name for name in ('torch', 'nnunetv2', 'pandas', 'nibabel') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    told = [line for line in done.stdout.splitlines() if line.endswith("]")]
    assert told == ["2 []"] * 3, done.stderr


def test_plans_may_not_name_other_code(root):
    results, _ = folders(root)
    from remnant.targets.adapters import nnunet_models

    for key, value in (("network_class_name", "os.system"), ("conv_op", "subprocess.Popen")):
        plans = json.loads(json.dumps(PLANS))
        plans["configurations"]["3d_fullres"]["data_identifier"] = "x"
        architecture = plans["configurations"]["3d_fullres"]["architecture"]
        (architecture if key in architecture else architecture["arch_kwargs"])[key] = value
        (results / "plans.json").write_text(json.dumps(plans))
        with pytest.raises(RemnantError, match=f"plans.json names {value}, and code of"):
            nnunet_models._predictor(read_results(results, []))


@pytest.mark.parametrize("shape", [(5, 20, 8), (30, 30, 30), (8, 8, 8)])
@pytest.mark.parametrize("regions", [False, True])
def test_a_patch_is_cut_round_the_foreground_and_padded(shape, regions):
    from remnant.targets.adapters.nnunet_models import patch_of

    image = torch.arange(float(np.prod(shape))).reshape(1, *shape) + 1
    label = torch.zeros(shape, dtype=torch.long)
    label[tuple(size - 1 for size in shape)] = 1
    given = torch.stack([label, 0 * label]) if regions else label
    cut, truth = patch_of(image, given, (8, 8, 8))
    assert cut.shape == (1, 8, 8, 8) and truth.shape == ((2, 8, 8, 8) if regions else (8, 8, 8))
    mark = truth[0] if regions else truth
    assert int(mark.sum()) == 1
    # Image and label are cut alike: the marked voxel is the last one.
    assert float(cut[0][mark == 1]) == float(image.max())


def test_of_volumes_a_flat_patch_is_the_slice_with_the_most_foreground():
    from remnant.targets.adapters.nnunet_models import patch_of

    image = torch.arange(4.0)[None, :, None, None].expand(1, 4, 6, 6)
    label = torch.zeros(4, 6, 6, dtype=torch.long)
    label[1, 0, 0], label[2, 2:4, 2:4] = 1, 1
    cut, truth = patch_of(image, label, (8, 8))
    assert cut.shape == (1, 8, 8) and truth.shape == (8, 8)
    assert int(truth.sum()) == 4 and set(cut[0][truth == 1].tolist()) == {2.0}


@pytest.mark.parametrize("option", ["--data", "--splits", "--fold"])
def test_options_of_folds_are_refused_elsewhere(remnant, tmp_path, option):
    (tmp_path / "scores.csv").write_text("patient,member,score\na,1,1\nb,0,0\n")
    value = "0" if option == "--fold" else tmp_path / "scores.csv"
    code, said, _ = remnant("audit", tmp_path / "scores.csv", option, value, "--out", tmp_path / "run")
    assert code == 2 and f"{option} is for a folder of trained folds" in said[0]


def test_a_cluster_is_refused_where_nothing_is_trained(remnant, tmp_path):
    (tmp_path / "scores.csv").write_text("patient,member,score\na,1,1\nb,0,0\n")
    code, said, _ = remnant("audit", tmp_path / "scores.csv", "--cluster", "host:6379", "--out", tmp_path / "run")
    assert code == 2 and "--cluster trains networks by train() of target.py" in said[0]
    assert not (tmp_path / "run").exists()
