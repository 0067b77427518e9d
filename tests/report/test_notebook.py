from tests.report.example_audit import audit_results, crowded, finding
from tests.report.test_page import NASTY

from remnant.base.findings import Finding
from remnant.report.notebook import NotebookView, findings_frame


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


def test_the_frame_has_a_row_a_finding_and_a_column_a_field():
    frame = findings_frame(audit_results(findings=[finding(), finding(attack="other", value=None, low=None)]))
    assert list(frame.columns) == list(Finding.model_fields)
    assert frame["attack"].tolist() == ["output", "other"] and frame["value"].isna().tolist() == [False, True]


def test_the_frame_of_no_findings_has_its_columns():
    assert list(findings_frame(audit_results(findings=[])).columns) == list(Finding.model_fields)
