import json
import os
import stat
import time
import zipfile

import pytest
import torch
from tests.targets.exported import CASES, DATASET, NAME, write_results, zipped

from remnant.base.errors import RemnantError
from remnant.targets.bundle import Bundle, is_bundle
from remnant.targets.contents import look_into
from remnant.targets.opening import open_checkpoint
from remnant.targets.telling import in_file, in_text, in_value


@pytest.fixture
def results(tmp_path):
    write_results(tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture(params=["folder", "zip"])
def given(request, results, tmp_path):
    return results if request.param == "folder" else zipped(results, tmp_path / "export.zip")


def found(path):
    return {file.name.removeprefix(f"{NAME}/"): file for file in look_into(Bundle(path)).files}


def test_what_nnunet_leaves_is_told_by_file(given):
    files = found(given)
    expected = {
        "dataset_fingerprint.json": "shape and spacing of every training image",
        "fold_0/debug.json": "paths of a machine",
        "fold_0/validation/summary.json": "names of image files",
        "fold_0/progress.png": "curves of the training",
        "fold_0/training_log_2024_1_2_03_04_05.txt": "dates",
        "Dataset004_Hippocampus/splits_final.json": "identifiers of cases",
        f"fold_0/validation/{CASES[0]}.nii": "data of a patient",
        f"fold_0/validation/{CASES[0]}.nii.gz": "its name holds names of image files",
        "dataset.json": "names of image files",
        "fold_0/checkpoint_final.pth": "The optimiser's state is in the file",
    }
    for name, text in expected.items():
        assert any(text in finding for finding in files[name].findings), (name, files[name])
    assert {name for name, file in files.items() if file.needed} == {
        *("plans.json", "dataset.json", "fold_0/checkpoint_final.pth")
    }
    assert files["plans.json"].findings == () and len(files) == 12
    told = json.dumps([file.findings for file in files.values()])
    assert not any(secret in told for secret in ("jane", *CASES))


def test_the_best_weights_are_needed_where_there_are_no_final_ones_else_the_latest(results):
    fold = results / NAME / "fold_0"
    (fold / "checkpoint_final.pth").unlink()
    assert found(results)["fold_0/checkpoint_best.pth"].needed
    (fold / "checkpoint_best.pth").rename(fold / "checkpoint_latest.pth")
    assert found(results)["fold_0/checkpoint_latest.pth"].needed and found(results)["dataset.json"].needed


def test_plans_of_the_first_nnunet_are_told(tmp_path):
    for name in ("plans.pkl", "fold_0/model_final_checkpoint.model.pkl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x80\x04}.")
    for file in look_into(Bundle(tmp_path)).files:
        assert file.findings[-1].startswith("plans of nnU-Net 1") and not file.needed


def test_of_any_folder_what_is_needed_is_what_is_silent(tmp_path):
    torch.save({"conv.weight": torch.ones(2, 2)}, tmp_path / "weights.pt")
    (tmp_path / "README.md").write_text("A network. Its labels are 0 and 1.")
    (tmp_path / "config.yaml").write_text("data: /home/jane/brains/train")
    (tmp_path / "cases.csv").write_text("case,dice\nbrain_001,0.9\nbrain_002,0.8\n")
    (tmp_path / "scores.pkl").write_bytes(b"\x80\x04N.")
    (tmp_path / "scan").write_bytes(bytes(128) + b"DICM" + bytes(40))
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "below").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    files = found(tmp_path)
    assert {name for name, file in files.items() if file.needed} == {"weights.pt", "README.md"}
    assert {name for name, file in files.items() if not file.findings} == {"weights.pt", "README.md"}
    assert "not followed" in files["link"].findings[0] and "not followed" in files["below"].findings[0]
    assert "no regular file" in files["pipe"].findings[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("data in /home/jane/x", "paths of a machine, perhaps with a user's name"),
        ("root: C:\\Users\\jane\\x", "paths of a machine, perhaps with a user's name"),
        ("write to jane.doe@hospital.example", "e-mail addresses"),
        ("started 2024-03-01 at noon", "dates"),
        ("1.2.840.113619.2.55.3.604688", "DICOM UIDs"),
        ("DOE^JANE", "names as DICOM writes them"),
        ("loaded brain_01.nii.gz", "names of image files"),
        ("00000013_005.png", "names of image files"),
        ("case_001, case_002", "identifiers of cases"),
    ],
)
def test_kinds_of_telling_texts(text, kind):
    assert kind in in_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "file_ending: .nii.gz",
        "torch.nn.modules.conv.Conv3d",
        "version 2.10.0",
        "Dataset004_Hippocampus",
        "logo: plot",
        "a/b ratio",
    ],
)
def test_what_tells_nothing(text):
    assert in_text(text) == set() and in_value(text.rpartition(": ")[2]) == set()


@pytest.mark.parametrize(
    "listed",
    [
        {"training": [{"image": "MUELLER_01", "label": "MUELLER_01"}]},
        {"validation": [{"image": ["MUELLER_T1", "MUELLER_T2"]}]},
        {"test": ["MUELLER_01"]},
    ],
)
def test_bare_names_in_a_data_list_are_told_of_a_checkpoint_and_of_dataset_json(tmp_path, listed):
    path = tmp_path / "a.pth"
    torch.save({"network_weights": {"weight": torch.ones(2, 2)}, "init_args": {"dataset_json": listed}}, path)
    assert any("identifiers of cases" in text for text in found(tmp_path)["a.pth"].findings)
    assert not any("MUELLER" in str(shown) for shown in open_checkpoint(path).metadata.values())
    (tmp_path / "dataset.json").write_text(json.dumps(DATASET | listed))
    assert "it holds identifiers of cases" in found(tmp_path)["dataset.json"].findings


