"""The whole study, small: what it writes, and what it leaves."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from remnant.audit.cells.blind import blind_of
from remnant.base import store
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.cohort.images import AGE
from remnant.cohort.revisit import RevisitSettings
from remnant.defenses.privacynet.view import View
from remnant.measure.roles import MEMBER
from remnant.studies.frame import RunOptions
from remnant.studies.kim2019 import cells, preset, run_study
from remnant.studies.kim2019.cells import blind_cell
from remnant.studies.kim2019.identity_tables import QUERIED
from remnant.studies.kim2019.materials import material, scans_file, sent_file
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.training import pretrain_cell, train_cell
from remnant.studies.kim2019.variants import VARIANTS

SMOKE = preset("smoke")


def test_cells_wait_for_what_they_read(invented):
    from tests.studies.kim2019.example import scans

    settings, everybody = preset("cpu"), scans()
    everybody = replace(everybody, details={**everybody.details, AGE: np.arange(64.0)})
    variants = {name: VARIANTS[name] for name in preset("paper").variants}
    plan = {cell.name: cell for cell in cells_of(settings, variants, everybody, ("other",))}
    assert next(iter(variants)) == "raw" and len(variants) == 13
    assert plan["blind"].needs == ()
    by_recipe = {"kim2019-raw", "kim2019-1"}
    for name in variants:
        assert plan[f"train-{name}"].needs == ("pretrain-kim2019" if name in by_recipe else "pretrain",)
    assert [name for name in plan if name.endswith(("-kim2019-raw", "-kim2019-raw-code"))] == [
        "train-kim2019-raw",
        "pairs-kim2019-raw-code",
        "worth-kim2019-raw",
        "membership-kim2019-raw",
    ]
    for name in {*variants} - {"kim2019-raw"}:
        for view in ("code", "labels"):
            assert plan[f"pairs-{name}-{view}"].needs == (f"train-{name}",) == plan[f"inversion-{name}-{view}"].needs
        for kind in ("worth", "membership", "people"):
            assert plan[f"{kind}-{name}"].needs == (f"train-{name}",)
        assert plan[f"worth-{name}"].arguments["second"] == ("other",)
        assert plan[f"membership-{name}"].arguments["first"]
    assert [name for name in plan if name.endswith("repeated")] == [
        "pairs-deformation-repeated",
        "pairs-deformation-entropy-1-repeated",
    ]
    # They learn from the same codes as those who are asked about each scan once.
    assert plan["pairs-deformation-repeated"].needs == ("train-deformation", "pairs-deformation-code")
    assert not [cell.name for cell in cells_of(settings, variants, scans(), ()) if cell.name.startswith("people")]


def kept(run, everybody, changed=lambda images, roles: images):
    """Scans of noise whose label maps are where they are bright, in the run."""
    draw, n = np.random.default_rng(0), len(everybody.patients)
    images = changed(draw.random((n, 1, 16, 16, 16), dtype=np.float32), np.array(everybody.roles))
    labels = (images[:, 0] > 0.5).astype(np.uint8)
    store.keep(
        scans_file(run),
        replace(everybody, images=torch.from_numpy(images), labels=torch.from_numpy(labels), classes=("none", "gm")),
    )


def test_the_blind_baseline_knows_scans_alone(tmp_path):
    from tests.studies.kim2019.example import scans

    def brighter(images, roles):
        return np.clip(images + 0.2 * (roles == "training")[:, None, None, None, None], 0, 1).astype(np.float32)

    for name, changed, passed in (("alike", lambda images, roles: images, True), ("apart", brighter, False)):
        run = Run.start(tmp_path / name, "kim2019", {}, resume=False)
        kept(run, scans(), changed)
        (control,) = blind_cell(run, SMOKE)["controls"]
        assert (control["kind"], control["passed"], control["n"]) == ("blind", passed, 32)


def sent_without_the_networks(run, settings):
    """What cells see of the scans is what the trained networks make of them, and these are not asked again."""
    own, again = (material(run, "published-1", settings) for _ in range(2))
    scans = torch.stack(own.images.images)
    sent_file(run, "published-1").rename(run.path / "sent.npz")
    anew = material(run, "published-1", settings)
    (run.path / "sent.npz").rename(sent_file(run, "published-1"))
    again = replace(again.sent, view=None, _codes=again.sent._codes, _maps=again.sent._maps)
    assert torch.equal(again.codes(scans), anew.sent.codes(scans))
    assert torch.equal(torch.stack([again._maps[key] for key in again._known]), anew.sent.all_sent().maps)


def of_steps(count):
    """Settings of so many steps on the scans of `kept`."""
    net = SMOKE.net.changed(
        patch=16,
        pretraining=SMOKE.net.pretraining.changed(steps=count),
        adversarial=SMOKE.net.adversarial.changed(steps=count),
        preparation=SMOKE.net.preparation.changed(align=False),
    )
    return SMOKE.changed(net=net)


def test_what_attackers_see_of_their_own_scans_is_made_with_the_training(tmp_path, monkeypatch):
    from tests.studies.kim2019.example import scans

    settings, run = of_steps(1), Run.start(tmp_path / "run", "kim2019", {}, resume=False)
    kept(run, scans())
    pretrain_cell(run, "ours", settings)
    train_cell(run, "deformation", settings)
    alone, known = (material(run, "deformation", settings, looks=looks) for looks in (False, True))
    own = known.images.of(known.group(MEMBER))
    view, again = (each.sent.seen("code", own.take([0])).view for each in (alone, known))
    wanted = [view(torch.stack(own.images)) for _ in range(settings.attack.looks)]
    monkeypatch.delattr(View, "code")
    assert all(torch.equal(again(torch.stack(own.images)), codes) for codes in wanted)


def test_a_training_in_several_cells_ends_at_the_same_weights(tmp_path):
    from tests.studies.kim2019.example import scans

    settings, found = of_steps(3), {}
    for name, parts in (("whole", [None]), ("parts", [1, 2, None])):
        run = Run.start(tmp_path / name, "kim2019", {}, resume=False)
        kept(run, scans())
        told = [pretrain_cell(run, "ours", settings, until) for until in parts]
        told += [train_cell(run, "published-1", settings, until) for until in parts]
        assert told[:-1] == [{}] * (2 * len(parts) - 1)
        found[name] = told[-1]["sha256"]
        sent_without_the_networks(run, settings)
        assert not [path for path in (run.private / "training").iterdir() if path.stem != "pretrain"]
    assert found["whole"] == found["parts"]


def test_patients_are_matched_by_their_sessions_where_the_study_spread_these(tmp_path, monkeypatch):
    from tests.studies.kim2019.example import scans

    run, given = Run.start(tmp_path / "run", "kim2019", {}, resume=False), []
    own = scans()
    kept(run, replace(own, kinds=("real",) * len(own.patients)))
    monkeypatch.setattr(cells, "blind_of", lambda *_, matched: given.append(matched) or blind_of(*_, matched=matched))
    blind_cell(run, SMOKE)
    blind_cell(run, SMOKE.changed(net=SMOKE.net.changed(revisits=RevisitSettings())))
    assert given[0].tolist() == [2] * 32 and given[1] is None


@pytest.mark.slow
def test_a_study_from_phantoms_to_its_report(tmp_path):
    out = tmp_path / "run"
    report = run_study(
        SMOKE, RunOptions(out, workers=2, quiet=True, command="remnant study kim2019"), cache=tmp_path / "cache"
    )
    results = Results.read(out / "results.json")
    assert report.exists() and results.study == "kim2019" and results.patients == 4 and results.scans == 8
    variants = set(SMOKE.variants)
    for table in ("identity", "segmentation", "inversion", "attributes", "transfer", "robustness", "runtime"):
        assert {row["variant"] for row in results.tables[table]} == variants, table
    assert {row["kind"] for row in results.tables["identity"]} == {"real"}
    assert {row["view"] for row in results.tables["identity"]} >= {"code", "labels", *QUERIED.values()}
    assert {row["target"] for row in results.tables["stage1"]} == variants | {"pretrain"}
    assert len(results.checkpoints) == len(variants)
    targets = {row["name"] for row in results.tables["headline"]}
    assert {row["target"] for row in results.tables["findings"]} == targets
    claims = {"pair_scores", "reconstructions", "attributes", "patient_scores"}
    assert {row["claim"] for row in results.tables["findings"]} == claims
    kinds = {(row["kind"], row["claim"]) for row in results.tables["controls"]}
    assert kinds >= {(kind, claim) for kind in ("null", "planted") for claim in claims - {"patient_scores"}}
    assert ("blind", "patient_scores") in kinds
    found = [row for row in results.tables["identity"] if row["adversary"] == "d_new_all" and row["view"] == "code"]
    assert all(row["precision"] is not None for row in found)
    # Nothing that shows a patient is left, and each network can leave by itself.
    assert not [path for path in (out / "private").rglob("*.npz")] and not (out / "private" / "phantoms-data").exists()
    for name in variants:
        assert (out / "checkpoints" / name / "segmenter.safetensors").exists()
    shutil.rmtree(out / "figures")
    again = run_study(SMOKE, RunOptions(out, resume=True, quiet=True, command="remnant study kim2019"))
    assert again == report


@pytest.mark.slow
def test_variants_may_be_added_to_a_finished_study(tmp_path):
    out = tmp_path / "run"

    def run(*variants):
        options = RunOptions(out, resume=out.exists(), keep_reconstructions=True, quiet=True, command="x")
        run_study(SMOKE.changed(variants=variants), options, cache=tmp_path / "cache")
        return Results.read(out / "results.json")

    first = run("raw")
    trained = (out / "checkpoints" / "raw" / "segmenter.safetensors").stat().st_mtime_ns
    both = run("raw", "deformation")
    assert (out / "checkpoints" / "raw" / "segmenter.safetensors").stat().st_mtime_ns == trained
    assert {row["variant"] for row in both.tables["identity"]} == {"raw", "deformation"}
    assert [row for row in both.tables["segmentation"] if row["variant"] == "raw"] == first.tables["segmentation"]
