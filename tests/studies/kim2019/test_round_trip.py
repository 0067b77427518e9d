"""The server's segmenter of a study, audited as a stranger's file with the codes that it was sent, gives the study's numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.kim2019.example import scans

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.kept import kept_scores
from remnant.audit.cells.model_cells import score_cell
from remnant.audit.materials.code_material import roles_of
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import SEGMENTER, Networks, arguments_of, save_pair
from remnant.defenses.privacynet.view import View
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.roles import MEMBER
from remnant.nets.unet import UNet
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.cells import audit_cell
from remnant.studies.kim2019.materials import scans_file

CLASSES = ("none", "gm")


@pytest.mark.slow
def test_a_segmenter_of_the_study_leaks_as_much_as_the_study_says(tmp_path, audited):
    settings = preset("smoke").net.changed(patch=16)
    run, everybody, draw = Run.start(tmp_path / "run", "kim2019", {}, resume=False), scans(), np.random.default_rng(0)
    net = run.checkpoints / "ours"
    networks = Networks.untrained(settings, len(CLASSES), Seeds(3))
    save_pair(net, networks, settings, Grid((16, 16, 16), 3.0), CLASSES, 0.0, torch.rand(16, 16, 16))
    images = draw.random((len(everybody.patients), 1, 16, 16, 16), dtype=np.float32)
    labels = (images[:, 0] > 0.5).astype(np.uint8)
    keep(
        scans_file(run),
        replace(everybody, images=torch.from_numpy(images), labels=torch.from_numpy(labels), classes=CLASSES),
    )
    audit_cell(run, "ours", score_cell, preset("smoke"), OUTPUT.name)
    told = {
        claim.view: mann_whitney_auc(claim.scores[claim.roles == MEMBER], claim.scores[claim.roles != MEMBER]).mean
        for claim in kept_scores(run.part("ours"), roles_of(everybody), OUTPUT.name, primary=False)
    }
    items = [
        {"image": code, "label": torch.from_numpy(label).long(), "patient": patient, "member": role == "training"}
        for code, label, patient, role in zip(
            View.load(net).code(torch.from_numpy(images), Seeds(0)),
            labels,
            everybody.patients,
            everybody.roles,
            strict=True,
        )
    ]
    arguments = arguments_of(settings, len(CLASSES))["segmenter"]
    found = audited(UNet, arguments, items, net / SEGMENTER)
    views = ("Dice", "cross-entropy")
    assert [found[view] for view in views] == pytest.approx([told[view] for view in views])