def test_names_of_steps_and_of_metrics_are_no_cases(tmp_path):
    told = {
        "training": {"steps": ["resize", "flip"], "image": "rgb"},
        "test": ["dice", "auc"],
        "image": "2d",
        "labels": ["a", "b"],
    }
    torch.save({"weights": {"weight": torch.ones(2, 2)}, "config": told}, tmp_path / "a.pth")
    assert found(tmp_path)["a.pth"].findings == () and in_file("a.json", json.dumps(told)) == set()


def test_headings_and_lists_tell_too():
    assert "record numbers" in in_file("a.json", '{"id": "12345678"}')
    assert any("birth date" in kind for kind in in_file("a.json", '{"patientName": "x"}'))
    assert "identifiers of cases" in in_file("a.json", '{"PAT001": {"dice": 1}, "PAT002": {"dice": 1}}')
    assert in_file("a.json", '{"name": "Hippocampus", "labels": {"Left Ventricle": 1}}') == set()
    assert in_file("a.csv", "label,colour\n1,red\n2,blue\n") == set()
    assert in_file("a.json", "[" * 100_000) == set()


@pytest.mark.parametrize("piece", ["a", "1", "a.", "1.", "a_", "a@", "a^", "/a", "a\\", "-", "001", '"', "a_001 "])
def test_no_text_takes_long(piece):
    text = piece * (2**18 // len(piece))
    began = time.process_time()
    for name in ("a.txt", "a.csv", "a.json"):
        in_file(name, text)
    in_value(text)
    assert time.process_time() - began < 3


def hostile(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_made_to_harm_is_listed_and_not_unpacked(tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../outside.txt", "x")
        archive.writestr("/etc/absolute.txt", "x")
        archive.writestr("C:\\windows.txt", "x")
        archive.writestr("a//b.txt", "x")
        archive.writestr(link, "/etc/passwd")
        archive.writestr("bomb.txt", bytes(64 * 2**20))
    told = {file.name: file.findings[0] for file in look_into(Bundle(path)).files}
    assert sum("leads outside" in text for text in told.values()) == 3
    assert "in two ways" in told["a//b.txt"]
    assert "not followed" in told["link"] and "would grow more than 200 times" in told["bomb.txt"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a.txt", "a.txt/b.txt"])
def test_a_zip_with_two_files_of_one_name_or_cut_off_is_refused(tmp_path, second):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "x")
        archive.writestr(second, "y")
    with pytest.raises(RemnantError, match="two files of one name"):
        Bundle(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:-30])
    with pytest.raises(RemnantError, match="cut off or damaged"):
        Bundle(tmp_path / "b.zip")


def test_a_damaged_file_in_a_zip_is_a_finding(tmp_path):
    path = hostile(tmp_path / "a.zip", **{"a.txt": "hello " * 50})
    spoilt = bytearray(path.read_bytes())
    spoilt[40] ^= 255
    path.write_bytes(bytes(spoilt))
    assert "was not searched" in look_into(Bundle(path)).files[0].findings[0]


def test_a_checkpoint_is_no_bundle(tmp_path):
    torch.save({"weight": torch.ones(1)}, tmp_path / "a.pt")
    assert not is_bundle(tmp_path / "a.pt") and is_bundle(tmp_path) and not is_bundle(tmp_path / "none")
    assert is_bundle(hostile(tmp_path / "a.zip", a="x"))


def test_the_command_tells_both_ways(remnant, given):
    code, _, printed = remnant("inspect", given, "--json")
    told = json.loads(printed)
    assert code == 0 and told["layout"] == "nnU-Net results" and len(told["files"]) == 12
    code, _, printed = remnant("inspect", given)
    assert code == 0 and "Needed by who runs the model" in printed and "plans.json" in printed and "jane" not in printed


def test_a_folder_of_no_known_layout_is_told_by_its_number_of_files(remnant, tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    code, _, printed = remnant("inspect", tmp_path)
    assert code == 0 and f"{tmp_path.name}: 1 file, 0 with findings" in printed


def test_names_of_files_are_said_as_one_line(remnant, tmp_path):
    (tmp_path / "a\n\x1b[2JVerdict: safe").write_bytes(b"\x00" * 300)
    (tmp_path / os.fsdecode(b"b\xff")).write_bytes(b"\x00" * 300)
    code, _, printed = remnant("inspect", tmp_path)
    assert code == 0 and "\x1b" not in printed and "\nVerdict" not in printed and r"b\udcff" in printed
    assert remnant("inspect", tmp_path, "--json")[0] == 0


@pytest.mark.parametrize("name", ["model.pt", "model.ts"])
def test_torchscript_in_a_folder_is_called_so(tmp_path, name):
    torch.jit.script(torch.nn.ReLU()).save(tmp_path / name)
    assert "is a TorchScript archive, which is a program" in look_into(Bundle(tmp_path)).files[0].findings[0]
