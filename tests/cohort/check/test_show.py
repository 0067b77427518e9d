"""The command `remnant cohort check` and what it prints."""

import json
import sys

import pytest

from remnant import cli
from remnant.cohort.check.base import CheckFinding
from remnant.cohort.check.directory import Report
from remnant.cohort.check.show import show


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["remnant", "cohort", "check", "--quiet", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        return code, capsys.readouterr()

    return run


def test_a_clean_cohort_is_exit_code_0(tmp_path, clean, write_manifest, command):
    code, printed = command(write_manifest(tmp_path / "data", clean(3, 2)))
    assert code == 0
    assert "manifest.csv: 3 patients, 6 sessions, 6 scans (12 files)" in printed.out
    assert "Nothing found." in printed.out and "0 errors, 0 warnings" in printed.out
    # Plain where it is no terminal.
    assert "\x1b" not in printed.out


def test_an_error_is_exit_code_1_and_json_is_for_machines(tmp_path, clean, write_manifest, command):
    scans = clean(3)
    scans["p7", "s0"] = scans["p0", "s0"]
    directory = write_manifest(tmp_path / "data", scans)
    code, printed = command("--json", directory)
    value = json.loads(printed.out)
    assert code == 1 and set(value) == {"counts", "findings", "fingerprints"}
    (one,) = [one for one in value["findings"] if one["severity"] == "error"]
    assert one["check"] == "duplicates" and one["files"] == 2
    # One scan a patient: what cannot be had is null, since JSON has no NaN.
    assert value["fingerprints"][0]["auc"]["mean"] is None
    code, printed = command(directory)
    assert code == 1 and "two patients" in printed.out and "1 error, " in printed.out


def test_bad_input_is_exit_code_2(tmp_path, command):
    code, printed = command(tmp_path / "nowhere")
    assert code == 2 and printed.out == "" and "does not exist" in printed.err


@pytest.mark.parametrize("name", ["[red]", "a\\[/b].nii.gz", "[/]"])
def test_a_name_like_a_style_is_shown_as_it_is(capsys, name):
    counts = {"layout": "DICOM", "patients": 1, "sessions": 1, "scans": 1, "files": 1}
    show(Report(counts, (CheckFinding("names", "error", f"{name} names somebody.", 1, (name,)),), ()))
    assert capsys.readouterr().out.count(name) == 2
