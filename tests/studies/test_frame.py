"""What every study stands in: time and losses of a run that was killed, and what stays of it."""

import contextlib
import json
from pathlib import Path

import pytest

from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.store import private_folder
from remnant.cohort.case import Case, Cohort
from remnant.engine.cells import Cell
from remnant.studies.frame import (
    RunOptions,
    carry_out,
    provenance_of,
    seconds_worked,
    training_rows,
)


def event(second, cell, event, **values):
    return {"time": f"2026-01-01T00:00:{second:02d}+00:00", "cell": cell, "event": event, **values}


def test_seconds_are_summed_over_resumptions():
    events = [
        event(0, "study", "start"),
        event(4, "a", "start"),
        # Killed at 4; the hours before somebody resumed are no work.
        event(30, "study", "start"),
        event(35, "study", "end"),
    ]
    assert seconds_worked(events) == 9.0
    # Somebody set the clock back: the seconds since are counted on.
    assert seconds_worked([event(40, "study", "start"), event(45, "a", "start"), event(1, "a", "end"), *events]) == 14.0
    assert seconds_worked(events[:3]) == 4.0 and seconds_worked([]) == 0.0


def test_training_counts_the_last_start_of_a_cell():
    def epoch(second, number, loss):
        return event(second, "attack-unet", "epoch", epoch=number, loss=loss, validation=None)

    events = [
        event(0, "attack-unet", "start"),
        epoch(1, 1, 9.0),
        epoch(2, 2, 8.0),
        event(3, "study", "start"),
        event(4, "attack-unet", "start"),
        epoch(5, 1, 7.0),
    ]
    rows = training_rows(events, lambda name: {"network": name.partition("-")[2]})
    assert rows == [{"cell": "attack-unet", "network": "unet", "epoch": 1, "loss": 7.0, "validation": None}]


def work(run, number):
    return {"checkpoint": f"{number}.safetensors", "sha256": "ab" * number}


def prepare(run):
    for name in ("scans", "drawn"):
        (private_folder(run.path, name) / "patient.npz").touch()
    return [Cell("one", work, {"number": 1}), Cell("two", work, {"number": 2})]


def conclude(run, cells):
    return Results(
        study="tiny",
        title="Tiny",
        preset="smoke",
        command="remnant",
        patients=1,
        scans=1,
        seed=0,
        settings={},
        headline="Nothing.",
        findings=[],
        threat_model=[],
        attacked=[],
        not_tested=[],
        measures={},
        tables={"scores": [{"pseudonym": "P-1", "value": 0.5}]},
        sections=[],
        **provenance_of(run, cells),
    )


@pytest.mark.parametrize(("keep", "left"), [(False, ["key"]), (True, ["drawn", "key"])])
def test_a_run_leaves_results_and_no_patient_unless_asked(tmp_path, keep, left):
    options = RunOptions(tmp_path / "run", keep_reconstructions=keep, quiet=True)
    report = carry_out("tiny", options, {"a": 1}, prepare, conclude, passing=["scans"], drawn=["drawn"])
    assert report == tmp_path / "run" / "report.html" and report.exists()
    assert sorted(path.name for path in (tmp_path / "run" / "private").iterdir()) == left
    results = Results.read(tmp_path / "run" / "results.json")
    assert results.checkpoints == {"1.safetensors": "ab", "2.safetensors": "abab"} and results.seconds >= 0
    worked = [json.loads(path.read_text())["cpu_seconds"] for path in (tmp_path / "run" / "cells").iterdir()]
    assert results.cpu_seconds == pytest.approx(sum(worked), abs=0.1)
    assert (tmp_path / "run" / "scores.csv").read_text() == "pseudonym,value\nP-1,0.5\n"
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == {"a": 1, "keep_reconstructions": keep}


def test_commits_are_those_at_each_start(tmp_path, monkeypatch):
    asked = {"study": "tiny", "config": {}, "passing": [], "drawn": []}

    def killed(run):
        raise KeyboardInterrupt

    for commit in ("one", "one", "two"):
        monkeypatch.setattr(provenance, "commit", lambda commit=commit: commit)
        with contextlib.suppress(KeyboardInterrupt):
            again = RunOptions(tmp_path / "run", resume=(tmp_path / "run").exists(), quiet=True)
            carry_out(options=again, prepare=prepare if commit == "two" else killed, conclude=conclude, **asked)
    assert Results.read(tmp_path / "run" / "results.json").versions["commit"] == "one, two"


