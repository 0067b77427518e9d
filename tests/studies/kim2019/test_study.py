"""The whole study, small: what it writes, and what it leaves."""

import shutil
from dataclasses import replace

import pytest

from remnant.base.results import Results
from remnant.base.run import Run
from remnant.studies.frame import Asked
from remnant.studies.kim2019 import preset, run_study
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.querying import queried
from remnant.studies.kim2019.variants import VARIANTS

SMOKE = preset("smoke")


def test_cells_wait_for_what_they_read(tmp_path, invented):
    from tests.studies.kim2019.example import scans

    settings = preset("cpu")
    variants = {name: VARIANTS[name] for name in settings.variants}
    cells = {cell.name: cell for cell in cells_of(Run(tmp_path), settings, variants, scans(), ("other",))}
    assert next(iter(variants)) == "raw" and len(variants) == 13
    by_recipe = {"kim2019-raw", "kim2019-1"}
    for name in variants:
        assert cells[f"train-{name}"].needs == ("pretrain-kim2019" if name in by_recipe else "pretrain",)
    assert [name for name in cells if name.endswith(("-kim2019-raw", "-kim2019-raw-code"))] == [
        "train-kim2019-raw",
        "see-kim2019-raw",
        "identity-kim2019-raw-code",
    ]
    for name in {*variants} - {"kim2019-raw"}:
        assert cells[f"see-{name}"].needs == (f"train-{name}",) == cells[f"transfer-{name}"].needs
        for view in ("code", "labels"):
            assert cells[f"identity-{name}-{view}"].needs == (f"see-{name}",) == cells[f"inversion-{name}-{view}"].needs
    assert [name for name in cells if name.startswith("queries")] == [
        "queries-averaged-deformation",
        "queries-registered-deformation",
        "queries-averaged-deformation-entropy-1",
        "queries-registered-deformation-entropy-1",
    ]
    assert not [name for name in cells_of(Run(tmp_path), settings, variants, scans(), ()) if "transfer" in name.name]


def test_who_came_twice_is_queried_first(invented):
    from tests.studies.kim2019.example import scans

    everybody = scans()
    visits = everybody.visits.copy()
    # Of two people only the first of the two scans is an early one.
    visits[everybody.where("training")[[1, 3]]] = 3
    fewer = replace(everybody, visits=visits)
    chosen = [fewer.patients[i] for i in queried(fewer, "training", 3)]
    assert chosen == ["T2", "T2", "T3", "T3", "T4", "T4"]
    assert {fewer.patients[i] for i in queried(fewer, "training", 8)} == {f"T{i}" for i in range(8)}


@pytest.mark.slow
def test_a_study_from_phantoms_to_its_report(tmp_path):
    out = tmp_path / "run"
    report = run_study(
        SMOKE, Asked(out, workers=2, quiet=True, command="remnant study kim2019"), cache=tmp_path / "cache"
    )
    results = Results.read(out / "results.json")
    assert report.exists() and results.study == "kim2019" and results.patients == 6 and results.scans == 12
    variants = set(SMOKE.variants)
    for table in ("identity", "segmentation", "inversion", "people", "transfer", "robustness", "runtime"):
        assert {row["variant"] for row in results.tables[table]} == variants, table
    assert {row["kind"] for row in results.tables["identity"]} == {"real"}
    assert {row["view"] for row in results.tables["identity"]} >= {"code", "labels", "code_scores_averaged"}
    assert {row["target"] for row in results.tables["stage1"]} == variants | {"pretrain"}
    assert len(results.checkpoints) == len(variants)
    # Nothing that shows a patient is left, and each network can leave by itself.
    assert not [path for path in (out / "private").rglob("*.npz")] and not (out / "private" / "phantoms-data").exists()
    for name in variants:
        assert (out / "checkpoints" / name / "segmenter.safetensors").exists()
    shutil.rmtree(out / "figures")
    again = run_study(SMOKE, Asked(out, resume=True, quiet=True, command="remnant study kim2019"))
    assert again == report


@pytest.mark.slow
def test_variants_may_be_added_to_a_finished_study(tmp_path):
    out = tmp_path / "run"

    def run(*variants):
        asked = Asked(out, resume=out.exists(), keep_reconstructions=True, quiet=True, command="x")
        run_study(SMOKE.changed(variants=variants), asked, cache=tmp_path / "cache")
        return Results.read(out / "results.json")

    first = run("raw")
    trained = (out / "checkpoints" / "raw" / "segmenter.safetensors").stat().st_mtime_ns
    both = run("raw", "deformation")
    assert (out / "checkpoints" / "raw" / "segmenter.safetensors").stat().st_mtime_ns == trained
    assert {row["variant"] for row in both.tables["identity"]} == {"raw", "deformation"}
    assert [row for row in both.tables["segmentation"] if row["variant"] == "raw"] == first.tables["segmentation"]
