"""The whole study, small: what it writes, what it leaves, and that no kill changes a number."""

import csv
import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from remnant.base.errors import RemnantError
from remnant.base.purge import purge
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.report.page import make_report
from remnant.studies.frame import RunOptions
from remnant.studies.subbanna2021 import preset, run_study

SETTINGS = preset("smoke").changed(networks=["segnet"])
TABLES = {
    "similarity": "network metric group n own others mean_image",
    "identification": "network metric decoder group n gallery rank1 rank1_low rank1_high mean_rank chance",
    "dice": "network group image",
    "leak": "network metric difference low high p detectable",
    "findings": "target attack view statistic n value null adjusted_p outcome",
    "controls": "target kind attack passed sentence",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory, write_cohort):
    folder = tmp_path_factory.mktemp("study")
    data = write_cohort(folder / "data", patients=6, sessions=2)
    options = RunOptions(folder / "run", workers=2, quiet=True, command="remnant x")
    run_study(SETTINGS, options, data=data, cache=folder / "cache")
    return folder


def without_keys(rows):
    """Rows as a multiset, without the pseudonyms that each run draws anew."""
    return sorted(json.dumps({k: v for k, v in row.items() if k != "pseudonym"}, sort_keys=True) for row in rows)


@pytest.mark.slow
def test_data_of_nnu_net_are_segmented_into_their_own_classes(tmp_path):
    bids, data = tmp_path / "bids", tmp_path / "data"
    write_bids(BrainPhantoms(patients=6, side=32), bids, quiet=True)
    for folder, ending, suffix in (("imagesTr", "T1w", "_0000"), ("labelsTr", "dseg", "")):
        (data / folder).mkdir(parents=True)
        for path in bids.rglob(f"*_{ending}.nii.gz"):
            path.rename(data / folder / f"{path.name.partition('_')[0]}{suffix}.nii.gz")
    names = {row["name"]: int(row["index"]) for row in csv.DictReader((bids / "dseg.tsv").open(), delimiter="\t")}
    about = {"channel_names": {"0": "T1"}, "labels": names, "numTraining": 6, "file_ending": ".nii.gz"}
    (data / "dataset.json").write_text(json.dumps(about))
    run_study(SETTINGS, RunOptions(tmp_path / "run", workers=2, quiet=True), data=data, cache=tmp_path / "cache")
    results = Results.read(tmp_path / "run/results.json")
    assert results.settings["preparation"]["scheme"] == "labels"
    assert any(next(name for name in names if names[name]) in text for text in results.attacked)


