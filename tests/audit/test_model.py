"""The audit of a model at level b: a planted leak is exposed, an untrained network is not, and controls are as they should be."""

from dataclasses import replace

import pytest
import torch
from tests.audit.example import PATIENTS, Classifier, Segmenter, material

from remnant.attacks.attack import PatientScores, Work
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.model_cells import access_of
from remnant.audit.config import AuditConfig
from remnant.audit.run.conduct import conduct
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import kept

KINDS = (Classifier, Segmenter)


def audited(tmp_path, name="run", seed=0, **options):
    config = AuditConfig(seed=seed)
    with Run.start(tmp_path / name, "audit", config.resolved(), resume=False) as run:
        return audit_model(run, material(seed=seed, **options), config, quiet=True)


def outcomes(parts):
    return {
        (one.attack, one.view): outcome_of(one, parts["controls"])
        for one in parts["findings"]
        if one.statistic == "auc"
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_leak_is_exposed_and_an_untrained_network_is_not(tmp_path, kind):
    leaking, silent = (audited(tmp_path, str(leaks), kind=kind, leaks=leaks) for leaks in (True, False))
    assert "exposed" in outcomes(leaking).values()
    found = outcomes(silent)
    # Whether an answer is right has two values, and how often it is so few, which clear nobody.
    coarse = {(one.attack, one.view) for one in silent["findings"] if one.coarse}
    assert {found.pop(key) for key in coarse} <= {"attack too weak"}
    # The gradient of a segmenter is smaller than that of strangers only for whom it knows very well.
    weak = kind is Segmenter
    assert set(found.values()) == {"not shown", *(["attack too weak"] if weak else [])}
    for parts, seen in ((leaking, True), (silent, not weak)):
        found = {(control.kind, control.attack): control.passed for control in parts["controls"]}
        fits = found.pop(("fit", ""))
        # How often a bare answer is right may be the same of the planted and of others.
        found.pop(("planted", "label_only"))
        sees = {("planted", name): True for name in ("output", *(["parts"] if weak else []))}
        sees |= {("planted", "gradient"): seen}
        assert found == {("blind", ""): True, **sees} and (fits or parts is silent), parts["controls"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_so_it_is_for_twenty_seeds(tmp_path, kind):
    leaking = [audited(tmp_path, f"l{seed}", seed, kind=kind, leaks=True) for seed in range(20)]
    silent = [outcomes(audited(tmp_path, f"s{seed}", seed, kind=kind, leaks=False)) for seed in range(20)]
    for parts in leaking:
        # What the attack shows by itself: each of the twenty.
        own = [one for one in parts["controls"] if one.kind != "blind"]
        assert any(outcome_of(one, own) == "exposed" for one in parts["findings"])
    # Of groups that are alike the blind baseline takes 2.5% to differ, where nothing is testable: of twenty hardly ever four.
    alike = [parts for parts in leaking if all(one.passed for one in parts["controls"] if one.kind == "blind")]
    assert len(alike) >= 17 and all("exposed" in outcomes(parts).values() for parts in alike)
    assert not any("exposed" in one.values() for one in silent)


def test_attacks_are_not_told_who_is_a_member(tmp_path):
    """Whoever is called a member, the attacks get the same and answer the same."""
    own = material(Classifier, leaks=True)
    exchanged = replace(own, roles={patient: -role for patient, role in own.roles.items()})
    scoring = [attack for attack in all_attacks().values() if attack.claim == "patient_scores"]
    for attack in (one for one in scoring if not one.applies(own.target, own.candidates, own.own)):
        work = Work(Seeds(0), tmp_path)
        claims = [
            attack.run(access_of(attack, one.target, one.candidates), None, attack.settings(), work)
            for one in (own, exchanged)
        ]
        told = [[dict(zip(view.patients, view.scores, strict=True)) for view in claim] for claim in claims]
        assert told[0] == told[1]


def test_a_run_goes_on_and_gives_the_same(tmp_path):
    config = AuditConfig()
    own = material(Classifier, leaks=True)
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        first = audit_model(run, own, config, quiet=True)
        (run.path / "cells" / "attack-gradient.json").unlink()
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=True) as run:
        again = audit_model(run, own, config, quiet=True)
    with Run.start(tmp_path / "other", "audit", config.resolved(), resume=False) as run:
        anew = audit_model(run, own, config, quiet=True)
    assert first["findings"] == again["findings"] == anew["findings"]
    assert first["controls"] == again["controls"] == anew["controls"]


def test_what_a_stopped_audit_had_finished_counts_in_its_time_and_beginning(tmp_path):
    own, config = material(Classifier, leaks=False), AuditConfig()
    told = {"given": {}, "command": "remnant audit own", "quiet": True}
    first = conduct(own, config, tmp_path / "run", Clock(), resume=False, **told)
    Run(tmp_path / "run").log("attack-slow", "end", seconds=1000.0, cpu_seconds=500.0)
    second = conduct(own, config, tmp_path / "run", Clock(), resume=True, **told)
    assert second.started[:16] == first.started[:16] and second.started < Clock().started
    assert 1000 < second.seconds < 1000 + 2 * first.seconds
    assert 500 < second.cpu_seconds < 500 + 2 * first.cpu_seconds


def test_the_target_is_left_as_it_was(tmp_path):
    own = material(Segmenter, leaks=False)
    before = {name: value.clone() for name, value in own.target.module.state_dict().items()}
    config = AuditConfig()
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        audit_model(run, own, config, quiet=True)
    assert all(torch.equal(value, before[name]) for name, value in own.target.module.state_dict().items())
    assert not any(weight.requires_grad for weight in own.target.module.parameters())


def test_results_hold_no_patient_and_what_defends_such_a_network(tmp_path):
    parts = audited(tmp_path, kind=Classifier, leaks=True)
    advised = {row["name"]: row["applies"] for row in parts["tables"]["defences"]}
    assert advised["dp_sgd"] and advised["dropout"] and not advised["privacy_net"] and not advised["folded_statistics"]
    assert parts["cohort"]["patients"] == PATIENTS
    text = repr([one.model_dump() for one in parts["findings"]]) + repr(parts["tables"])
    assert not any(f"'p{i}'" in text for i in range(PATIENTS))
    claims = kept(tmp_path / "run" / "private" / "claims" / "output.npz", list[PatientScores])
    assert all(len(claim.patients) == PATIENTS for claim in claims)
