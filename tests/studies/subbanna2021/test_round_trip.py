"""A study's own checkpoint, audited as a stranger's file, gives the study's numbers."""

import json

import numpy as np
import pytest

from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.measure.membership_inference import auc_of
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.segmenter import Segmenter
from remnant.studies.subbanna2021 import preset, run_study
from remnant.studies.subbanna2021.experiments import TARGETS
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.membership import first_scans
from remnant.studies.subbanna2021.study import _prepare_folds

SETTINGS = preset("smoke").changed(networks=["segnet"], experiments=["default"])
VIEWS = {
    "Dice": "dice",
    "cross-entropy": "cross_entropy",
    "Dice, mean over shifted scans": "dice_shifted",
    "cross-entropy, mean over shifted scans": "cross_entropy_shifted",
}


@pytest.mark.slow
def test_a_segmenter_of_the_study_leaks_as_much_as_the_study_says(tmp_path, write_cohort, audited):
    data = write_cohort(tmp_path / "data", patients=6, sessions=2)
    run_study(SETTINGS, tmp_path / "study", data=data, cache=tmp_path / "cache", workers=2, quiet=True)
    measured = json.loads((tmp_path / "study/cells/membership-segnet-fold0.json").read_text())
    with Run.start(tmp_path / "again", "subbanna2021", SETTINGS.resolved(), resume=False) as run:
        _prepare_folds(run, read_cohort(data), SETTINGS, tmp_path / "cache", 1, True)
        fold = read_fold(run, 0)
    scans, roles = first_scans(fold, TARGETS["standard"], SETTINGS)
    assert roles.tolist() == measured["roles"]
    items = [
        {"image": fold.images[i], "label": fold.labels[i].long(), "patient": f"p{i}", "member": role == MEMBER}
        for i, role in zip(scans, roles.tolist(), strict=True)
        if role in (MEMBER, NON_MEMBER)
    ]
    arguments = SETTINGS.segmenter.arguments("segnet", len(fold.classes))
    found = audited(Segmenter, arguments, items, tmp_path / "study/checkpoints/segnet-fold0.safetensors")
    for view, signal in VIEWS.items():
        assert found[view] == pytest.approx(auc_of(np.array(measured["signals"][signal]), np.array(measured["roles"])))
