"""Membership by the server's own output: by patient, beside a blind baseline, and in the headline."""

from dataclasses import replace

import numpy as np
import torch
from tests.studies.kim2019.example import fitted, scans, study

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.revisit import RevisitSettings
from remnant.defenses.privacynet.secret import SecretSettings
from remnant.defenses.privacynet.view import View
from remnant.measure.blind import blind_test
from remnant.studies.kim2019 import membership, page, preset
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.membership import blind_cell
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.records import Fitted
from remnant.studies.kim2019.seeing import see_cell
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.membership import restored


def tables_of(gap, **changes):
    given = study() | {"fitted": [fitted("raw", 0.85, gap), fitted("published-1", 0.82)]} | changes
    return given, make_tables(**given, seeds=Seeds(0))


def test_training_patients_whose_segmentation_fits_better_stand_in_the_headline():
    given, tables = tables_of(0.05)
    assert [row["outcome"] for row in tables["membership_verdicts"]] == ["shown", "not shown"]
    rows = [row for row in tables["membership"] if row["variant"] == "raw"]
    assert [row["signal"] for row in rows] == ["dice", "cross_entropy", "blind"]
    assert (rows[0]["name"], rows[0]["members"], rows[0]["non_members"]) == ("raw scan", 24, 24)
    words = page.words(tables, given["variants"], scans())
    assert "raw scan: The model's own output distinguishes its training patients" in words["headline"]
    assert any("Of the other targets, it was not shown of 1." in text for text in words["findings"])
    assert any(section.table and section.table.name == "membership" for section in words["sections"])


def test_where_the_groups_differ_without_the_networks_nothing_is_told():
    given = study()
    apart = replace(given["blind"], p=0.01)
    _, tables = tables_of(0.05, blind=apart)
    assert {row["outcome"] for row in tables["membership_verdicts"]} == {"cannot tell"}


def noisy(run, changed=lambda images, roles: images):
    """Scans of noise whose label maps are where they are bright."""
    everybody, draw = scans(), np.random.default_rng(0)
    n = len(everybody.patients)
    images = changed(draw.random((n, 1, 16, 16, 16), dtype=np.float32), np.array(everybody.roles))
    labels = (images[:, 0] > 0.5).astype(np.uint8)
    ours = replace(everybody, images=images, labels=labels, classes=("none", "gm"))
    keep(run, ours)
    return ours


def test_the_blind_baseline_knows_scans_alone(tmp_path):
    run = Run.start(tmp_path / "alike", "kim2019", {}, resume=False)
    ours = noisy(run)
    found = restored(blind_cell(run, 0, False)["blind"])
    assert found.p > 0.05 and (found.members, found.non_members) == (8, 24)

    def brighter(images, roles):
        return np.clip(images + 0.2 * (roles == "training")[:, None, None, None, None], 0, 1).astype(np.float32)

    other = Run.start(tmp_path / "apart", "kim2019", {}, resume=False)
    noisy(other, brighter)
    assert restored(blind_cell(other, 0, False)["blind"]).p < 0.05
    assert len(ours.where("training")) == 16


def test_patients_are_matched_by_their_sessions_where_the_study_spread_these(tmp_path, monkeypatch):
    run = Run.start(tmp_path / "run", "kim2019", {}, resume=False)
    ours = noisy(run)
    once = replace(ours, labels=np.where((np.arange(len(ours.patients)) == 1)[:, None, None, None], 0, ours.labels))
    keep(run, once)
    given = []
    monkeypatch.setattr(membership, "blind_test", lambda *_, matched: given.append(matched) or blind_test(*_, 1))
    blind_cell(run, 0, True)
    blind_cell(run, 0, False)
    assert sorted(given[0].tolist()) == [1] + [2] * 31 and given[1] is None
    settings = preset("smoke")
    simulated = settings.changed(net=settings.net.changed(revisits=RevisitSettings()))
    spread = [cells_of(run, one, {}, ours, ())[0].arguments["spread"] for one in (settings, simulated)]
    assert spread == [True, False]


class Bright(torch.nn.Module):
    """Segments what is bright."""

    def __init__(self):
        super().__init__()
        self.out = torch.nn.Conv3d(1, 2, 1)

    def forward(self, image):
        return torch.cat([0.5 - image, image - 0.5], 1) * 40


def test_the_fit_is_that_of_the_server_with_the_truth_bent_as_the_code(tmp_path, monkeypatch):
    run = Run.start(tmp_path / "run", "kim2019", {}, resume=False)
    ours = noisy(run)
    for secret in (None, SecretSettings()):
        view = View(None, Bright().eval(), secret, 16, 3.0)
        monkeypatch.setattr(View, "load", classmethod(lambda cls, folder, view=view: view))
        see_cell(run, "raw", tmp_path, preset("smoke").attack, 0)
        found = kept(run, Fitted, "raw")
        assert found.patients == ours.patients and set(found.roles) == {"training", "test"}
        # Bending noise costs most of its detail; without the truth bent alike, Dice would be that of chance, about a half.
        assert found.dice.min() > (0.99 if secret is None else 0.6)
        assert found.cross_entropy.max() <= 0
