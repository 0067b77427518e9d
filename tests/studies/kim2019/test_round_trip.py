"""The server's segmenter of a study, audited as a stranger's file with the codes that it was sent, gives the study's numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.kim2019.example import scans

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import SEGMENTER, Networks, arguments_of, save_pair
from remnant.defenses.privacynet.view import View
from remnant.nets.unet import UNet
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.membership import blind_cell, membership_rows
from remnant.studies.kim2019.records import Fitted
from remnant.studies.kim2019.seeing import see_cell
from remnant.studies.membership import restored

CLASSES = ("none", "gm")


@pytest.mark.slow
def test_a_segmenter_of_the_study_leaks_as_much_as_the_study_says(tmp_path, audited):
    settings = preset("smoke").net.changed(patch=16)
    networks = Networks.untrained(settings, len(CLASSES), Seeds(3))
    save_pair(tmp_path / "net", networks, settings, Grid((16, 16, 16), 3.0), CLASSES, 0.0, torch.rand(16, 16, 16))
    run, everybody, draw = Run.start(tmp_path / "run", "kim2019", {}, resume=False), scans(), np.random.default_rng(0)
    images = draw.random((len(everybody.patients), 1, 16, 16, 16), dtype=np.float32)
    labels = (images[:, 0] > 0.5).astype(np.uint8)
    keep(run, replace(everybody, images=images, labels=labels, classes=CLASSES))
    see_cell(run, "ours", tmp_path / "net", preset("smoke").attack, 0)
    fitted = kept(run, Fitted, "ours")
    blind = restored(blind_cell(run, 0, False)["blind"])
    measured = membership_rows([fitted], blind, {"ours": {"variant": "ours", "name": "ours"}}, Seeds(0))["membership"]

    items = [
        {"image": code, "label": torch.from_numpy(label).long(), "patient": patient, "member": role == "training"}
        for code, label, patient, role in zip(
            View.load(tmp_path / "net").code(torch.from_numpy(images), Seeds(0)),
            labels,
            everybody.patients,
            everybody.roles,
            strict=True,
        )
    ]
    arguments = arguments_of(settings, len(CLASSES))["segmenter"]
    found = audited(UNet, arguments, items, tmp_path / "net" / SEGMENTER)
    told = {row["signal"]: row["auc"] for row in measured}
    assert {view: found[view] for view in ("Dice", "cross-entropy")} == pytest.approx(
        {"Dice": told["dice"], "cross-entropy": told["cross_entropy"]}
    )
