"""The page of an audit as text: parts in order, figures before tables, long tables in the annex, nothing unescaped."""

import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from tests.report.example_audit import POWER, audit_results, control, crowded, finding
from tests.report.test_page import NASTY, _Tags

from remnant.audit.verdict.outcome import outcome_of
from remnant.base.findings import AttackRun, AuditResults, Outcome
from remnant.base.results import Section, TableView
from remnant.base.terms import measured, seen_by
from remnant.report.audit import make_audit_report, render_audit
from remnant.report.audit_rows import (
    by_strength,
    control_rows,
    finding_rows,
    forest_rows,
    limit_rows,
    name_of,
    strongest_curves,
)
from remnant.report.evidence import evidence_of
from remnant.report.figures import FIGURES
from remnant.report.figures.audit import roc_curves
from remnant.report.figures.style import house_style
from remnant.report.glossary import AUDIT_GLOSSARY
from remnant.report.sheet import VIEW
from remnant.report.tables import MOST_ROWS

PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "audit"


def page_of(tmp_path, results):
    results.write(tmp_path / "results.json")
    return make_audit_report(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("ruling", ["within", "outside", "cannot tell"])
def test_the_page_holds_every_part_in_order(tmp_path, ruling):
    page = page_of(tmp_path, audit_results(ruling))
    parts = [
        "Decision sheet",
        f'<span class="hidden">Verdict: </span>{ruling.capitalize()}',
        "Decision support, not a determination.",
        "0123456789abcdef" * 4,
        "Criterion; it was set on",
        "Singling out",
        "Linkability",
        "Inference",
        "Not tested </h2>",
        "Residual risk",
        "Valid until",
        "Retention",
        "Contact",
        "Signature",
        "Contents",
        "Evidence</h2>",
        "Verdict and limits",
        "Findings",
        "ROC curves",
        "Controls",
        "What was not tested",
        "Annex</h2>",
        "All findings",
        "Balance of the groups",
        "Attacks of the scenario",
        "Terms",
        "Settings and provenance",
        "remnant audit /home/ann",
    ]
    place = 0
    for part in parts:
        place = page.index(part, place) + len(part)
    assert f"sheet {ruling.replace(' ', '-')}" in page


def test_figures_stand_before_tables_and_say_what_is_seen(tmp_path):
    page = page_of(tmp_path, audit_results())
    findings = page[page.index('id="evidence-findings"') : page.index('id="evidence-roc-curves"')]
    assert findings.index("<figure") < findings.index("<li>") < findings.index("<table")
    said = re.findall(r'aria-label="([^"]*)"', page)
    assert any("gradient · signed margin 0.55 [0.45, 0.65], detectable 0.65 (not shown)" in text for text in said)
    assert any("blind baseline 0.53" in text for text in said)
    assert any("10% false positive rate: output · signed margin 0.50" in text for text in said)
    assert any("Membership advantage 0.68 [0.52, 0.81], limit 0.05 (outside)" in text for text in said)
    assert {path.stem for path in (tmp_path / "figures").glob("*.svg")} == {"forest", "limits", "roc"}


@pytest.mark.parametrize("known", [True, False])
def test_the_power_of_the_fold_rank_test_is_drawn_before_its_table(tmp_path, known):
    """With what this cohort would have shown; of a finding that is withheld without it."""
    numbers = {"value": 0.27, "detectable": 0.34} if known else dict.fromkeys(("value", "low", "high", "detectable"))
    ranks = finding(statistic="fold_rank", null=0.2, **numbers)
    table = TableView(name="fold_power", columns={"share": "Share of patients", "power": "Power"})
    sections = [Section(title="Power of the fold-rank test", table=table)]
    results = audit_results(findings=[ranks], tables={"fold_power": POWER}, sections=sections)
    page = page_of(tmp_path, results)
    own = page[page.index('id="evidence-power-of') :]
    assert own.index("<figure") < own.index("<table") and (tmp_path / "figures" / "fold-power.svg").is_file()
    (said,) = [text for text in re.findall(r'aria-label="([^"]*)"', page) if "own model fits worst" in text]
    assert "0.20 without a leak: 0.20 0.04; 0.50 0.25; 0.90 0.81" in said
    assert ("with a chance of 80% this cohort would have shown 0.34; found: 0.27 (exposed)." in said) == known
    drawn = (tmp_path / "figures" / "fold-power.svg").read_text()
    assert ("would have shown: 0.34" in drawn) == known


def test_no_table_outside_the_annex_is_longer_than_the_most_rows(tmp_path):
    rows = [{"a": place} for place in range(MOST_ROWS + 1)]
    section = Section(title="Many", table=TableView(name="many", columns={"a": "A"}))
    results = crowded("word").model_copy(
        update={"sections": [section], "tables": crowded("word").tables | {"many": rows}}
    )
    page = page_of(tmp_path, results)
    evidence = page[page.index("Evidence</h2>") : page.index("Annex</h2>")]
    tables = re.findall(r"<tbody>\n(.*?)</tbody>", evidence, re.DOTALL)
    assert tables and max(table.count("<tr") for table in tables) == MOST_ROWS
    assert f"The first {MOST_ROWS} of {MOST_ROWS + 1} rows" in evidence
    annex = page[page.index("Annex</h2>") :]
    counts = [table.count("<tr") for table in re.findall(r"<tbody>\n(.*?)</tbody>", annex, re.DOTALL)]
    assert len(results.findings) in counts and MOST_ROWS + 1 in counts


def test_all_findings_stand_in_columns_that_a_small_window_shows(tmp_path):
    page = page_of(tmp_path, audit_results(findings=[finding(), finding(primary=False, p=0.2, adjusted_p=0.4)]))
    table = page[page.rindex("All findings. Lower bound") :]
    assert table[: table.index("</thead>")].count("<th ") <= 11
    assert "AUC (primary)<" in table and ">AUC<" in table and "0.40 (0.20)" in table
    # One group is no column, and of several none is said twice.
    assert ">Groups<" not in table and "Groups: members against non-members." in table
    ranks = finding(attack="fold rank", group="patients of all folds")
    (tmp_path / "two").mkdir()
    page = page_of(tmp_path / "two", audit_results(findings=[finding(), ranks]))
    table = page[page.rindex("All findings. Lower bound") :]
    assert ">Groups<" in table and table.count("patients of all folds") == 1


def test_headings_follow_each_other_and_everything_is_closed(tmp_path):
    tags = _Tags(page_of(tmp_path, crowded()))
    assert tags.open == []
    levels = [int(tag[1]) for tag, _ in tags.seen if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [one["id"] for _, one in tags.seen if "id" in one]
    assert len(ids) == len(set(ids))
    links = {one["href"][1:] for tag, one in tags.seen if tag == "a"}
    assert links <= set(ids)
    assert all(one.get("tabindex") == "0" for tag, one in tags.seen if one.get("role") == "region")


def test_what_strangers_write_is_escaped(tmp_path):
    page = page_of(tmp_path, crowded(NASTY))
    assert "<script" not in page and "<img src=x" not in page


def test_an_audit_that_measured_nothing_has_a_page(tmp_path):
    bare = audit_results("cannot tell", findings=[], controls=[], tables={}, limits=[])
    page = page_of(tmp_path, bare)
    assert "No control was run." in page and "The risk appetite asks for nothing." in page and "<figure" not in page


def test_a_run_can_be_reported_again_and_gives_the_same_bytes(tmp_path):
    first = page_of(tmp_path, audit_results())
    assert make_audit_report(tmp_path).read_text(encoding="utf-8") == first


def test_the_forest_has_every_auc_and_the_controls_below():
    rows = forest_rows(audit_results())
    assert [row["kind"] for row in rows] == ["finding", "finding", "control", "control"]
    assert [row["outcome"] for row in rows] == ["exposed", "not shown", "passed", "passed"]
    few = forest_rows(audit_results(controls=[control(passed=None), control(passed=False)]))
    assert [row["outcome"] for row in few[-2:]] == ["cannot tell", "failed"]
    open_ones = forest_rows(audit_results(controls=[control("planted", None), control("fit", value=None)]))
    assert [row["outcome"] for row in open_ones[2:]] == ["cannot tell"]
    # Labels that are all alike are no want of patients.
    assert [row["outcome"] for row in control_rows([control("fit", None, value=None, n=144)])] == ["cannot tell"]
    (dose,) = control_rows([control("dose", None, value=None, n=144)])
    assert (dose["name"], dose["statistic"], dose["outcome"]) == ("doses of training", "AUC by dose", "no trend")
    (canary,) = control_rows([control("canary", False, "lira")])
    assert (canary["name"], canary["statistic"], canary["outcome"]) == ("canaries, lira", "AUC", "failed")


def test_every_outcome_is_among_the_terms():
    assert {one.capitalize() for one in get_args(Outcome)} <= AUDIT_GLOSSARY.keys()


def test_a_table_whose_caption_was_withheld_has_its_title_for_one(tmp_path):
    table = TableView(name="fold_power", caption="", columns={"leak": "Leak"})
    section = Section(title="Power of the test", table=table)
    results = audit_results(sections=[section], tables=audit_results().tables | {"fold_power": POWER})
    captions = re.findall(r'<p class="caption"[^>]*><b>Table \d+\.</b> ?(.*?)</p>', render_audit(tmp_path, results))
    assert "Power of the test." in captions and all(captions)


def test_a_blind_baseline_that_guesses_wrongly_passes_and_it_is_said(tmp_path):
    below = "A blind baseline with an AUC below 0.50 guesses, and wrongly"
    for value in (0.0, 0.2):
        assert below in render_audit(tmp_path, audit_results(controls=[control(value=value, low=0.0, high=0.51)]))
    for other in (
        control(value=None),
        control(value=0.53),
        control("planted", value=0.2),
        control(passed=False, value=0.2),
    ):
        assert below not in render_audit(tmp_path, audit_results(controls=[other]))


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*/results.json")), ids=lambda path: path.parent.name)
def test_no_view_of_the_house_is_cut(path):
    """In figures, tables and on the sheet: by their ends alone some views are told apart."""
    results = AuditResults.read(path)
    assert [name for one in results.findings if (name := name_of(one, results.findings)).endswith("...")] == []
    assert [seen for one in results.findings if len(seen := seen_by(one)) > VIEW] == []


def test_curves_that_run_along_each_other_are_both_seen():
    rows = [{"attack": f"a{i}", "view": "v", "fpr": x, "tpr": x} for i in range(8) for x in (0.0, 0.5, 1.0)]
    panel = roc_curves(rows).axes[0]
    drawn = [line for line in panel.lines if line.get_label().startswith("a")]
    patterns = [str(line._unscaled_dash_pattern) for line in drawn]
    assert len(drawn) == 8 and all(one != other for one, other in pairwise(patterns))
    assert drawn[0].get_linewidth() > drawn[1].get_linewidth()
    # The name of the rate is above the panel, where no curve is.
    (rate,) = (text for text in panel.texts if "FPR" in text.get_text())
    assert rate.xy == (0.1, 1) and rate.get_verticalalignment() == "bottom"


def test_the_terms_say_which_controls_void_an_exposure():
    found = finding(low=0.85, adjusted_p=0.001)
    assert outcome_of(found, [control("planted", passed=False, attack="output")]) == "exposed"
    assert outcome_of(found, [control("blind", passed=False)]) == "not testable"
    assert "A planted leak that was missed voids silence, and no exposure." in AUDIT_GLOSSARY["Exposed"]
    assert "no control failed" not in AUDIT_GLOSSARY["Exposed"]


def test_what_another_statistic_exposes_is_no_silence_in_the_forest(tmp_path):
    quiet = {"value": 0.6, "low": 0.45, "high": 0.7, "outcome": "not shown"}
    advantage = {"statistic": "advantage", "value": 0.68, "low": 0.52, "high": 0.81, "null": 0.0}
    results = audit_results(findings=[finding(**quiet), finding(attack="gradient", **quiet), finding(**advantage)])
    outcomes = {row["name"]: row["outcome"] for row in forest_rows(results)}
    assert outcomes["output · signed margin"] == "exposed by another statistic"
    assert outcomes["gradient · signed margin"] == "not shown"
    assert "another statistic of the same scores is exposed" in page_of(tmp_path, results)
    assert "another statistic" not in page_of(tmp_path, audit_results())


def test_no_interval_is_told_beyond_what_there_can_be(tmp_path):
    read = finding(
        attack="sex", claim="attributes", statistic="skill", value=0.4, low=-0.2, high=1.02, bound_low=-1.3, null=0.0
    )
    gap = read.model_copy(update={"statistic": "skill_gap", "view": "gap", "low": -2.1, "high": 1.02})
    gain = read.model_copy(update={"statistic": "gain", "view": "gain", "low": -3.1, "high": 0.9})
    planted = control("planted", attack="output", value=0.99, low=0.95, high=1.03)
    assert measured(read) == "0.40 [−0.20, 1.00]" and measured(gap) == "0.40 [−2.00, 1.02]"
    assert measured(gain) == "0.40 [−3.10, 0.90]"
    rows = finding_rows([read, gap])
    assert [(row["low"], row["high"], row["bound_low"]) for row in rows] == [(-0.2, 1.0, -1.0), (-2.0, 1.02, -1.3)]
    assert control_rows([planted])[0]["high"] == 1.0
    assert {row["high"] for row in forest_rows(audit_results(findings=[finding(high=1.1)], controls=[planted]))} == {
        1.0
    }
    page = page_of(tmp_path, audit_results(findings=[read], controls=[planted]))
    assert "1.02" not in page and "1.03" not in page
    # No verdict rests on what is told.
    assert (read.high, read.bound_low) == (1.02, -1.3)


def test_every_control_has_a_sentence_of_its_own(tmp_path):
    alike = [
        control("planted", passed=False, attack=attack, claim="patient_scores").model_copy(
            update={"sentence": "Missed."}
        )
        for attack in ("output", "gradient")
    ]
    page = page_of(tmp_path, audit_results(controls=alike))
    assert "Output and gradient: Missed." in page


def test_a_marker_at_the_largest_area_is_whole():
    with house_style():
        figure = FIGURES["audit_forest"].draw(
            forest_rows(audit_results(findings=[finding(view="x" * 35, value=1.0, low=0.2, high=1.0)]))
        )
        figure.draw_without_rendering()
    panel = figure.axes[0]
    half = 5.5 / 2 * 2**0.5 * figure.dpi / 72
    assert panel.transData.transform((1, 0))[0] + half < panel.bbox.x1


def test_attacks_of_the_scenario_are_named_in_words_and_settings_are_in_code_type(tmp_path):
    results = audit_results()
    attack = AttackRun(
        name="code_inversion", words="reconstruction", run=False, why="`[prior]` is not given.", claim="reconstructions"
    )
    scenario = results.scenario.model_copy(update={"attacks": [attack]})
    page = page_of(tmp_path, audit_results(scenario=scenario))
    annex = page[page.index('id="attacks"') :]
    assert "<dt>Code inversion</dt>" in annex and "<code>[prior]</code> is not given.</dd>" in annex
    assert "Code_inversion" not in page and "code_inversion" not in page


def test_the_fit_of_the_members_stands_beside_the_other_controls():
    (row,) = control_rows([control("fit", value=None, p=0.001)])
    assert row["name"] == "fit of the members" and (row["statistic"], row["outcome"]) == ("cross-entropy", "passed")


def test_limits_are_drawn_beyond_chance():
    (_, rate) = limit_rows(audit_results())
    assert rate["value"] == pytest.approx(0.6) and rate["low"] == pytest.approx(0.45) and rate["limit"] == 0.05


def test_names_tell_what_differs_among_findings_alone():
    one, other = finding(), finding(target="second")
    assert name_of(one, [one]) == "output · signed margin"
    assert name_of(other, [one, other]) == "second · output · signed margin"


def test_curves_are_those_of_the_strongest(tmp_path):
    names = [f"a{place}" for place in range(10)]
    roc = [{"attack": name, "view": "v", "fpr": x, "tpr": x} for name in names for x in (0.0, 1.0)]
    findings = [finding(attack=name, view="v", low=0.5 + 0.01 * place) for place, name in enumerate(names)]
    results = audit_results(findings=findings, tables={"roc": roc})
    assert {row["attack"] for row in strongest_curves(results)} == set(names[2:])
    assert "The 8 strongest attacks are shown." in page_of(tmp_path, results)


def test_of_many_findings_the_strongest_stand_in_the_evidence(tmp_path):
    weak = [finding(attack=f"weak{place}", value=0.52, low=0.5, outcome="not shown") for place in range(40)]
    results = audit_results(findings=[*weak, finding(attack="strong")])
    chapters = {chapter.title: chapter for chapter in evidence_of(tmp_path, results).chapters}
    assert chapters["Findings"].text[0].startswith("Strong · signed margin: AUC 0.91")
    assert chapters["Findings"].text[-1] == "26 more findings stand in the annex."


def test_an_attack_that_no_limit_is_asked_of_is_not_crowded_out(tmp_path):
    many = [finding(view=f"view {place}", statistic="advantage") for place in range(20)]
    results = audit_results(findings=[*many, finding(attack="verification", value=0.52, low=0.4, outcome="not shown")])
    part = next(part for part in evidence_of(tmp_path, results).chapters if part.title == "Findings")
    assert any(text.startswith("Verification") for text in part.text)
    assert part.text[-1] == "6 more findings stand in the annex."


def test_of_each_attack_the_strongest_finding_has_a_sentence(tmp_path):
    found = [finding(view=view, low=low) for view, low in (("weaker", 0.6), ("stronger", 0.8))]
    results = audit_results(findings=[*found, finding(attack="other")])
    said = next(one for one in evidence_of(tmp_path, results).chapters if one.title == "Findings").text
    assert len(said) == 2 and any("stronger" in one for one in said) and not any("weaker" in one for one in said)


def test_strength_needs_no_interval():
    few = [finding(attack=name, value=value, low=None, high=None) for name, value in (("a", 0.6), ("b", 0.8))]
    unmeasured = finding(attack="c", value=None, low=None, high=None)
    assert [one.attack for one in by_strength(audit_results(), [unmeasured, *few])] == ["b", "a", "c"]


@pytest.mark.parametrize("kind", ["audit_forest", "limits_held", "roc_curves"])
def test_a_figure_of_much_is_drawn(kind):
    results = crowded()
    rows = {"audit_forest": forest_rows, "limits_held": limit_rows, "roc_curves": strongest_curves}[kind](results)
    with house_style():
        figure = FIGURES[kind].draw(rows)
    assert figure.get_figheight() < 9.6  # inches of a printed page


def test_a_name_too_long_for_a_line_of_the_forest_has_two():
    name = "output against models of the same recipe · cross-entropy, mean over shifted scans"
    row = {"kind": "finding", "auc": 0.6, "low": 0.5, "high": 0.7, "detectable": None, "outcome": "not shown"}
    rows = [row | {"name": one} for one in ("first", name, "last")]
    with house_style():
        panel = FIGURES["audit_forest"].draw(rows).axes[0]
    texts = [text for text in panel.texts if text.get_text() in f"first {name} last"]
    assert " ".join(text.get_text() for text in texts) == f"first {name} last" and len(texts) == 4
    # Each line by its own right end: in a browser's font the lines of one text part.
    assert {text.get_ha() for text in texts} == {"right"} and not any("\n" in text.get_text() for text in texts)
    first, second, third = panel.get_yticks()
    assert first == 0 and second - first == third - second > 1


def test_long_names_of_curves_are_wrapped_and_not_cut_off():
    name = "cross-entropy against models that trained on the patient"
    rows = [{"attack": "references", "view": name, "fpr": at, "tpr": at} for at in (0.0, 1.0)]
    with house_style():
        figure = FIGURES["roc_curves"].draw(rows)
        figure.draw_without_rendering()
        legend = figure.axes[0].get_legend()
        assert legend.get_window_extent().x1 <= figure.bbox.x1
    assert "references" in "".join(text.get_text() for text in legend.get_texts())


def test_words_of_a_configuration_are_in_code_type_on_page_one_too(tmp_path):
    verdict = audit_results().verdict.model_copy(update={"reasons": ["Leave it out by `attribute = false`."]})
    page = page_of(tmp_path, audit_results(verdict=verdict))
    sheet = page[page.index('id="decision"') : page.index('id="evidence"') if 'id="evidence"' in page else None]
    assert "by <code>attribute = false</code>." in sheet and "`attribute" not in page
