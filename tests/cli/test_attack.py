"""`remnant attack`: a slip of the pen is told before anything that takes seconds is imported."""

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from remnant.cli.attack import attack
from remnant.cohort.layouts.listed import COLUMNS

HEAVY = ("torch", "monai", "lightning_fabric", "pandas", "matplotlib")
# Runs the command and says which of the heavy modules it has imported by then.
ASK = f"""
import sys
from remnant.cli import main
sys.argv[0] = "remnant"
try:
    main()
finally:
    print(*[name for name in {HEAVY} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"CHECKPOINT": "nowhere.pt"}, "The checkpoint nowhere.pt does not exist; check the path."),
        ({"CHECKPOINT": "folder"}, "The checkpoint folder is a folder; give a file of it."),
        ({"--prior": "nowhere.safetensors"}, "The prior nowhere.safetensors does not exist; check the path."),
        ({"--against": "nowhere"}, "The data directory nowhere does not exist; check the path."),
        ({"--public": "model.pt"}, "The data directory model.pt is a file; give the folder that it is in."),
        ({"--config": "nowhere.toml"}, "The configuration nowhere.toml does not exist; check the path."),
        ({"--out": "folder"}, "folder exists and is not a run directory of Remnant; choose another run directory."),
        ({"--columns": "split=fold"}, "Columns are those of a table; give its file, and no directory, by --against."),
        ({"--mean": "0.5"}, "--mean and --std belong together; give both or neither."),
    ],
)
def test_a_wrong_path_is_told_before_anything_heavy_is_imported(tmp_path, wrong, told):
    (tmp_path / "model.pt").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine.txt").write_text("mine")
    options = {"CHECKPOINT": "model.pt", "--against": "folder", "--out": "run"} | wrong
    words = [options.pop("CHECKPOINT"), *(word for option in options.items() for word in option)]
    done = subprocess.run(
        [sys.executable, "-c", ASK, "attack", "checkpoint", *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (2, "")
    assert told in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_table_without_the_split_is_told_before_torch_is_imported(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"")
    (tmp_path / "chests").mkdir()
    (tmp_path / "chests" / "a.png").write_bytes(b"")
    (tmp_path / "chests" / "manifest.csv").write_text("image,label,subject_id,session_id,age,sex\na.png,,1,1,,\n")
    words = ["attack", "checkpoint", "model.pt", "--against", "chests"]
    done = subprocess.run([sys.executable, "-c", ASK, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "torch" not in done.stdout
    assert "it has no column split" in done.stderr and "add it to manifest.csv, or, of another name" in done.stderr


def test_the_run_directory_is_called_after_the_checkpoint(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "model-audit").mkdir()
    (tmp_path / "model-audit" / "mine.txt").write_text("mine")
    words = ["attack", "checkpoint", "model.pt", "--against", "folder"]
    done = subprocess.run([sys.executable, "-c", ASK, *words], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (2, "")
    assert "model-audit exists and is not a run directory of Remnant" in done.stderr
    # What writes nothing asks for no place.
    done = subprocess.run([sys.executable, "-c", ASK, *words, "--check"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "model-audit" not in done.stderr


def test_the_help_of_columns_names_every_one():
    (option,) = (one for one in get_command(attack).params if one.name == "columns")
    assert all(re.search(rf"\b{meaning}\b", option.help) for meaning in COLUMNS), option.help
