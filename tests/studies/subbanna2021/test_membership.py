"""Membership by the targets' own output, from cells as they return it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Prepared
from remnant.cohort.folds import swap_folds, three_group_folds, two_group_folds
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.studies.membership import restored, stored
from remnant.studies.membership_tables import membership_tables
from remnant.studies.subbanna2021.experiments import TARGETS, checkpoint_name
from remnant.studies.subbanna2021.folds import read_fold, write_fold
from remnant.studies.subbanna2021.membership import blind_cell, first_scans, membership_cell, outputs_tested
from remnant.studies.subbanna2021.settings import preset
from remnant.targets.checkpoint import save_checkpoint

PATIENTS = [f"p{i:02d}" for i in range(12)]
SETTINGS = preset("smoke")


def prepared(sessions=1):
    random, cases = np.random.default_rng(0), []
    for patient in PATIENTS:
        cases += [Case(patient, f"v{session}", Path("i")) for session in range(sessions)]
    images = random.random((len(cases), 1, 16, 16, 16), dtype=np.float32)
    labels = random.integers(0, 3, (len(cases), 16, 16, 16)).astype(np.uint8)
    return Prepared(tuple(cases), images, labels, np.eye(4), ("background", "gyri", "deep_grey"))


def run_with(tmp_path, folds, sessions=1):
    run = Run.start(tmp_path / "run", "s", {}, resume=False)
    for fold in folds:
        write_fold(run, prepared(sessions), fold)
    return run


DEALS = {
    "three_groups": (3, lambda: three_group_folds(PATIENTS, seeds=Seeds(0), n_folds=3)),
    "two_groups": (3, lambda: two_group_folds(PATIENTS, seeds=Seeds(0), n_folds=3)),
    "swap": (2, lambda: swap_folds(PATIENTS, seeds=Seeds(0), group=3)),
}


@pytest.mark.parametrize("design", DEALS)
def test_everybody_has_the_roles_of_the_design(tmp_path, design):
    count, deal = DEALS[design]
    settings = SETTINGS.changed(design=design, group=3)
    run = run_with(tmp_path, deal(), sessions=2)
    found = [first_scans(read_fold(run, fold), TARGETS["standard"], settings) for fold in range(count)]
    roles = np.stack([own for _, own in found])
    data = read_fold(run, 0)
    assert all(data.sessions[i] == 1 for scans, _ in found for i in scans)
    assert len({tuple(scans) for scans, _ in found}) == 1
    assert ((roles == MEMBER).sum(0) == 1).all()
    assert ((roles == NON_MEMBER).sum(0) == (2 if design == "two_groups" else 1)).all()
    assert roles.shape[1] == (6 if design == "swap" else 12)
    for (scans, own), fold in zip(found, range(count), strict=True):
        groups = [read_fold(run, fold).groups[i] for i in scans]
        assert all((role == MEMBER) == (group == "member") for role, group in zip(own, groups, strict=True))


def test_a_target_of_few_has_few_members_and_no_scan_without_labels_counts(tmp_path):
    run = run_with(tmp_path, DEALS["three_groups"][1]())
    data = read_fold(run, 0)
    data.labels[data.where("member", 1)[0]] = 0
    scans, roles = first_scans(data, TARGETS["overfit"], SETTINGS.changed(few=2))
    assert len(scans) == 11 and (roles == MEMBER).sum() == 1 and (roles == NON_MEMBER).sum() == 2
    assert (roles == OTHER).sum() == 8


@pytest.mark.slow
def test_the_cells_measure_every_signal_of_every_fold(tmp_path):
    run = run_with(tmp_path, DEALS["three_groups"][1]())
    torch.manual_seed(0)
    for fold in range(3):
        path = run.checkpoints / checkpoint_name("unet", fold, "standard")
        save_checkpoint(path, SETTINGS.segmenter.build("unet", 3), SETTINGS.segmenter.arguments("unet", 3))
    cells = {f"m{fold}": membership_cell(run, "unet", fold, "standard", SETTINGS) for fold in range(3)}
    cells["blind"] = blind_cell(run, "standard", SETTINGS)
    tested = outputs_tested(cells, Seeds(0))
    assert list(tested) == ["unet"] and not tested["unet"].control
    assert list(tested["unet"].tests) == ["dice", "cross_entropy", "dice_shifted", "cross_entropy_shifted"]
    assert all((test.members, test.non_members) == (12, 12) for test in tested["unet"].tests.values())
    # Untrained networks know nobody.
    assert outcomes(tested) == ["not shown"]


def outcomes(tested):
    return [row["outcome"] for row in membership_tables(tested)["membership_verdicts"]]


def cells_of(members, others, target="standard"):
    """Three folds in which everybody scores `members` as a member and `others` otherwise; the blind baseline is at chance."""
    random, own = np.random.default_rng(0), np.arange(24) % 3
    cells = {}
    for fold in range(3):
        roles = np.where(own == fold, MEMBER, np.where((own - 1) % 3 == fold, NON_MEMBER, OTHER))
        scores = np.where(roles == MEMBER, members, others) + random.normal(size=24)
        cells[f"m{fold}"] = {
            "network": "segnet",
            "fold": fold,
            "output_of": target,
            "roles": roles.tolist(),
            "signals": {"dice": scores.tolist()},
        }
    blind = membership_test(random.normal(size=24), np.repeat([1, -1], 12), random)
    return cells | {"blind": {"blind_of": target, "blind": stored(blind)}}


def test_members_are_held_against_the_same_people_as_non_members():
    tested = outputs_tested(cells_of(3.0, 0.0), Seeds(0))
    look = tested["segnet"]
    assert (look.tests["dice"].members, look.tests["dice"].non_members) == (24, 24)
    assert look.tests["dice"].auc.mean > 0.95 and look.tests["dice"].p_bound
    assert outcomes(tested) == ["shown"]
    assert outcomes(outputs_tested(cells_of(0.0, 0.0), Seeds(0))) == ["not shown"]


def test_the_target_that_was_trained_too_long_is_the_control():
    look = outputs_tested(cells_of(3.0, 0.0, "overfit"), Seeds(0))["segnet-overfit"]
    assert look.control
    assert restored(stored(look.blind)).p == look.blind.p


def test_the_order_of_pseudonyms_changes_nothing(tmp_path):
    folds = DEALS["three_groups"][1]()
    found = [blind_cell(run_with(tmp_path / name, folds), "standard", SETTINGS) for name in ("one", "other")]
    assert found[0] == found[1]