@pytest.mark.slow
def test_results_hold_every_table(finished):
    value = json.loads((finished / "run" / "results.json").read_text())
    assert (value["study"], value["preset"], value["command"], value["seed"]) == (
        "subbanna2021",
        "smoke",
        "remnant x",
        0,
    )
    assert (value["patients"], value["scans"]) == (6, 12)
    assert value["seconds"] > 0 and value["hardware"]["cores"] >= 1
    for name, columns in TABLES.items():
        rows = value["tables"][name]
        assert rows and all(set(columns.split()) <= set(row) for row in rows), name
        assert name == "findings" or all(row.get("group") in (None, "member", "non_member") for row in rows)
    assert all(0 <= row["rank1"] <= 1 and row["n"] == 6 for row in value["tables"]["identification"])
    names = {f"segnet-fold{fold}.safetensors" for fold in range(3)}
    assert set(value["checkpoints"]) == names == {path.name for path in (finished / "run" / "checkpoints").iterdir()}
    with (finished / "run" / "scores.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(value["tables"]["scores"]) == 6 * 2 * 2 * 3


@pytest.mark.slow
def test_what_is_patient_data_is_gone_and_nobody_is_named(finished):
    run = finished / "run"
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert sorted(path.name for path in (run / "private").iterdir()) == ["cache.json", "cohorts.json", "key"]
    kept = [path for path in run.rglob("*") if path.is_file() and run / "private" not in path.parents]
    assert (run / "report.html") in kept and len(kept) > 15
    for path in kept:
        if path.name != "config.json":
            assert not re.search(rb"zq\dhk", path.read_bytes()), path
    for path in (run / "checkpoints").iterdir():
        with safe_open(path, framework="pt") as file:
            assert set(file.metadata()) == {"remnant"}
    with pytest.raises(RemnantError, match="kept no reconstruction"):
        make_report(run, show_images=True)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_tables_with_one_worker_and_images_are_kept_where_asked(finished):
    run = finished / "kept"
    options = RunOptions(run, keep_reconstructions=True, quiet=True)
    report = run_study(SETTINGS, options, data=finished / "data", cache=finished / "cache")
    assert report == run / "report.html"
    first, second = (Results.read(finished / name / "results.json").tables for name in ("run", "kept"))
    for name, rows in first.items():
        assert without_keys(second[name]) == without_keys(rows), name
    kept = sorted(path.name for path in (run / "private" / "reconstructions").iterdir())
    assert len(kept) == 6 and len(list((run / "private" / "subjects").rglob("decoder.safetensors"))) == 6
    with np.load(run / "private" / "reconstructions" / kept[0]) as file:
        assert all(re.fullmatch(r"P-[0-9a-f]{8}", name) for name in file["pseudonyms"])
    assert make_report(run, show_images=True) == run / "private" / "report.html"
    cached = len(list((finished / "cache").glob("*.npz")))
    assert cached > 12
    removed = purge(Run.open(run))
    assert removed >= cached + 14 and list((finished / "cache").glob("*.npz")) == [] and not (run / "private").exists()
    assert make_report(run) == run / "report.html"


def start(out, folder, *arguments):
    """The study of the command line on its own phantoms, in a process group of its own."""
    command = [sys.executable, "-m", "remnant", "study", "subbanna2021", "--preset", "smoke", "--networks", "segnet"]
    return subprocess.Popen(
        [*command, "--out", str(out), "--workers", "2", "--quiet", "--cache", str(folder / "cache"), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process):
    printed, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, errors
    return Path(printed.strip())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="process groups")
def test_kills_at_a_dozen_random_moments_change_no_number(tmp_path):
    started = time.monotonic()
    finish(start(tmp_path / "undisturbed", tmp_path / "a"))
    whole = time.monotonic() - started
    moments = random.Random(0)
    killed, done = tmp_path / "killed", {}
    for turn in range(12):
        process = start(killed, tmp_path / "b", *(["--resume"] if turn else []))
        try:
            # Most of a run's life is spent in cells: a kill comes anywhere between its start and a third of the whole.
            process.wait(moments.uniform(0.05, 1 / 3) * whole)
        except subprocess.TimeoutExpired:
            if turn % 2:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        now = {path.name: path.stat().st_mtime_ns for path in killed.glob("cells/[!.]*.json")}
        # What was finished before is neither lost nor done again.
        assert {name: now.get(name) for name in done} == done
        done = now
    finish(start(killed, tmp_path / "b", "--resume"))
    now = {path.name: path.stat().st_mtime_ns for path in killed.glob("cells/[!.]*.json")}
    assert {name: now[name] for name in done} == done
    first, second = (Results.read(run / "results.json") for run in (tmp_path / "undisturbed", killed))
    for name, rows in first.tables.items():
        assert without_keys(second.tables[name]) == without_keys(rows), name
    assert (first.headline, first.findings, first.checkpoints) == (second.headline, second.findings, second.checkpoints)
    assert sorted(path.name for path in (killed / "private").iterdir()) == ["cache.json", "key"]
    assert not list(killed.rglob(".tmp-*"))


@pytest.mark.slow
def test_every_experiment_and_every_measure_has_its_rows(tmp_path, write_cohort):
    data = write_cohort(tmp_path / "data", patients=6, sessions=1)
    experiments = ["default", "surrogate", "aligned", "deep_grey", "overfit"]
    settings = SETTINGS.changed(
        experiments=experiments,
        metrics=["ssim", "ms_ssim"],
        deformation=True,
        damage=True,
        design="swap",
        group=2,
        few=2,
        latents="recovered",
    )
    run_study(settings, RunOptions(tmp_path / "run", show_images=True, quiet=True), data=data, cache=tmp_path / "cache")
    drawn = {path.stem for path in (tmp_path / "run" / "private" / "figures").iterdir()}
    assert drawn == {"reconstructions", "deformation-segnet"}
    tables = Results.read(tmp_path / "run" / "results.json").tables
    assert {row["decoder"] for row in tables["identification"]} == {*experiments, "mean_image"}
    assert {row["decoder"] for row in tables["comparison"]} == set(experiments[1:])
    bent = [row for row in tables["similarity"] if row["metric"] == "deformation"]
    # Millimetres, of the paper's own experiments alone.
    assert {row["decoder"] for row in bent} == {"default"}
    assert all(row["own"] > 0 and row["own_low"] is row["own_high"] is None for row in bent)  # six have no interval
    assert {row["metric"] for row in tables["response"]} == {"ssim", "ms_ssim", "deformation"}
    assert {row["metric"] for row in tables["leak"] if row["decoder"] == "default"} == {
        "ssim",
        "ms_ssim",
        "deformation",
    }
    assert {row["drawn"] for row in tables["recovered"]} == {"searched", "random", "beyond_random"}
    # The attacker's own segmenters are its own: no checkpoint to publish.
    names = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert names == {
        f"segnet-fold{fold}{kind}.safetensors" for fold in (0, 1) for kind in ("", "-deep_grey", "-overfit")
    }
