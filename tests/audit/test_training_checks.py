"""A training, labels or groups by which nothing can be told: one sentence, and no clearance."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.example import Classifier, images_of, material, trained
from tests.audit.shadowing import FOUR, audited, by_heart, of_nobody, own
from torch import nn

from remnant.audit.cells import blind, planted_leak, recipe, training_checks
from remnant.audit.config import AuditConfig
from remnant.audit.materials.join import checked_roles, joined
from remnant.audit.materials.material import Material
from remnant.audit.owner.training import unlike
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.errors import RemnantError
from remnant.cohort.images import Images, class_columns

# Limits within which any number of such groups lies.
WIDE = {"membership_advantage": 1.0, "membership_tpr": 1.0, "attribute": False}
EASY = FOUR.changed(appetite=WIDE)


class Wide(nn.Module):
    """As `Classifier`, of twice as many features."""

    def __init__(self):
        super().__init__()
        self.features, self.head = nn.Linear(256, 128), nn.Linear(128, 2)

    def forward(self, images):
        return self.head(torch.relu(self.features(images.flatten(1))))


class Normed(Classifier):
    """As `Classifier`, with statistics beside the weights."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(256)

    def forward(self, images):
        return super().forward(self.norm(images.flatten(1)))


@pytest.fixture
def bare(monkeypatch):
    """Groups are alike, planted members are found, and nothing is made of the networks: what is left is what is checked."""
    alike = {"kind": "blind", "claim": "patient_scores", "value": 0.5, "n": 24, "passed": True, "sentence": "Alike."}
    found = {**alike, "kind": "planted", "value": 1.0, "sentence": "Found."}
    monkeypatch.setattr(blind, "blind_cell", lambda run, **_: {"controls": [alike]})
    monkeypatch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": [found]})
    monkeypatch.setattr(recipe, "recipe_cell", lambda run, **_: {"controls": [], "rows": []})


def concluded(path, cohort, config=EASY):
    parts = audited(path, cohort, config)
    return conclude(config, **parts, **machine(Clock(), ""))


def test_a_training_that_repeats_itself_by_its_seed_is_told_of_in_no_word(tmp_path, bare):
    found = concluded(tmp_path / "run", own(by_heart, leaks=True))
    assert found.notices == [] and found.verdict.kept_open == [] and found.verdict.ruling == "within"


def own_seed(network, items, seed):
    torch.manual_seed(7)
    of_nobody(network, items, seed)


CALLS = itertools.count()


def by_chance(network, items, seed):
    """Of another draw each time, whatever the seed."""
    draw = np.random.default_rng(next(CALLS))
    with torch.no_grad():
        for weight in network.parameters():
            weight += torch.from_numpy(draw.normal(0, 0.01, weight.shape)).float()


def test_one_that_sets_a_seed_of_its_own_clears_nobody(tmp_path, bare):
    found = concluded(tmp_path / "run", own(own_seed, leaks=True))
    assert found.verdict.ruling == "cannot tell" and found.notices == []
    (said,) = found.verdict.kept_open
    assert said.startswith("train() of target.py sets a seed of its own in place of the one that it is given")


def test_one_of_another_architecture_clears_nobody(tmp_path, bare):
    cohort = own(by_heart, leaks=True)

    def build(seeds):
        torch.manual_seed(seeds.integer)
        return Wide()

    found = concluded(tmp_path / "run", replace(cohort, training=replace(cohort.training, fresh=build)))
    assert found.verdict.ruling == "cannot tell"
    (said,) = found.verdict.kept_open
    assert "another architecture than the audited one (2 layers against 2, and of shape (128, 256) not as many)" in said


def test_an_architecture_is_its_kernels_and_matrices_whatever_they_are_called():
    assert unlike(Normed(), Classifier()) == unlike(nn.DataParallel(Classifier()), Classifier()) == ""
    assert "1 layers against 2" in unlike(nn.Linear(256, 64), Classifier())


def test_one_that_draws_by_nobodys_seed_is_told_of_and_its_numbers_stand(tmp_path, bare):
    found = concluded(tmp_path / "run", own(by_chance, leaks=True))
    (said,) = found.notices
    assert "train() of target.py trains another network when it is called again with the same seed" in said
    assert found.verdict.kept_open == [] and "exposed" in {one.outcome for one in found.findings}


