"""The whole study of checkpoints, small: what it writes, what it leaves, what it refuses before it begins."""

import re
import shutil
import stat

import pytest

from remnant.attacks.checkpoint.methods import METHODS
from remnant.attacks.prior import Prior, digest_of, load_prior, save_prior
from remnant.audit.findings.gains import VIEWS
from remnant.base.errors import RemnantError
from remnant.base.purge import purge
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.membership import halves
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.report.page import make_report
from remnant.studies.frame import RunOptions
from remnant.studies.lee2025 import preset, run_study
from remnant.studies.lee2025.plan import cells_of
from remnant.studies.lee2025.settings import ATTACKS

SETTINGS = preset("smoke")


def test_every_attack_is_a_cell_that_waits_for_its_target_and_the_reader(tmp_path):
    settings = preset("cpu").changed(more_methods=list(ATTACKS))
    cells = {cell.name: cell for cell in cells_of(Run(tmp_path), settings, tmp_path / "prior")}
    attacks = {name: cell for name, cell in cells.items() if name.startswith("attack")}
    of_cnn = [cell.arguments["attack"] for cell in attacks.values() if cell.arguments["target"] == "cnn"]
    assert sorted(of_cnn) == ["gmi", "joint", "published"]
    of_overfit = {cell.arguments["attack"] for cell in attacks.values() if cell.arguments["target"] == "cnn_overfit"}
    assert of_overfit == set(ATTACKS)
    for name, cell in attacks.items():
        target, gmi = cell.arguments["target"], f"attack-{cell.arguments['target']}-gmi"
        # Its images are a control of all others.
        others = (gmi,) if gmi in cells and name != gmi else ()
        assert cell.needs == ("reader", f"target-{target}", *others), name
    assert cells["target-cnn_overfit_swapped"].needs == ("target-cnn_overfit",)
    assert {name for name in cells if name.startswith("blind")} == {"blind-private", "blind-planted", "blind-public"}
    # The longest begin first.
    tuned = [METHODS[cell.arguments["attack"]].tunes for cell in attacks.values()]
    assert tuned == sorted(tuned, reverse=True)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohorts")
    for name, seed in (("private", 1), ("public", 2)):
        write_manifest(ChestPhantoms(patients=40, sessions=1, side=32, seed=seed), folder / name, quiet=True)
    return folder


def knowing(prior_file, folder, patients):
    """The prior, of whom it is said that it knows these patients."""
    shutil.copytree(prior_file.parent, folder)
    path = folder / prior_file.name
    digest = patients and digest_of(patients)
    save_prior(path, Prior(load_prior(path).generator, digest))
    return path


@pytest.mark.parametrize(
    ("changes", "known", "sentence"),
    [
        (
            {},
            None,
            "does not say whether it was trained on the attacker's half .*within_cnn; train it by .*--attackers-half",
        ),
        ({}, "all", "was trained on other patients than the attacker's half"),
        (
            {"side": 64, "attack": {"pixels": {"side": 64}}},
            "half",
            "draws images of 32 pixels, and the study works at 64",
        ),
        ({"private_finding": "Edema"}, "half", "has not the finding 'Edema'"),
        ({"site": 2e6}, "half", "A site cannot draw from more people"),
    ],
)
def test_what_does_not_serve_leaves_no_run(cohorts, prior_file, tmp_path, changes, known, sentence):
    public = read_cohort(cohorts / "public")
    people = {"all": public.patients, "half": halves(public.cases)[1]}.get(known)
    prior = knowing(prior_file, tmp_path / "prior", people)
    settings = SETTINGS.changed(**changes)
    with pytest.raises(RemnantError, match=sentence):
        run_study(
            settings, RunOptions(tmp_path / "run"), private=cohorts / "private", public=cohorts / "public", prior=prior
        )
    assert not (tmp_path / "run").exists()


