"""Judging a finished audit again: what changes with the appetite, and what no appetite changes."""

import re
from datetime import UTC, datetime

import pytest
from tests.audit.test_table import draw, write

from remnant.audit.config import AuditConfig
from remnant.audit.inputs.table import audit_scores
from remnant.audit.run.results import rescored
from remnant.audit.verdict.judge import verdict_of
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults, Beforehand
from remnant.base.terms import changed_afterwards
from remnant.report.egress import told_outside
from remnant.report.sheet import sheet_of

TODAY = datetime.now(UTC).date().isoformat()


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
    found = lenient(leaking)
    assert found.rescored and not leaking.rescored
    assert found.first == Beforehand(limits=leaking.limits, minimum_cell=10, ruling="outside")
    assert changed_afterwards(found) == [
        f"This verdict is by limits that were changed on {TODAY}, when the results were known; by the limits set before it "
        "was: outside.",
        f"The minimum cell was changed from 10 to 3 on {TODAY}, when the results were known.",
    ]
    same = rescored(leaking, AuditConfig(scenario="outputs"))
    assert not same.rescored and same.first is None and same.verdict == leaking.verdict and not changed_afterwards(same)
    # Twice changed it is the first that counts, and the first limits are those set beforehand whatever was tried between.
    again = rescored(found, AuditConfig.checked(scenario="outputs", appetite={"membership_advantage": 0.9}))
    assert again.first == found.first and again.rescored
    back = rescored(found, AuditConfig(scenario="outputs"))
    assert back == same.model_copy(update={"tried": found.tried})
    # An older version did not keep them.
    older = rescored(found.model_copy(update={"first": None}), AuditConfig(scenario="outputs"))
    assert older.rescored and changed_afterwards(older)[0].endswith("when the results were known.")


def test_every_set_of_limits_that_was_tried_stays_and_is_said(leaking):
    stated = leaking.model_copy(update={"about": {"criterion_set_on": "2020-01-01"}})
    found = lenient(stated)
    (tried,) = found.tried
    assert (tried.day, tried.limits, tried.minimum_cell, tried.ruling) == (TODAY, found.limits, 3, "within")
    assert lenient(found).tried == found.tried and not any("judged anew" in line for line in changed_afterwards(found))
    second = rescored(found, AuditConfig.checked(scenario="outputs", appetite={"membership_advantage": 0.5}))
    back = rescored(second, AuditConfig(scenario="outputs"))
    assert len(back.tried) == 2 and not back.rescored and back.verdict == leaking.verdict
    said = (
        "When the results were known it was judged anew by other limits 2 times: membership advantage 0.95, true positive rate "
        "at 10% FPR 0.9, minimum cell 3: within; membership advantage 0.5: cannot tell."
    )
    assert changed_afterwards(back) == [said] == [line for line in changed_afterwards(second) if "anew" in line]
    sheet = sheet_of(back)
    assert sheet.criterion == "Criterion, set beforehand on 2020-01-01; others were tried since"
    assert sheet.reasons.lines[0] == said
    of_cell = back.model_copy(update={"tried": [tried.model_copy(update={"limits": back.limits})]})
    assert "tried" not in sheet_of(of_cell).criterion and changed_afterwards(of_cell)[0].endswith(
        "minimum cell 3: within."
    )
    many = back
    for share in (0.6, 0.7, 0.8):
        many = rescored(many, AuditConfig.checked(scenario="outputs", appetite={"membership_advantage": share}))
    assert "5 times; the last 3, of all in results.json: membership advantage 0.6: " in changed_afterwards(many)[-1]


def test_a_minimum_cell_that_was_changed_is_marked_and_the_limits_are_not(leaking):
    found = rescored(leaking, AuditConfig.checked(scenario="outputs", appetite={"minimum_cell": 1}))
    (said,) = changed_afterwards(found)
    assert said.startswith("The minimum cell was changed from 10 to 1 on ")
    assert sheet_of(found).reasons.lines[0] == said and "changed" not in sheet_of(found).criterion
    assert "numbers of fewer" not in str(told_outside(found).notices)


def test_when_the_criterion_was_set_cannot_be_said_afterwards_unmarked(leaking):
    def with_day(results, day):
        return rescored(results, AuditConfig.checked(scenario="outputs", about={"criterion_set_on": day}))

    assert sheet_of(leaking).criterion == "Criterion; it was set on" and sheet_of(leaking).set_on_blank
    stated = leaking.model_copy(update={"about": {"criterion_set_on": "2020-01-01"}})
    assert sheet_of(stated).criterion == "Criterion, set beforehand on 2020-01-01"
    assert sheet_of(with_day(stated, "2020-01-01")).criterion == sheet_of(stated).criterion
    entered = with_day(leaking, "2020-01-01")
    said = f"Criterion, set on 2020-01-01, as entered on {TODAY}, when the results were known"
    assert sheet_of(entered).criterion == said and not sheet_of(entered).set_on_blank
    assert sheet_of(with_day(entered, "2020-01-01")).criterion == said
    assert "beforehand" not in sheet_of(with_day(stated, "2019-01-01")).criterion
    before = leaking.model_copy(update={"started": "2026-01-02T03:04:05+00:00"})
    with pytest.raises(RemnantError, match="criterion_set_on is 2026-01-03, and the audit was on 2026-01-02"):
        with_day(before, "2026-01-03")
    assert (
        "beforehand" not in sheet_of(before.model_copy(update={"about": {"criterion_set_on": "2031-01-01"}})).criterion
    )


