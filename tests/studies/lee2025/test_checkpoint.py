"""The audit of a checkpoint that somebody brought: what it writes, what it leaves, what it refuses."""

import json
import re
import shutil
import stat

import numpy as np
import pytest
import torch

from remnant.attacks.prior import Prior, save_prior
from remnant.base.errors import RemnantError
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Generator
from remnant.nets.segmenter import Segmenter
from remnant.studies.frame import Asked
from remnant.studies.lee2025 import audit_checkpoint, checkpoint_preset
from remnant.studies.lee2025.kept import read_attacked, read_groups
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier_files import save_state_dict

SETTINGS = checkpoint_preset("smoke")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, stranger, prior_file, owners):
    folder = tmp_path_factory.mktemp("audit")
    asked = Asked(folder / "run", keep_reconstructions=True, quiet=True, command="remnant attack")
    audit_checkpoint(stranger, SETTINGS, asked, prior=prior_file, against=owners, cache=folder / "cache")
    return folder


def test_an_audit_writes_results_and_report(finished):
    run = finished / "run"
    results = Results.read(run / "results.json")
    assert (results.study, results.command, results.patients, results.scans) == ("checkpoint", "remnant attack", 10, 10)
    assert set(results.checkpoints) == {"checkpoint", "prior.safetensors"}
    assert (run / "report.html").exists() and stat.S_IMODE(run.stat().st_mode) == 0o700
    assert {row["source"] for row in results.tables["leak"]} == {"published", "gmi", "prior"}
    # Of the split val, who took part in the training by deciding when it stops, nobody is compared.
    assert [(row["group"], row["patients"]) for row in results.tables["patients"]] == [
        ("members", 6),
        ("non_members", 4),
    ]
    assert any("2 patients of the validation are left out" in text for text in results.findings)
    # No public patients: nobody taught a reader of age and sex, and there is no space but the target's and the image's.
    assert {row["space"] for row in results.tables["leak"]} == {"target_features", "ssim"}
    assert not results.tables["demographics"] and not results.tables["anonymity"]
    assert any("Age and sex" in text for text in results.not_tested)
    assert any("column split" in text for text in results.not_tested)
    assert {row["term"] for row in results.tables["stage1"]} >= {"total", "layer_norm", "attention_entropy"}
    for path in run.rglob("*"):
        if path.is_file() and run / "private" not in path.parents and path.name != "config.json":
            assert not re.search(rb"chest000\d\d", path.read_bytes()), path


def test_members_are_those_who_trained(finished):
    groups = read_groups(Run(finished / "run"), "against")
    assert [len(groups[name].patients) for name in ("members", "non_members")] == [6, 4]
    assert not set(groups["members"].patients) & set(groups["non_members"].patients)


def test_candidates_are_kept_as_they_were_drawn(finished):
    run = Run(finished / "run")
    drawn, control = (read_attacked(run, "checkpoint", method) for method in ("published", "prior"))
    assert drawn.images.shape == (24, 32, 32) and not (drawn.images == control.images).all()
    assert sorted(drawn.order) == list(range(24)) and np.isnan(drawn.age).all()
    best = (drawn.excitation <= drawn.excitation_cutoff) & (drawn.distance <= drawn.distance_cutoff)
    assert (drawn.likely == best).all()
    assert len(drawn.similarities) == 2 * 2 * 2 and drawn.similarities["ssim", "crop", "members"].shape == (24, 6)
    with np.load(run.private / "progressions" / "checkpoint-published.npz") as kept:
        assert kept["steps"].tolist() == [0, 1, 2, 3] and kept["images"].shape == (4, 2, 32, 32)


def test_without_patients_the_run_says_so_and_keeps_nothing(tmp_path, stranger, prior_file, capsys):
    asked = Asked(tmp_path / "run")
    report = audit_checkpoint(stranger, SETTINGS, asked, prior=prior_file, cache=tmp_path / "cache")
    assert re.search(r"\d attacks: about \d+ min with 1 worker, ", capsys.readouterr().err)
    assert report.exists() and [path.name for path in (tmp_path / "run" / "private").iterdir()] == ["key"]
    results = Results.read(tmp_path / "run" / "results.json")
    assert not any("column split" in text for text in results.not_tested)
    assert not results.tables["leak"] and results.tables["candidates"] and results.patients == 0
    assert not results.tables["membership"] and any("--against" in text for text in results.not_tested)
    # The same again is a report; another checkpoint is another run.
    again = Asked(tmp_path / "run", resume=True, quiet=True)
    assert audit_checkpoint(stranger, SETTINGS, again, prior=prior_file) == report
    other = shutil.copy(stranger, tmp_path / "other.pt")
    torch.save(torch.load(other) | {"heads.head.bias": torch.ones(1)}, other)
    with pytest.raises(RemnantError, match="started with other settings \\(checkpoint"):
        audit_checkpoint(tmp_path / "other.pt", SETTINGS, again, prior=prior_file)


