"""A study's own checkpoint, audited as a stranger's file, gives the study's numbers."""

import json

import pytest

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.kept import kept_scores
from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.measure.membership_inference import aucs_of
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.segmenter import Segmenter
from remnant.studies.frame import RunOptions
from remnant.studies.subbanna2021 import preset, run_study
from remnant.studies.subbanna2021.folds import first_scans, part_of, read_fold
from remnant.studies.subbanna2021.preparation import prepare_folds

SETTINGS = preset("smoke").changed(networks=["segnet"], experiments=["default"])


@pytest.mark.slow
def test_a_segmenter_of_the_study_leaks_as_much_as_the_study_says(tmp_path, write_cohort, audited):
    data = write_cohort(tmp_path / "data", patients=6, sessions=2)
    options = RunOptions(tmp_path / "study", workers=2, quiet=True, keep_reconstructions=True)
    run_study(SETTINGS, options, data=data, cache=tmp_path / "cache")
    measured = json.loads((tmp_path / "study/cells/membership-segnet-fold0.json").read_text())
    with Run.start(tmp_path / "again", "subbanna2021", SETTINGS.resolved(), resume=False) as run:
        prepare_folds(run, read_cohort(data), SETTINGS, tmp_path / "cache", 1, True)
        fold = read_fold(run, 0)
    scans, roles = first_scans(fold, None, everybody=True)
    assert roles.tolist() == measured["roles"]
    items = [
        {"image": scans.images[i], "label": scans.labels[i].long(), "patient": f"p{i}", "member": role == MEMBER}
        for i, role in enumerate(roles.tolist())
        if role in (MEMBER, NON_MEMBER)
    ]
    arguments = SETTINGS.segmenter.arguments("segnet", len(fold.classes))
    found = audited(Segmenter, arguments, items, tmp_path / "study/checkpoints/segnet-fold0.safetensors")
    told = dict(zip(measured["patients"], measured["roles"], strict=True))
    claims = kept_scores(
        part_of(Run.open(tmp_path / "study"), "segnet", 0, "standard"), told, OUTPUT.name, primary=True
    )
    assert len(claims) == len(found) == 4
    for claim in claims:
        assert found[claim.view] == pytest.approx(aucs_of(claim.scores, claim.roles))
