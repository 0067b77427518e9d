"""Membership by the targets' own output and its blind baseline: who is asked about, and what is claimed of all folds together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.attacks.attack import PatientScores, Reconstructions
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.kept import (
    Similarities,
    keep_reconstructions,
    keep_scores,
    keep_similarities,
    kept_reconstructions,
)
from remnant.audit.findings.gains import gain_control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case
from remnant.cohort.folds import swap_folds, three_group_folds, two_group_folds
from remnant.cohort.images import Images, visits_of
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.studies.subbanna2021.claims import findings_of
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, checkpoint_name
from remnant.studies.subbanna2021.folds import attacked_in, first_scans, part_of, read_fold, write_fold
from remnant.studies.subbanna2021.membership import blind_cell, membership_cell
from remnant.studies.subbanna2021.recovered import RECOVERED
from remnant.studies.subbanna2021.settings import preset
from remnant.targets.checkpoint import save_checkpoint

PATIENTS = [f"p{i:02d}" for i in range(12)]
SETTINGS = preset("smoke").changed(networks=["unet"], experiments=["default"])


def prepared(sessions=1, patients=PATIENTS):
    random, cases = np.random.default_rng(0), []
    for patient in patients:
        cases += [Case(patient, f"v{session}", Path("i")) for session in range(sessions)]
    images = torch.from_numpy(random.random((len(cases), 1, 16, 16, 16), dtype=np.float32))
    labels = torch.from_numpy(random.integers(0, 3, (len(cases), 16, 16, 16)).astype(np.uint8))
    whose, classes = tuple(case.patient for case in cases), ("background", "gyri", "deep_grey")
    return Images(images, labels, whose, visits=visits_of(cases), classes=classes)


def run_with(tmp_path, folds, sessions=1, patients=PATIENTS):
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    for fold in folds:
        write_fold(run, prepared(sessions, patients), fold)
    return run


DEALS = {
    "three_groups": (3, lambda: three_group_folds(PATIENTS, seeds=Seeds(0), n_folds=3)),
    "two_groups": (3, lambda: two_group_folds(PATIENTS, seeds=Seeds(0), n_folds=3)),
    "swap": (2, lambda: swap_folds(PATIENTS, seeds=Seeds(0), group=3)),
}


@pytest.mark.parametrize("design", DEALS)
def test_everybody_has_the_roles_of_the_design(tmp_path, design):
    count, deal = DEALS[design]
    run = run_with(tmp_path, deal(), sessions=2)
    folds = [read_fold(run, fold) for fold in range(count)]
    found = [first_scans(fold, None, everybody=design != "swap") for fold in folds]
    roles = np.stack([own for _, own in found])
    assert len({scans.patients for scans, _ in found}) == 1
    assert all(len(set(scans.patients)) == len(scans) for scans, _ in found)
    assert ((roles == MEMBER).sum(0) == 1).all()
    assert ((roles == NON_MEMBER).sum(0) == (2 if design == "two_groups" else 1)).all()
    assert roles.shape[1] == (6 if design == "swap" else 12)
    for fold, (scans, own) in zip(folds, found, strict=True):
        firsts = [fold.patients[i] for i in fold.where("member", visit=1)]
        assert {name for name, role in zip(scans.patients, own, strict=True) if role == MEMBER} == set(firsts)


def test_a_target_of_few_has_few_members_and_no_scan_without_labels_counts(tmp_path):
    run = run_with(tmp_path, DEALS["three_groups"][1]())
    data = read_fold(run, 0)
    data.labels[data.where("member", visit=1)[0]] = 0
    scans, roles = first_scans(data, 2, everybody=True)
    assert len(scans) == 11 and (roles == MEMBER).sum() == 1 and (roles == NON_MEMBER).sum() == 2
    assert (roles == OTHER).sum() == 8


def cells_of(run, settings=SETTINGS):
    """The cells that ask every target about everybody, and what the attacks drew: nothing that is like anybody."""
    cells = {}
    for fold in range(settings.dealt):
        data = read_fold(run, fold)
        for target in dict.fromkeys(EXPERIMENTS[name].target for name in settings.experiments):
            path = run.checkpoints / checkpoint_name("unet", fold, target)
            save_checkpoint(path, settings.segmenter.build("unet", 3), settings.segmenter.arguments("unet", 3))
            cells[f"m{fold}{target}"] = membership_cell(run, "unet", fold, target, settings)
            cells[f"blind{target}"] = blind_cell(run, target, settings)
        for experiment in settings.experiments:
            target = EXPERIMENTS[experiment].target
            asked = data.take(attacked_in(data, settings.few_of(target)))
            drawn = torch.rand(len(asked), 1, 16, 16, 16, generator=torch.Generator().manual_seed(fold))
            claim = Reconstructions(f"latents, {experiment}", asked.patients, drawn, torch.zeros(1, 16, 16, 16))
            keep_reconstructions(part_of(run, "unet", fold, target), experiment, [claim])
    return cells


def answers(run, cells, of, settings=SETTINGS):
    """Replace what targets of a kind answered by what knows members as `of`, by patient and fold."""
    random = np.random.default_rng(0)
    for cell in cells.values():
        if "output_of" in cell and cell["output_of"] in of:
            roles = np.array(cell["roles"])
            scores = of[cell["output_of"]] * (roles == MEMBER) + random.normal(size=len(roles))
            part = part_of(run, "unet", cell["fold"], cell["output_of"])
            keep_scores(part, OUTPUT.name, [PatientScores("Dice", tuple(cell["patients"]), scores)])


@pytest.fixture
def asked(tmp_path):
    torch.manual_seed(0)
    run = run_with(tmp_path, DEALS["three_groups"][1]())
    return run, cells_of(run)


def of_target(found, target):
    return {one.view: one for one in found if one.target == target}


def test_every_signal_of_every_fold_is_one_finding_of_all_patients(asked):
    found, controls = findings_of(*asked, SETTINGS)
    own = of_target(found, "U-Net")
    assert {*own} == {
        "Dice",
        "cross-entropy",
        "Dice, mean over shifted scans",
        "cross-entropy, mean over shifted scans",
    }
    assert {(one.n, one.counts) for one in own.values()} == {(12, "12 members, 12 non-members")}
    # Untrained networks know nobody, and nobody knows whether that could have been seen.
    assert {one.outcome for one in own.values()} == {"power unknown"}
    assert [one.kind for one in controls["U-Net"]] == ["blind"] and controls["U-Net"][0].passed
    assert {one.target for one in found} == {"U-Net", *(f"U-Net, fold {fold}" for fold in range(3))}


@pytest.mark.parametrize(("ps", "failed"), [((0.03, 0.5), False), ((0.02, 0.5), True), ((0.5, 0.5), False)])
def test_two_experiments_are_one_null_of_the_other_scan(asked, ps, failed):
    run, cells = asked
    for fold in range(3):
        part = part_of(run, "unet", fold, "standard")
        keep_reconstructions(part, "published", kept_reconstructions(part, "default"))
    told = {"kind": "null", "claim": "reconstructions", "statistic": "rank1", "value": 0.1, "n": 9, "sentence": "So."}
    for name, p in zip(("default", "published"), ps, strict=True):
        nulls = [{**told, "attack": attack, "p": p, "passed": p > 0.05} for attack in (name, "linkage")]
        cells[name] = {"network": "unet", "fold": 0, "experiment": name, "controls": nulls}
    _, controls = findings_of(run, cells, SETTINGS.changed(experiments=["default", "published"]))
    found = {one.attack: one.passed for one in controls["U-Net, fold 0"]}
    assert found == {"default": ps[0] > 0.05, "published": True, "linkage": not failed}


PEOPLE = [f"p{i:02d}" for i in range(36)]


@pytest.mark.slow
def test_members_are_held_against_the_same_people_as_non_members_and_the_control_accuses_nobody(tmp_path):
    torch.manual_seed(0)
    settings = SETTINGS.changed(experiments=["default", "overfit"], few=12)
    run = run_with(tmp_path, three_group_folds(PEOPLE, seeds=Seeds(0), n_folds=3), patients=PEOPLE)
    cells = cells_of(run, settings)

    def outcome(**of):
        answers(run, cells, of)
        found, controls = findings_of(run, cells, settings)
        assert not any("too long" in one.target for one in found)
        return of_target(found, "U-Net")["Dice"].outcome, [one.passed for one in controls["U-Net"]]

    assert outcome(standard=9.0, overfit=9.0) == ("exposed", [True, True])
    assert outcome(standard=0.0, overfit=9.0) == ("not shown", [True, True])
    assert outcome(standard=0.0, overfit=0.0) == ("attack too weak", [True, False])
    # Reconstructions like nobody: neither the target nor the control is found.
    found, controls = findings_of(run, cells, settings)
    assert of_target(found, "U-Net, fold 0")["latents, default"].outcome == "attack too weak"
    assert [one.kind for one in controls["U-Net, fold 0"]] == ["planted"]


def test_the_order_of_pseudonyms_changes_nothing(tmp_path):
    folds = DEALS["three_groups"][1]()
    found = [blind_cell(run_with(tmp_path / name, folds), "standard", SETTINGS) for name in ("one", "other")]
    assert found[0] == found[1]


@pytest.mark.slow
def test_images_that_are_searched_are_held_against_members_and_non_members_of_their_target(tmp_path):
    torch.manual_seed(0)
    run = run_with(tmp_path, three_group_folds(PEOPLE, seeds=Seeds(0), n_folds=3), patients=PEOPLE)
    cells, random = cells_of(run), np.random.default_rng(0)
    for fold in range(3):
        data = read_fold(run, fold)
        places = [*data.where("member", visit=1), *data.where("non_member", visit=1)]
        roles = {data.patients[i]: MEMBER if data.roles[i] == "member" else NON_MEMBER for i in places}
        # Of the first fold alone the images are like members.
        like = np.where([role == MEMBER and fold == 0 for role in roles.values()], 0.3, 0.0)
        drawn, control = (0.5 + random.random((8, len(roles))) / 10 + one for one in (like, 0.0))
        near = Similarities("ssim", tuple(roles), drawn, {"random": control})
        keep_similarities(part_of(run, "unet", fold, "standard"), RECOVERED, [near])
        known = [gain_control("planted", RECOVERED, replace(near, attack=drawn + 0.3), roles, Seeds(0))]
        told = [one.model_dump(mode="json") | {"passed": True} for one in known]
        cells[f"recovered{fold}"] = {"network": "unet", "fold": fold, "near": roles, "controls": told}
    found, controls = findings_of(run, cells, SETTINGS)
    own = {one.target: one for one in found if one.attack == RECOVERED}
    assert [own[f"U-Net, fold {fold}"].n for fold in range(3)] == [24] * 3
    assert [own[f"U-Net, fold {fold}"].outcome for fold in range(3)] == ["exposed", "not shown", "not shown"]
    assert "planted" in [one.kind for one in controls["U-Net, fold 2"] if one.attack == RECOVERED]
