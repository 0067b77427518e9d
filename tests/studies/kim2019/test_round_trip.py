"""The server's segmenter of a study, audited as a stranger's file with the codes that it was sent, gives the study's numbers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.kim2019.example import scans

from remnant.base.findings import AuditResults
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.grid import Grid
from remnant.defenses.privacynet.networks import SEGMENTER, Networks, arguments_of, save_pair
from remnant.defenses.privacynet.view import View
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.membership import blind_cell, membership_rows
from remnant.studies.kim2019.records import Fitted
from remnant.studies.kim2019.seeing import see_cell
from remnant.studies.membership import restored

# The server's network by its class, as whoever was sent its file would build it.
TARGET = """
import torch
from remnant.nets.unet import UNet

def build():
    return UNet(**{arguments})

def data():
    return torch.load({path!r}, weights_only=True)
"""
CLASSES = ("none", "gm")


@pytest.mark.slow
def test_a_segmenter_of_the_study_leaks_as_much_as_the_study_says(tmp_path, remnant):
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
    folder = tmp_path / "own"
    folder.mkdir()
    torch.save(items, folder / "items.pt")
    arguments = arguments_of(settings, len(CLASSES))["segmenter"]
    (folder / "target.py").write_text(TARGET.format(arguments=arguments, path=str(folder / "items.pt")))
    checkpoint = tmp_path / "net" / SEGMENTER
    (folder / "audit.toml").write_text(f'[target]\ncheckpoint = "{checkpoint}"\nplanted_steps = 1\n')
    code, lines, _ = remnant("audit", folder, "--out", tmp_path / "audit", "--quiet")
    assert code in (0, 1, 3), lines
    found = {
        one.view: one.value
        for one in AuditResults.read(tmp_path / "audit/results.json").findings
        if one.attack == "output" and one.statistic == "auc"
    }
    told = {row["signal"]: row["auc"] for row in measured}
    assert {view: found[view] for view in ("Dice", "cross-entropy")} == pytest.approx(
        {"Dice": told["dice"], "cross-entropy": told["cross_entropy"]}
    )