@pytest.mark.parametrize(
    ("day", "why"), [("2999-01-01", "must not lie in the future"), ("in May", "must be a day, as 2026-01-31")]
)
def test_a_criterion_of_no_day_or_of_the_future_is_refused(day, why):
    with pytest.raises(RemnantError, match=f"criterion_set_on.*{why}"):
        AuditConfig.checked(about={"criterion_set_on": day})


def test_a_day_as_toml_writes_it_is_one(tmp_path):
    (tmp_path / "a.toml").write_text("[about]\ncriterion_set_on = 2026-01-31\n")
    assert AuditConfig().with_toml(tmp_path / "a.toml").about.criterion_set_on == "2026-01-31"


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


def test_what_leaves_of_a_rescored_run_says_what_became_of_a_control_of_few(tmp_path):
    """The finding's numbers stand on the sheet, so that nothing says they are withheld."""
    path = write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2), draw(0.6, 8, 3))
    found = lenient(audit_scores(path, AuditConfig(scenario="outputs"), tmp_path / "run"))
    found = found.model_copy(update={"minimum_cell": 10})
    (planted,) = (one for one in found.controls if one.kind == "planted")
    assert planted.passed is not True and planted.sentence in found.verdict.reasons
    told = told_outside(found)
    outcome = "failed" if planted.passed is False else "cannot tell"
    said = f"The control 'planted members, given': {outcome}; its numbers are withheld: fewer than 10 patients."
    missed = "The attack missed what was planted" if planted.passed is False else "Nobody knows what it would find"
    said = f"{said} {missed}, so that its silence clears nobody."
    assert told.verdict.judged[0].sentence == said and told.verdict.reasons.count(said) == 1
    assert sheet_of(told).limits[0]["found"] not in ("withheld", "not measured")


def test_the_command_judges_a_purged_run_and_makes_its_reports_again(remnant, tmp_path):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2), draw(6, 10, 3))
    run, asked = tmp_path / "run", tmp_path / "other.toml"
    assert remnant("audit", tmp_path / "scores.csv", "--out", run)[0] == 1
    assert remnant("report", run, "--egress")[2] == str(run / "egress" / "report.html")
    assert remnant("purge", run)[0] == 0
    code, errors, printed = remnant("rescore", run)
    assert errors.pop(0) == f"{run / 'egress'} was made anew, with this verdict: replace what was sent of it before."
    assert code == 1 and "Outside the risk appetite" in errors[0] and printed == str(run / "report.html")
    assert "Criterion; it was set on" in (run / "report.html").read_text()
    asked.write_text("[appetite]\nmembership_advantage = 0.95\nmembership_tpr = 0.9\n")
    code, errors, _ = remnant("rescore", run, "--config", asked)
    assert code == 0 and any("by the limits set before it was: outside." in line for line in errors)
    assert AuditResults.read(run / "results.json").verdict.ruling == "within"
    for page in (run / "report.html", run / "egress" / "report.html"):
        assert "Criterion, changed on" in page.read_text() and ">Within</p>" in page.read_text()
        box = page.read_text().split('class="halves"')[0]
        assert "by the limits set before it was: outside." in box
        assert "0.95 (before: 0.05)" in page.read_text()
    assert remnant("report", run)[2] == str(run / "report.html")
    # Without a file it is by the audit's own limits, not by those that were tried last.
    code, errors, _ = remnant("rescore", run)
    assert code == 1 and any("judged anew by other limits once: " in line for line in errors)
    assert AuditResults.read(run / "results.json").limits[1].value == 0.05


def test_what_the_file_does_not_name_is_as_the_audit_had_it(remnant, tmp_path):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 60, 2))
    run, own, other = tmp_path / "run", tmp_path / "own.toml", tmp_path / "other.toml"
    own.write_text("[appetite]\nmembership_tpr = false\nminimum_cell = 12\n")
    remnant("audit", tmp_path / "scores.csv", "--config", own, "--out", run)
    for share in (0.4, 0.3):
        other.write_text(f"[appetite]\nmembership_advantage = {share}\n")
        remnant("rescore", run, "--config", other)
        found = AuditResults.read(run / "results.json")
        asked = {limit.name: limit.value for limit in found.limits if limit.asked}
        assert asked == {"membership_advantage": share} and found.minimum_cell == 12
    other.write_text("[appetite]\nmembership_tpr = 0.1\n")
    remnant("rescore", run, "--config", other)
    found = AuditResults.read(run / "results.json")
    limits = {limit.name: limit for limit in found.limits}
    assert (
        next(row["value"] for row in sheet_of(found).limits if row["name"].startswith("True")) == "0.10 (before: none)"
    )
    assert limits["membership_tpr"].asked and limits["membership_advantage"].value == 0.05


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
