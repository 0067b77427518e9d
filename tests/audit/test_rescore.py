"""Judging a finished audit again: what changes with the appetite, and what no appetite changes."""

import re

import pytest
from tests.audit.test_table import draw, write

from remnant.audit.config import AuditConfig
from remnant.audit.judge import verdict_of
from remnant.audit.results import rescored
from remnant.audit.table import audit_scores
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    folder = tmp_path_factory.mktemp("leaking")
    path = write(folder / "scores.csv", draw(2, 60), draw(0, 60, 2), draw(6, 10, 3))
    return audit_scores(path, AuditConfig(scenario="outputs"), folder / "run")


def lenient(results, **changed):
    appetite = {"membership_advantage": 0.95, "membership_tpr": 0.9, "minimum_cell": 3}
    return rescored(results, AuditConfig.checked(scenario="outputs", appetite=appetite, **changed))


def test_another_appetite_gives_another_verdict_of_the_same_measurements(leaking):
    found = lenient(leaking)
    assert leaking.verdict.ruling == "outside" and found.verdict.ruling == "within"
    assert found.findings == leaking.findings and found.controls == leaking.controls
    assert found.minimum_cell == 3 and found.settings["appetite"]["membership_advantage"] == 0.95


def test_limits_that_were_changed_are_not_said_to_be_set_beforehand(leaking):
    assert lenient(leaking).rescored and not leaking.rescored
    same = rescored(leaking, AuditConfig(scenario="outputs"))
    assert not same.rescored and same.verdict == leaking.verdict
    # Back to the first limits they are still chosen with the results in sight.
    assert rescored(lenient(leaking), AuditConfig(scenario="outputs")).rescored


def test_what_kept_an_audit_from_clearing_a_model_keeps_it_still(leaking):
    reason = "The loss did not fall."
    verdict = verdict_of(leaking.limits, leaking.findings, leaking.controls, [reason])
    assert verdict.ruling == "outside" and reason not in verdict.reasons
    found = lenient(leaking.model_copy(update={"verdict": verdict})).verdict
    assert found.ruling == "cannot tell" and reason in found.reasons


def test_another_scenario_is_another_audit(leaking):
    with pytest.raises(RemnantError, match="scenario outputs, and the configuration asks for checkpoint"):
        rescored(leaking, AuditConfig())


def test_what_the_owner_says_is_kept_where_nothing_new_is_said(leaking):
    before = leaking.model_copy(update={"about": {"recipient": "Ward 3", "contact": "Ann"}})
    found = lenient(before, about={"contact": "Bob"})
    assert found.about == {"recipient": "Ward 3", "contact": "Bob"}


def test_the_command_judges_a_purged_run_and_makes_its_reports_again(remnant, tmp_path):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2), draw(6, 10, 3))
    run, asked = tmp_path / "run", tmp_path / "other.toml"
    assert remnant("audit", tmp_path / "scores.csv", "--out", run)[0] == 1
    assert remnant("report", run, "--egress")[2] == str(run / "egress" / "report.html")
    assert remnant("purge", run)[0] == 0
    code, errors, printed = remnant("rescore", run)
    assert code == 1 and "Outside the risk appetite" in errors[0] and printed == str(run / "report.html")
    assert "Criterion, set beforehand" in (run / "report.html").read_text()
    asked.write_text("[appetite]\nmembership_advantage = 0.95\nmembership_tpr = 0.9\n")
    assert remnant("rescore", run, "--config", asked)[0] == 0
    assert AuditResults.read(run / "results.json").verdict.ruling == "within"
    for page in (run / "report.html", run / "egress" / "report.html"):
        assert "Criterion, changed on" in page.read_text() and ">Within</p>" in page.read_text()
    assert remnant("report", run)[2] == str(run / "report.html")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "--show-images"), "shows no image"),
        (("publish", "--out", "new"), "report .* --egress"),
    ],
)
def test_what_an_audit_does_not_do_is_said(remnant, tmp_path, words, said):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2))
    remnant("audit", tmp_path / "scores.csv", "--out", tmp_path / "run")
    code, errors, _ = remnant(words[0], tmp_path / "run", *words[1:])
    assert code == 2 and len(errors) == 1
    assert re.search(said, errors[0])