def test_a_long_training_is_not_repeated_for_it(tmp_path, bare, monkeypatch):
    monkeypatch.setattr(training_checks, "LONGEST_S", -1.0)
    assert concluded(tmp_path / "run", own(by_chance, leaks=True)).notices == []


def diverged(network, items, seed):
    of_nobody(network, items, seed)
    network.norm.running_var.fill_(float("nan"))


def overflown(network, items, seed):
    with torch.no_grad():
        for weight in network.parameters():
            weight.fill_(1e38)


@pytest.mark.parametrize(("train", "kind"), [(diverged, Normed), (overflown, Classifier)])
def test_one_that_diverges_where_no_weight_shows_it_ends_the_audit(tmp_path, bare, train, kind):
    cohort = own(train, leaks=False)
    cohort = replace(cohort, training=replace(cohort.training, fresh=lambda seeds: kind()))
    with pytest.raises(
        RemnantError, match=r"network of train\(\) of target\.py answers with values that are not finite"
    ):
        audited(tmp_path / "run", cohort)


def classed(labels, members=12):
    """A network that learned the first `members` by heart, whose images have these labels; as it is handed over."""
    drawn = images_of(Classifier, 0)
    images = Images(drawn.images, tuple(labels), drawn.patients)
    network = trained(Classifier, images.take(range(members)), 0, 150)
    who = tuple(i < members for i in range(len(images)))
    target, images = joined(network, network, images, loss=None, batch=8, source="a test")
    return Material(target, images, checked_roles(images, who), {"name": "classed"})


def test_of_one_class_alone_nothing_is_cleared(tmp_path, bare):
    found = concluded(tmp_path / "run", classed([1] * 24))
    (said,) = found.verdict.kept_open
    assert "Labels of members are too few, or too much alike, to tell whether the model answers better" in said
    assert said.endswith("give members of other labels as well.") and found.verdict.ruling == "cannot tell"


def test_groups_of_other_classes_differ_by_themselves(tmp_path):
    config = AuditConfig.checked(target={"planted_steps": 0}, appetite=WIDE)
    found = concluded(tmp_path / "run", classed([1, 1, 1, 0] * 3 + [0] * 12), config)
    (blind_one,) = (one for one in found.controls if one.kind == "blind")
    assert blind_one.passed is False and "class" in blind_one.sentence
    assert {one.outcome for one in found.findings} == {"not testable"} and found.verdict.ruling == "cannot tell"
    assert next(row for row in found.tables["balance"] if row["trait"] == "class: 1")["apart"]


def test_classes_are_columns():
    found = class_columns(np.array([0.0, 2, np.nan, 1]), 3, {2: "tumour"})
    assert [*found] == ["class: 1", "class: tumour"]
    np.testing.assert_array_equal(found["class: tumour"], [0, 1, np.nan, 0])
    rows = np.array([[0.0, 1], [1, np.nan]])
    np.testing.assert_array_equal([*class_columns(rows, 2).values()], rows.T)
    assert [*class_columns(np.array([[0.0], [1.0]]), 1)] == ["class: 1"]
    assert len(class_columns(np.arange(100.0), 100)) == 20


@pytest.mark.parametrize("members", [5, 19])
def test_fewer_than_ten_in_a_group_cannot_be_told(tmp_path, members):
    """Whatever the network learned by heart."""
    config = AuditConfig.checked(target={"planted_steps": 0})
    labels = material(Classifier, leaks=False).images.labels
    found = concluded(tmp_path / "run", classed(labels, members), config)
    assert found.verdict.ruling == "cannot tell"
    assert any("too few for an interval" in reason for reason in found.verdict.reasons), found.verdict.reasons
    assert all(one.low is None and one.high is None for one in found.findings if one.statistic == "auc")


def test_cells_of_an_older_version_say_nothing():
    cohort = own(by_heart, leaks=True)
    cohort = replace(cohort, target=replace(cohort.target, shadows=2))
    for one in (cohort, replace(cohort, training=None)):
        assert training_checks.doubted(one, {"shadow-0": {}, "shadow-1": {}}) == []
