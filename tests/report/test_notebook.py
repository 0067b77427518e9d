import re

from markupsafe import escape
from tests.report.example_audit import audit_results, crowded, finding
from tests.report.test_page import NASTY

from remnant.base.findings import Finding
from remnant.report.audit_rows import control_rows
from remnant.report.notebook import NotebookView, findings_frame
from remnant.report.untested import untested


def test_a_notebook_shows_verdict_limits_and_findings():
    shown = NotebookView(audit_results("within"))._repr_html_()
    for part in (
        "<b>Within</b>",
        "Membership advantage",
        "0.68 [0.52, 0.81]",
        "Decision support",
        "gradient · signed margin",
    ):
        assert part in shown
    assert "<script" not in NotebookView(crowded(NASTY))._repr_html_()


def test_a_notebook_shows_why_by_which_controls_and_what_was_not_tested():
    results = audit_results("cannot tell")
    shown = NotebookView(results)._repr_html_()
    assert results.verdict.reasons and results.controls and untested(results)
    unmeasured = [one.sentence for one in results.verdict.judged if one.finding is None]
    for part in (*results.verdict.reasons, *unmeasured, *results.notices, *untested(results)):
        assert str(escape(part)) in shown
    for row in control_rows(results.controls):
        assert re.search(rf"{row['name']}</t.>.*{row['outcome']}</td>", shown)
    # Once, though it is sentence and reason.
    twice = results.model_copy(update={"verdict": results.verdict.model_copy(update={"reasons": ["Why.", "Why."]})})
    assert NotebookView(twice)._repr_html_().count("Why.") == 1
    bare = results.model_copy(update={"controls": []})
    assert "No control was run" in NotebookView(bare)._repr_html_() and "No control was run" not in shown


def test_without_a_page_it_is_two_lines():
    results = audit_results("within")
    first, second = repr(NotebookView(results)).splitlines()
    assert first.startswith("<Audit: within; ") and second == results.verdict.sentence
    assert "1 finding, 1 exposed" in repr(NotebookView(audit_results(findings=[finding(outcome="exposed")])))


def test_the_frame_has_a_row_a_finding_and_a_column_a_field():
    frame = findings_frame(audit_results(findings=[finding(), finding(attack="other", value=None, low=None)]))
    assert list(frame.columns) == list(Finding.model_fields)
    assert frame["attack"].tolist() == ["output", "other"] and frame["value"].isna().tolist() == [False, True]


def test_the_frame_of_no_findings_has_its_columns():
    assert list(findings_frame(audit_results(findings=[])).columns) == list(Finding.model_fields)