def manifest(owners, tmp_path, change):
    folder = shutil.copytree(owners, tmp_path / "cohort")
    path = folder / "manifest.csv"
    path.write_text(change(path.read_text()))
    return folder


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda text: text.replace("split", "part"),
            r"split must say train for those who trained the target, and says nothing; its column split must say test",
        ),
        (
            lambda text: text.replace("test", "other"),
            r"must say test for those who did not train it \(the validation took part .*\), and says other,",
        ),
        (
            lambda text: text.replace(",chest00012,", ",chest00001,"),
            "1 patient has images on both sides of the column split",
        ),
    ],
)
def test_cohorts_that_do_not_say_who_trained_the_target(stranger, prior_file, owners, tmp_path, change, sentence):
    with pytest.raises(RemnantError, match=sentence):
        audit_checkpoint(stranger, SETTINGS, Asked(tmp_path / "run"), against=manifest(owners, tmp_path, change))
    assert not (tmp_path / "run").exists()


def test_what_is_no_target_and_no_prior(stranger, prior_file, owners, tmp_path):
    asked = Asked(tmp_path / "run", quiet=True)
    arguments = {"architecture": "unet", "classes": 2, "widths": (4, 4, 4, 4)}
    save_checkpoint(tmp_path / "unet.safetensors", Segmenter(**arguments), arguments)
    with pytest.raises(RemnantError, match="this attack is on classifiers of radiographs"):
        audit_checkpoint(tmp_path / "unet.safetensors", SETTINGS, asked, prior=prior_file)
    (tmp_path / "cut.pt").write_bytes(stranger.read_bytes()[:500])
    with pytest.raises(RemnantError, match=r"cut\.pt"):
        audit_checkpoint(tmp_path / "cut.pt", SETTINGS, asked, prior=prior_file)
    save_prior(tmp_path / "small.safetensors", Prior(Generator(8, (4, 4), 8).eval()))
    with pytest.raises(RemnantError, match="draws images of 8 pixels, too few"):
        audit_checkpoint(stranger, SETTINGS, asked, prior=tmp_path / "small.safetensors")
    with pytest.raises(RemnantError, match=r"takes images of 32 pixels a side\. Got size 48"):
        audit_checkpoint(stranger, SETTINGS.changed(size=48), asked, prior=prior_file)
    with pytest.raises(RemnantError, match="The method 'joint' needs a CNN with BatchNorm; give that, or leave it out"):
        audit_checkpoint(stranger, SETTINGS.changed(methods=["prior", "joint"]), asked, prior=prior_file)
    save_state_dict(tmp_path / "bare.pt", build_classifier("densenet121", channels=3))
    goals = {"manifold": {"goals": {"late_layer": "layer9"}}}
    with pytest.raises(RemnantError, match="has no module 'layer9'"):
        audit_checkpoint(tmp_path / "bare.pt", SETTINGS.changed(attack=goals), asked, prior=prior_file)
    with pytest.raises(RemnantError, match="A site cannot draw from more people"):
        audit_checkpoint(stranger, SETTINGS.changed(site=1e9), asked, prior=prior_file)
    ageless = manifest(owners, tmp_path, lambda text: re.sub(r",[\d.]+,([FM]),", r",,\1,", text))
    with pytest.raises(RemnantError, match="has an age and a sex"):
        audit_checkpoint(stranger, SETTINGS, asked, prior=prior_file, public=ageless)
    assert not (tmp_path / "run").exists()


def test_the_config_holds_hashes_of_what_was_attacked(finished, stranger):
    config = json.loads((finished / "run" / "config.json").read_text())
    # The target is a ViT, which has no use for the second of the default.
    assert config["methods"] == ["published", "gmi", "prior"]
    assert len(config["checkpoint"]) == len(config["prior"]) == 64 and str(stranger) not in json.dumps(config)
