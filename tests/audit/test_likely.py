"""The likely ones among what an attack draws: which they are, what is read off them, and where nothing is said."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.audit.test_candidates import INPUT, MEMBERS, Tiny, alone, material, people
from torch import nn

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.audited import JOINT
from remnant.attacks.checkpoint.likely import LikelyScores, LikelySettings, Ranking
from remnant.attacks.checkpoint.ranked import Ranked, ranked_of
from remnant.attacks.demographics import DemographicSettings
from remnant.audit.cells import likely, reader
from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.kept import Likely, kept_likely
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.findings.gains import Similarities
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.loop import FitSettings
from remnant.measure.roles import OTHER
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

PUBLIC = 12


class Third(Tiny):
    """A third of either list is among the best."""

    likely: LikelySettings = LikelySettings(q=1 / 3)


def taught(**details):
    """`material` with people of the attacker's own of known age and sex; the members' are known, too."""
    own = material(leaks=True)
    count = len(own.images)
    greys = torch.rand(PUBLIC, 1, *own.images.images[0].shape[1:], generator=torch.Generator().manual_seed(3))
    ages = np.concatenate([np.linspace(30, 80, count), np.linspace(20, 75, PUBLIC)])
    sexes = np.concatenate([np.arange(count) % 2, np.arange(PUBLIC) % 2]).astype(float)
    names = tuple(f"public {i}" for i in range(PUBLIC))
    images = Images(
        (*own.images.images, *INPUT(greys)),
        (*own.images.labels, *[torch.tensor(torch.nan)] * PUBLIC),
        (*own.images.patients, *names),
        {"age": ages, "sex": sexes} | details,
    )
    return replace(own, images=images, roles={**own.roles, **dict.fromkeys(names, OTHER)})


@pytest.fixture
def quick(monkeypatch):
    """A reader of one epoch."""
    settings = DemographicSettings(
        input_range=InputRange(32, channels=1), fit=FitSettings(epochs=1, learning_rate=1e-3)
    )
    monkeypatch.setattr(reader, "SETTINGS", settings)


def test_an_audit_with_a_prior_and_with_people_of_known_age_says_whom_likely_images_show(tmp_path, monkeypatch, quick):
    alone(monkeypatch, JOINT, Third)
    own, config = taught(), AuditConfig.checked(target={"planted_steps": 1})
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    (row,) = parts["tables"]["likely"]
    assert (row["attack"], row["members"], row["candidates"]) == ("joint", MEMBERS, 10)
    assert 0 <= row["likely"] <= 4 and row["neighbours"] <= row["likely"] and 0 < row["chance"] < 4
    # An epoch teaches nothing, and what it has no skill for is not shown.
    assert row["members_age"] == pytest.approx(np.linspace(30, 80, 42)[:MEMBERS].mean()) and row["members_men"] == 0.5
    assert row["age_low"] is row["age_off"] is row["predicted_men"] is row["sex_right"] is None
    (skill,) = parts["tables"]["reader"]
    assert (skill["trained_on"], skill["n"]) == (9, 3) and "not usable" in skill["age_verdict"]
    assert [section.table.name for section in parts["sections"]] == ["likely", "reader", "epsilon"]
    kept = kept_likely(run, "joint")
    assert kept.images.shape[0] == row["likely"] and all(own.roles[name] for name in kept.nearest)
    # No finding, and nothing in what may leave: whom it shows is a matter of the owner.
    assert {one.attack for one in parts["findings"] if one.claim == "candidates"} == {"joint"}


@pytest.mark.slow
def test_what_does_not_fit_is_left_out_and_said(tmp_path, monkeypatch, quick):
    alone(monkeypatch, JOINT, Third)
    own, config = taught(), AuditConfig.checked(minutes=5, target={"planted_steps": 1})
    chosen = [attack for attack, why in attacks_of(own, config) if not why]
    assert {piece.name for piece in forecast(own, config, chosen)} >= {"joint", "reader"}
    assert "reader" not in {piece.name for piece in forecast(own, config, chosen[:1])}
    monkeypatch.setattr(reader, "reader_piece", lambda material: Piece("reader", "", 1e9))
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
    assert "reader" not in parts["tables"] and len(parts["tables"]["likely"]) == 1
    assert any("Age and sex of the people in drawn images" in text for text in parts["not_tested"])


def test_nobody_teaches_a_reader_who_does_not_know_both_or_only_one_kind():
    assert reader.taught_by(taught()) is not None
    assert reader.taught_by(replace(taught(), prior=None)) is None and reader.taught_by(material(leaks=True)) is None
    count = len(taught().images)
    for name, values in (("age", np.full(count, np.nan)), ("age", np.full(count, 999.0)), ("sex", np.ones(count))):
        assert reader.taught_by(taught(**{name: values})) is None
    few = np.arange(count) < count - PUBLIC + 7
    assert reader.taught_by(taught(age=np.where(few, np.arange(count), np.nan))) is None


def test_of_the_attackers_people_no_one_teaches_and_judges(tmp_path, quick):
    learns, judges = reader._apart(reader.taught_by(taught()))
    assert len(learns) == 9 and len(judges) == 3 and not set(learns.patients) & set(judges.patients)
    assert set(learns.details["sex"]) == set(judges.details["sex"]) == {0.0, 1.0}


def test_the_likely_ones_are_among_the_best_of_both_lists(tmp_path):
    own = material(leaks=True)
    _, grey = people(0)
    drawn = torch.cat([grey[:MEMBERS], torch.rand(20, *grey.shape[1:], generator=torch.Generator().manual_seed(1))])
    work = Work(Seeds(0), tmp_path, prior=own.prior)
    ranked = ranked_of(SeenWeights(own.candidates, own.target), drawn, Third(), work)
    found, chance = ranked.ranking.likely, ranked.by_chance
    # What the network's statistics are of is likely, noise is not; of two lists of which a third is best a ninth by chance.
    assert found[:MEMBERS].any() and not found[MEMBERS:].any() and chance == pytest.approx(30 / 9, abs=0.5)


def test_a_network_whose_layers_tell_nothing_keeps_nothing(tmp_path):
    own = material(leaks=True)
    plain = Audited(nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), OutputHead("classification", "softmax", 2, False))
    work = Work(Seeds(0), tmp_path, prior=own.prior)
    assert ranked_of(SeenWeights(own.candidates, plain), torch.rand(4, 1, 8, 8), Third(), work) is None
    # Broken statistics end no audit.
    own.target.module.bn1.running_var.fill_(torch.nan)
    told = []
    work = Work(Seeds(0), tmp_path, told.append, own.prior)
    assert ranked_of(SeenWeights(own.candidates, own.target), people(0)[1][:4], Third(), work) is None
    assert "not finite" in told[0]


def test_each_is_held_against_the_member_whom_it_comes_nearest_to(tmp_path):
    own = taught()
    names = own.candidates.patients
    near = np.zeros((2, len(names)))
    # A stranger is nearest to the second, and of the members the fourth.
    near[0, 1], near[1, MEMBERS + 2], near[1, 3] = 1.0, 1.0, 0.5
    both = np.array([0.0, 1.0])
    ranked = Ranked(LikelyScores(both, both, {}), Ranking(np.arange(2), np.array([True, True]), 1.0, 1.0))
    found = [Similarities("features", names, near, {})]
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        likely.keep_likely_of(run, own, JOINT, torch.rand(2, 1, 8, 8), ranked, found)
        assert kept_likely(run, "joint").nearest == (names[1], names[3])
        assert kept_likely(run, "gmi") is None


@pytest.mark.parametrize(("age", "sex"), [(True, True), (True, False), (False, True)])
def test_what_is_read_is_held_against_the_members_and_one_guess(age, sex):
    members = Images(
        tuple(torch.zeros(4, 1, 2, 2)),
        None,
        ("a", "b", "c", "d"),
        {"age": np.array([40.0, 60, 80, np.nan]), "sex": np.array([0, 1, 1, np.nan])},
    )
    found = Likely(torch.zeros(4, 1, 2, 2).half(), ("a", "b", "b", "d"), 40, 1.5)
    told = SimpleNamespace(
        model=SimpleNamespace(predict=lambda images: (np.array([50.0, 66, 56, 20]), np.array([0.1, 0.9, 0.2, 0.8]))),
        reads_age=age,
        reads_sex=sex,
        age=SimpleNamespace(guess=50.0),
    )
    row = likely.likely_row(found, members, told)
    assert (row["likely"], row["candidates"], row["neighbours"], row["chance"]) == (4, 40, 3, 1.5)
    assert row["members_age"] == 60 and row["members_men"] == pytest.approx(2 / 3)
    expected = {"age_low": 20.0, "age_high": 66.0, "age_off": 20 / 3, "age_guess_off": 10.0}
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value) if age else None)
    expected = {"predicted_men": 2, "sex_right": 2, "sex_known": 3, "sex_guess": 2 / 3}
    for name, value in expected.items():
        assert row[name] == (pytest.approx(value) if sex else None)