def test_a_finished_run_is_reported_again_and_not_done_again(tmp_path):
    carry_out(
        "tiny", RunOptions(tmp_path / "run", quiet=True), {}, prepare, conclude, passing=["scans"], drawn=["drawn"]
    )

    def never(*_):
        raise AssertionError

    again = RunOptions(tmp_path / "run", resume=True, quiet=True)
    carry_out("tiny", again, {}, never, never, passing=["scans"], drawn=["drawn"])
    with pytest.raises(RemnantError, match="started with other settings"):
        carry_out("tiny", again, {"a": 2}, never, never, passing=["scans"], drawn=["drawn"])


def test_a_run_that_goes_on_is_kept_to_its_patients(tmp_path):
    (tmp_path / "scan.nii").write_text("a head")
    cohort = Cohort("data", tmp_path, (Case("p1", "1", tmp_path / "scan.nii"),))
    asked = {"study": "tiny", "config": {}, "passing": [], "drawn": [], "cohorts": {"data": cohort}}

    def killed(run):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(options=RunOptions(tmp_path / "run", quiet=True), prepare=killed, conclude=conclude, **asked)
    again = RunOptions(tmp_path / "run", resume=True, quiet=True)
    (tmp_path / "scan.nii").write_text("another head")
    with pytest.raises(RemnantError, match=r"is not what .*run was begun with \(other files of p1:1\)"):
        carry_out(options=again, prepare=prepare, conclude=conclude, **asked)
    (tmp_path / "scan.nii").write_text("a head")
    carry_out(options=again, prepare=prepare, conclude=conclude, **asked)


def noted(run, name, folder):
    with (Path(folder) / "calls").open("a") as calls:
        calls.write(name)
    return {}


def test_a_finished_run_does_what_more_is_asked_of_it(tmp_path):
    out, done = tmp_path / "run", []

    def prepare_all(names):
        def cells(run):
            private_folder(run.path, "drawn")
            return [Cell(name, noted, {"name": name, "folder": str(tmp_path)}) for name in names]

        return cells

    def conclude_all(run, cells):
        done.append(sorted(cells))
        return conclude(run, cells)

    def ask(names, **how):
        options = RunOptions(out, resume=out.exists(), quiet=True, **how)
        return carry_out(
            "tiny",
            options,
            {"names": names},
            prepare_all(names),
            conclude_all,
            passing=[],
            drawn=["drawn"],
            growing=["names"],
        )

    ask(["a"], keep_reconstructions=True)
    ask(["a", "b"], keep_reconstructions=True)
    assert done == [["a"], ["a", "b"]] and (tmp_path / "calls").read_text() == "ab"
    ask(["a", "b"], keep_reconstructions=True)
    assert len(done) == 2
    with pytest.raises(RemnantError, match="started with other settings"):
        ask(["b"], keep_reconstructions=True)
    out = tmp_path / "removed"
    ask(["a"])
    with pytest.raises(RemnantError, match="what more names would be compared with was removed"):
        ask(["a", "b"])
    assert (out / "results.json").exists()


def test_each_cell_has_the_commit_that_it_was_computed_by(tmp_path):
    run = Run.start(tmp_path / "run", "tiny", {}, resume=False)
    for cell, what, values in [
        ("study", "start", {"commit": "one"}),
        ("a", "end", {}),
        ("b", "start", {}),
        ("study", "start", {"commit": "two"}),
        ("b", "end", {}),
    ]:
        run.log(cell, what, **values)
    assert provenance_of(run, {"a": {}, "b": {}})["cell_commits"] == {"a": "one", "b": "two"}
    same = Run.start(tmp_path / "same", "tiny", {}, resume=False)
    same.log("study", "start", commit="one")
    same.log("a", "end")
    assert provenance_of(same, {"a": {}})["cell_commits"] == {}


def test_a_run_without_a_conclusion_says_so_at_once(tmp_path, capsys):
    def void(run, cells):
        return conclude(run, cells).model_copy(update={"no_conclusion": ["The preset 'smoke' shows nothing."]})

    for name, quiet in (("loud", False), ("quiet", True)):
        options = RunOptions(tmp_path / name, quiet=quiet)
        carry_out("tiny", options, {}, prepare, void, passing=["scans"], drawn=["drawn"])
        assert ("No conclusion: The preset 'smoke' shows nothing." in capsys.readouterr().err) != quiet