def test_only_smoke_makes_its_own_patients(tmp_path):
    with pytest.raises(
        RemnantError, match="The preset 'cpu' needs --private, --public, --prior; `smoke` makes its own"
    ):
        run_study(preset("cpu"), RunOptions(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    run_study(SETTINGS, RunOptions(folder / "run", quiet=True, command="remnant x"), cache=folder / "cache")
    return folder


@pytest.mark.slow
def test_results_hold_every_table(finished):
    results = Results.read(finished / "run" / "results.json")
    assert (results.study, results.preset, results.command) == ("lee2025", "smoke", "remnant x")
    tables = results.tables
    assert not [name for name, rows in tables.items() if not rows]
    assert [row["target"] for row in tables["targets"]] == list(SETTINGS.targets)
    rows = {row["target"]: row for row in tables["targets"]}
    assert rows["cnn_overfit"]["train_accuracy"] == rows["cnn_planted"]["train_accuracy"] == 1.0
    assert rows["cnn_planted"]["images"] == 8 and rows["cnn_untrained"]["epochs"] == 0
    found = [row for row in tables["findings"] if row["target"] == "vit_overfit"]
    assert {row["attack"] for row in found} == {"output", "published", "gmi", "pixels"}
    assert {row["view"] for row in found if row["attack"] == "gmi"} == set(VIEWS.values())
    assert set(results.checkpoints) >= {"cnn.safetensors", "reader.safetensors", "prior.safetensors"}
    # The private patients with a label, and the target's half of the public ones.
    groups = {(row["source"], row["group"]): row["patients"] for row in tables["patients"]}
    assert results.patients == sum(n for (source, _), n in groups.items() if source in ("private", "public"))


@pytest.mark.slow
def test_no_target_and_no_patient_leaves(finished):
    run = finished / "run"
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert sorted(path.name for path in (run / "private").iterdir()) == ["cache.json", "key"]
    # Beside the reader of age and sex stand the exact ages of those whom it was judged on.
    assert not (run / "checkpoints").exists()
    for path in run.rglob("*"):
        if path.is_file() and path.name != "config.json":
            assert not re.search(rb"chest000\d\d", path.read_bytes()), path
    cached = len(list((finished / "cache").glob("*.npz")))
    assert cached > 60 and purge(Run.open(run)) >= cached and not list((finished / "cache").glob("*.npz"))
    assert make_report(run) == run / "report.html"


@pytest.mark.slow
def test_a_killed_study_goes_on_to_the_same_tables_and_keeps_images_where_asked(finished, monkeypatch):
    from remnant.engine import cells

    settings, out = SETTINGS.changed(targets=["vit_overfit", "cnn_untrained"]), finished / "killed"
    options = RunOptions(out, quiet=True, show_images=True)
    done, do = [], cells._do

    def killed(path, cell):
        if len(done) == 4:
            raise KeyboardInterrupt
        do(path, cell)
        done.append(cell.name)

    monkeypatch.setattr(cells, "_do", killed)
    with pytest.raises(KeyboardInterrupt):
        run_study(settings, options, cache=finished / "cache")
    monkeypatch.setattr(cells, "_do", do)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    assert run_study(
        settings, RunOptions(out, resume=True, quiet=True, show_images=True), cache=finished / "cache"
    ) == (out / "private" / "report.html")
    assert len(before) == 4
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}.items()
    kept = {path.name for path in (out / "private").iterdir() if path.is_dir()}
    assert {"groups", "targets", "attacks", "progressions", "figures", "reader", "vit_overfit"} <= kept
    assert "phantoms-private" not in kept
    first, second = (Results.read(run / "results.json").tables for run in (finished / "run", out))
    # A target's numbers do not depend on which others there are, nor on kills; only what is judged together with them does.
    own = {"targets": None, "likely": None, "candidates": None}
    own["findings"] = ("attack", "view", "statistic", "value", "low", "high")
    for name, columns in own.items():
        rows, again = (
            sorted(
                str({key: row[key] for key in columns or row}) for row in tables[name] if row["target"] == "vit_overfit"
            )
            for tables in (first, second)
        )
        assert rows and rows == again, name
