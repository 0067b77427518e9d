"""The evidence says what page one has no room for, and why something is not drawn or not told."""

import re

import pytest
from markupsafe import escape
from tests.report.example_audit import POWER, audit_results, control, finding

from remnant.base.results import Section, TableView
from remnant.report.audit import render_audit
from remnant.report.audit_rows import control_rows, finding_rows
from remnant.report.chapters.verdict import CHOSEN
from remnant.report.egress import told_outside
from remnant.report.figures.audit import limits_held
from remnant.report.figures.fold_power import fold_power
from remnant.report.finding_words import outcome_sentence
from remnant.report.tables import cell

RANKS = {"statistic": "fold_rank", "attack": "fold rank", "null": 0.2}


def evidence_of(folder, results):
    page = render_audit(folder, results)
    return page[page.index('id="evidence-') :]


def test_every_remark_that_page_one_cuts_stands_in_the_evidence(tmp_path):
    remarks = [f"Remark {place} of the audit." for place in range(6)]
    told = told_outside(audit_results(notices=remarks))
    evidence = evidence_of(tmp_path, told)
    assert "numbers of fewer than 10 patients" in told.notices[-1]
    assert all(f"<li>{escape(one)}</li>" in evidence for one in told.notices)
    assert 'id="evidence-remarks"' not in evidence_of(tmp_path, audit_results(notices=[]))


def test_limits_that_are_not_drawn_are_named_with_why(tmp_path):
    gone = finding(statistic="tpr_at_10_fpr", value=None, low=None, high=None, null=0.1, outcome=None)
    findings = [*audit_results().findings[:2], gone]
    verdict = audit_results().verdict
    unmeasured = verdict.judged[1].model_copy(update={"limit": "attribute", "finding": None})
    verdict = verdict.model_copy(update={"judged": [*verdict.judged, unmeasured]})
    evidence = evidence_of(tmp_path, audit_results(findings=findings, verdict=verdict))
    assert "Not drawn: true positive rate at 10% FPR (withheld) and attribute disclosure (not measured)." in evidence
    assert "Not drawn" not in evidence_of(tmp_path, audit_results())


def test_attacks_and_controls_without_an_auc_are_named_below_the_forest(tmp_path):
    ranks = finding(**RANKS, value=0.36, low=0.26, high=0.47)
    hidden = control("planted", attack="output", value=None, low=None, high=None)
    dose = control("dose", None, value=None, low=None, high=None)
    said = evidence_of(tmp_path, audit_results(findings=[finding(), ranks], controls=[control(), hidden, dose]))
    assert "Not drawn, without an AUC, which the tables tell otherwise: fold rank." in said
    assert "Not drawn, since their AUC is withheld or was not measured: planted members, output." in said


def test_why_no_curve_is_drawn_is_said(tmp_path):
    told = told_outside(audit_results(tables={"roc": [{**row, "tpr": 0.05} for row in audit_results().tables["roc"]]}))
    assert "No curve is drawn: every one has a point of fewer than 10 patients" in evidence_of(tmp_path, told)
    assert "No curve is drawn: results.json holds none." in evidence_of(tmp_path, audit_results(tables={}))


def test_which_of_several_findings_a_limit_is_held_against_is_said(tmp_path):
    first = audit_results().findings
    assert CHOSEN not in evidence_of(tmp_path, audit_results())
    two = audit_results(findings=[*first, first[1]], verdict=audit_results().verdict)
    assert CHOSEN in evidence_of(tmp_path, two)


@pytest.mark.parametrize(
    ("changed", "n", "p", "detectable"),
    [
        ({}, "120", "≤0.001", "0.65"),
        # Chance of what is withheld is no secret; of an advantage nobody reckons what is detectable.
        ({"counts": "4 members, 60 non-members"}, "withheld", "withheld", "withheld"),
        (
            {"counts": "4 members, 60 non-members", "statistic": "advantage", "detectable": None},
            "withheld",
            "withheld",
            "–",
        ),
        ({"statistic": "advantage", "detectable": None}, "120", "≤0.001", "–"),
    ],
)
def test_a_dash_is_what_was_not_reckoned_and_nothing_else(changed, n, p, detectable):
    (row,) = finding_rows(told_outside(audit_results(findings=[finding(**changed)])).findings)
    assert [cell(row, name).text for name in ("n", "adjusted_p", "{detectable:.2f}")] == [n, p, detectable]
    assert ("withheld" in cell(row, "{value} [{low}, {high}]").text) is (n == "withheld")
    (fit,) = control_rows([control("fit", value=None, low=None, high=None)])
    assert cell(fit, "{value} [{low}, {high}]").text == "–"


def test_an_interval_beyond_chance_that_is_not_exposed_says_why():
    silent = finding(value=0.86, low=0.64, high=0.95, adjusted_p=0.03, outcome="not shown")
    assert "p after Holm has to be 0.01 at most" in outcome_sentence(silent)
    assert "Holm" not in outcome_sentence(silent.model_copy(update={"low": 0.44}))


def test_which_p_of_the_fold_ranks_counts_is_said_beside_the_numbers_also_of_older_results(tmp_path):
    rows = [{"null": "patients were dealt", "p": 0.0004}, {"null": "models were handed", "p": 0.033}]
    view = TableView(name="fold_rank", columns={"null": "What no leak would mean", "p": "p"})
    older = [Section(title="Fold rank, by what p is of", table=view)]
    said = evidence_of(tmp_path, audit_results(tables={"fold_rank": rows}, sections=older))
    own = said[said.index("Fold rank: p under each null") :]
    assert "take the first" in own[: own.index("<table")] and "p under each null, before Holm. The first counts." in own


def test_the_fold_rank_figure_says_that_what_was_found_is_withheld(tmp_path):
    view = TableView(name="fold_power", columns={"share": "Share of patients", "power": "Power"})
    sections = [Section(title="Power of the fold-rank test", table=view)]
    for value, withheld in ((0.3, False), (None, True)):
        ranks = finding(**RANKS, value=value, low=None, high=None, outcome="not shown" if value else None)
        said = evidence_of(tmp_path, audit_results(findings=[ranks], tables={"fold_power": POWER}, sections=sections))
        assert ("Not drawn: what was found (withheld)." in said) is withheld


def test_what_was_found_of_fold_ranks_is_a_line_with_its_outcome_and_each_line_has_its_name():
    row = {"share": 0.2, "power": 0.01, "detectable": 0.34, "found": 0.24, "outcome": "not shown"}
    (panel,) = fold_power([row, row | {"share": 0.5, "power": 0.9}]).axes
    labels = [line.get_label() for line in panel.lines]
    assert {"chance of being seen", "by chance", "found: 0.24 (not shown)"} < set(labels)
    (found,) = [line for line in panel.lines if line.get_label().startswith("found")]
    (exposed,) = [
        line
        for line in fold_power([row | {"outcome": "exposed"}] * 2).axes[0].lines
        if line.get_label().startswith("found")
    ]
    assert list(found.get_xdata()) == [0.24, 0.24] and found.get_color() != exposed.get_color()


def test_the_limit_is_upright_in_the_legend_as_in_the_figure():
    row = {"name": "a", "value": 0.1, "low": 0.0, "high": 0.2, "digits": 2, "limit": 0.05, "ruling": "cannot tell"}
    figure = limits_held([row])
    (limit,) = [one for one in figure.legends[0].legend_handles if one.get_label() == "limit"]
    assert limit.get_marker() == "|" and limit.get_linestyle() == "None"
    assert re.search("dotted: chance", figure.axes[0].get_xlabel())
