"""The tier that may leave: every number of few patients, every path and pseudonym is looked for in what is written."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from markupsafe import escape
from tests.audit.test_table import draw, write
from tests.report.example_audit import audit_results, control, finding

from remnant.audit.config import AuditConfig
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.inputs.table import audit_scores
from remnant.base.errors import RemnantError
from remnant.base.findings import TABLE_SHA256, AuditResults, Control, Finding, Judged
from remnant.base.results import Section, TableView
from remnant.base.terms import measured
from remnant.measure.advantage import advantage_p, rate_difference
from remnant.report.audit import render_audit
from remnant.report.audit_rows import control_rows, finding_rows, forest_rows, limit_rows, strongest_curves
from remnant.report.egress import make_egress, told_outside
from remnant.report.figures.audit import roc_curves, roc_says
from remnant.report.rounded import as_said
from remnant.report.sheet import sheet_of
from remnant.report.tables import cell
from remnant.report.withheld import RATES

SEEDS = np.random.default_rng(0)
PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "audit"
SMALL = {"counts": "4 members, 60 non-members", "n": 64}


def test_enough_patients_leave_unchanged_but_for_paths_and_digits():
    tables = audit_results().tables
    curve = [row | {"tpr": round(0.2 + row["fpr"] * 0.6, 2)} for row in tables["roc"]]
    results = audit_results(tables=tables | {"roc": curve})
    told = told_outside(results)
    assert told.findings == [as_said(one, results.limits) for one in results.findings]
    assert [one.sentence for one in told.controls] == [one.sentence for one in results.controls]
    assert told.tables == results.tables and told.cohort == results.cohort and told.verdict == results.verdict
    assert told.command == "remnant audit audit.toml --out a"


def test_no_count_is_given_back_by_the_digits_of_an_advantage():
    """Members and non-members above the best threshold, from its upper end and its exact p: 9 of 43 are few."""
    m, n, counts = 127, 43, (121, 9)
    end = {(k, j): rate_difference(k, m, j, n).high for k in range(m + 1) for j in range(n + 1) if k / m >= j / n}
    scores = [np.repeat([1.0, 0.0], [k, total - k]) for k, total in zip(counts, (m, n), strict=True)]
    secret = finding(
        statistic="advantage",
        value=0.7012,
        low=0.5455,
        high=end[counts],
        null=0.0,
        p=advantage_p(*scores),
        adjusted_p=7e-17,
        tied=0.1004,
        fewest=20,
        n=m + n,
        counts=f"{m} members, {n} non-members",
    )
    (told,) = told_outside(audit_results(findings=[secret])).findings
    assert [k for k, high in end.items() if high == secret.high] == [counts]
    assert len([k for k, high in end.items() if round(high, 2) == told.high]) > 10
    assert (told.value, told.low, told.high, told.p, told.adjusted_p) == (0.7, 0.55, 0.84, 0.001, 0.001)
    assert told.p_bound and told.coarse and told.tied == 0.11
    assert measured(told) == measured(secret)


@pytest.mark.parametrize(
    ("p", "adjusted", "bound", "told"),
    [
        (0.01234, 0.04567, False, (0.012, 0.046, False)),
        (0.01234, 0.04567, True, (0.013, 0.046, True)),
        (0.0001234, 0.01234, False, (0.001, 0.012, False)),
        (0.010012, 0.0502, False, (0.011, 0.051, False)),
        (0.2345, None, False, (0.23, None, False)),
    ],
)
def test_p_leaves_as_a_table_has_it(p, adjusted, bound, told):
    many = finding(p=p, adjusted_p=adjusted, p_bound=bound)
    (found,) = told_outside(audit_results(findings=[many])).findings
    assert (found.p, found.adjusted_p, found.p_bound) == told


@pytest.mark.parametrize(("right", "told"), [(80, False), (40, True), (0, False)])
def test_that_everybody_or_nobody_is_answered_rightly_does_not_leave(right, told):
    """Whoever has the model and knows that all answers are right knows each patient's label."""
    said = f"On images of its training patients {right} of 80 answers are right."
    read = finding(
        claim="attributes",
        statistic="skill_gap",
        null=0.0,
        counts=f"{right} of 80 women and 40 of 80 men among members",
    )
    outside = told_outside(audit_results(notices=[said], findings=[read]))
    assert (said in outside.notices) is told and (outside.findings[0].value is not None) is told


def test_a_limit_keeps_the_digits_that_it_needs():
    near = finding(statistic="advantage", null=0.0, value=0.0123, low=-0.02345, high=0.04876)
    (told,) = told_outside(audit_results(findings=[near])).findings
    assert (told.value, told.low, told.high) == (0.012, -0.023, 0.049)


def test_no_number_of_what_leaves_has_more_digits_than_its_page(tmp_path):
    write(tmp_path / "scores.csv", draw(2, 60), draw(0, 61, 2), draw(6, 12, 3))
    audit_scores(tmp_path / "scores.csv", AuditConfig(scenario="outputs"), tmp_path / "run")
    told = json.loads((make_egress(tmp_path / "run").parent / "results.json").read_text())

    def numbers(value):
        if isinstance(value, dict | list):
            for one in value.values() if isinstance(value, dict) else value:
                yield from numbers(one)
        elif isinstance(value, float):
            yield value

    parts = {name: list(numbers(told[name])) for name in ("findings", "controls", "tables", "verdict")}
    assert any(one["detectable"] for one in told["findings"]) and parts["tables"]
    assert not [one for part in parts.values() for one in part if float(f"{one:.2g}") != one and round(one, 3) != one]


def test_controls_leave_with_two_digits():
    planted = control("planted", value=0.875, low=0.69347, high=0.95208, p=0.000131, n=70, attack="output")
    (told,) = told_outside(audit_results(controls=[planted])).controls
    assert (told.value, told.low, told.high, told.p, told.p_bound) == (0.88, 0.69, 0.95, 0.001, True)


def test_an_adjusted_p_that_may_be_of_what_is_withheld_goes():
    """Holm's is the largest of those before it."""
    few = finding(statistic="tpr_at_10_fpr", value=0.1, null=0.1, adjusted_p=0.037)
    others = [finding(statistic="advantage", null=0.0, adjusted_p=one) for one in (0.037, 0.052)]
    assert [one.adjusted_p for one in told_outside(audit_results(findings=[few, *others])).findings] == [
        None,
        None,
        0.052,
    ]


@pytest.mark.parametrize(("count", "told"), [("8.25", False), ("12.5", True), ("137.5", False)])
def test_patients_whom_models_share_count_as_others(count, told):
    """All statistics of the fold-rank test go with its count, which the advantage gives back."""
    own = finding(
        attack="fold rank", statistic="advantage", value=0.05, n=144, counts=f"{count} of 144 patients, 5 folds"
    )
    (found,) = told_outside(audit_results(findings=[own])).findings
    assert (found.value is not None) is told


def test_what_is_written_is_a_report_of_itself(tmp_path):
    (tmp_path / "run").mkdir()
    audit_results().write(tmp_path / "run" / "results.json")
    page = make_egress(tmp_path / "run")
    assert page == tmp_path / "run" / "egress" / "report.html"
    text = page.read_text() + (page.parent / "results.json").read_text()
    assert "/home/ann" not in text and "For release: numbers of fewer than 10 patients" in text
    assert "0123456789abcdef" * 4 in text
    assert AuditResults.read(page.parent / "results.json").verdict.ruling == "outside"
    assert (page.parent / "figures" / "forest.svg").is_file()


@pytest.mark.parametrize("changed", [SMALL, {"n": 7, "counts": ""}, {"statistic": "rank1", "value": 0.05, "n": 60}])
def test_a_finding_of_few_patients_keeps_no_number(changed):
    secret = {"value": 0.8765, "low": 0.7654, "high": 0.9432, "bound_low": 0.7111, "p": 0.0123, "adjusted_p": 0.0246}
    results = audit_results(findings=[finding(**(secret | {"detectable": 0.6789} | changed)), finding()])
    first, second = told_outside(results).findings
    assert second == as_said(finding(), results.limits)
    assert first.counts == "withheld: fewer than 10 patients" and first.outcome is None
    text = first.model_dump_json()
    assert not [str(one) for one in secret.values() if str(one) in text] and "0.6789" not in text and "0.05" not in text


def marked(model, first):
    """A number of its own, as 0.2501, for each field that holds one, but for chance and a paper's: also for a new one."""
    names = [
        name
        for name, field in model.model_fields.items()
        if name not in ("null", "published")
        and {int, float}
        & {kind for one in (field.annotation, *get_args(field.annotation)) for kind in (one, *get_args(one))}
    ]
    return {
        name: 773 + place if name in ("n", "fewest") else first + place / 100 + 0.0001
        for place, name in enumerate(names)
    }


def test_no_number_of_what_is_withheld_is_in_any_file(tmp_path):
    """Of a finding and a control of too few: in results.json, in texts of page and figures, in rows of tables and figures."""
    secret, own = marked(Finding, 0.31), marked(Control, 0.71)
    assert len(secret) == 10 and len(own) == 6
    gone = finding(**(secret | {"counts": "773 members, 775 non-members", "attack": "few"}))
    blind = control(attack="few", **own).model_copy(update={"sentence": f"It reads alike (AUC {own['value']:.2f})."})
    told_of = f"The AUC is {measured(gone)} (0.50 by chance; signed margin)."
    judged = Judged(limit="membership_advantage", ruling="cannot tell", sentence=told_of, finding=0, patients=7919)
    verdict = audit_results().verdict.model_copy(
        update={
            "sentence": "Cannot tell whether the model is within the risk appetite. About 7,919 patients would tell.",
            "reasons": [told_of, blind.sentence],
            "kept_open": [f"The AUC is {measured(gone)} (signed margin), and no limit is on it.", blind.sentence],
            "judged": [judged],
        }
    )
    read = {"attribute": "few", "view": "signed margin", "group": "members", "n": 5000, "accuracy_balanced": 0.8101}
    read |= dict.fromkeys(("low", "high", "accuracy", "guess_accuracy", "mae", "guess_mae"), 0.8201)
    results = audit_results(
        findings=[gone, finding(n=6000, counts="3000 members, 3000 non-members")],
        controls=[blind, control(n=6000)],
        verdict=verdict,
        minimum_cell=1000,
        cohort={"patients": 6000, "members": 3000, "non_members": 3000},
        tables={"attributes": [read], "roc": [{"attack": "few", "view": "signed margin", "fpr": 0.5, "tpr": 0.8701}]},
        notices=[blind.sentence],
        not_tested=[told_of],
    )
    (tmp_path / "run").mkdir()
    results.write(tmp_path / "run" / "results.json")
    page = make_egress(tmp_path / "run")
    told = AuditResults.read(page.parent / "results.json")
    assert told.verdict.sentence == "Cannot tell whether the model is within the risk appetite."
    assert "0.91" in page.read_text() and told.findings[0].n is None
    rows = [
        finding_rows(told.findings),
        control_rows(told.controls),
        forest_rows(told),
        limit_rows(told),
        strongest_curves(told),
    ]
    texts = [(page.parent / "results.json").read_text(), json.dumps(rows)]
    for path in [page, *page.parent.glob("figures/*.svg")]:
        drawn = re.sub(r"<style.*?</style>", "", path.read_text(), flags=re.DOTALL)
        texts.append(str(re.findall(r">([^<>]+)<|(?:aria-label|alt)=\"([^\"]*)\"", drawn)))
    numbers = [*secret.values(), *own.values(), 0.8101, 0.8201, 0.8701, 7919, 775]
    said = {f"{one:.2f}" if isinstance(one, float) else f"{one:,}" for one in numbers} | {str(one) for one in numbers}
    assert [one for one in said for text in texts if re.search(rf"(?<![\d.]){re.escape(one)}(?![\d])", text)] == []
    (row, _) = finding_rows(told.findings)
    assert cell(row, "n").text == cell(row, "value").text == "withheld"


@pytest.mark.parametrize(
    ("value", "told"), [(0.05, False), (0.24, True), (0.87, False), (0.5, True), (1.0, False), (0.0, False)]
)
def test_a_true_positive_rate_of_few_members_is_withheld(value, told):
    """Its ties are broken at random, so that it need not be a whole number of the 60 members; nobody beside some of the others,
    and everybody, are few as well."""
    rate = finding(statistic="tpr_at_10_fpr", value=value, null=0.1)
    found = told_outside(audit_results(findings=[rate]))
    assert (found.findings[0].value is not None) is told


def test_a_finding_that_is_withheld_keeps_no_number_of_patients_in_any_table(tmp_path):
    """Beside the numbers of all, those of whose sex is known would give back how many have none."""
    few = finding(attack="sex", claim="attributes", statistic="skill_gap", n=149, counts="9 women, 110 men", null=0.0)
    results = audit_results(findings=[few, finding()])
    assert told_outside(results).findings[0].n is None
    results.write(tmp_path / "results.json")
    assert "149" not in re.sub(
        r"<style>.*?</style>|<svg.*?</svg>", "", make_egress(tmp_path).read_text(), flags=re.DOTALL
    )


def curve_of(*shares, **keys):
    one = {"attack": "output", "view": "signed margin"} | keys
    return [one | {"fpr": place / (len(shares) - 1), "tpr": share} for place, share in enumerate(shares)]


@pytest.mark.parametrize(
    ("shares", "changed", "told"),
    [
        ((0.2, 0.5, 0.8), {}, True),
        ((0.0, 0.5, 1.0), {}, True),
        ((0.05, 0.5, 0.8), {}, False),
        ((0.2, 0.5, 0.9), {}, False),
        ((0.2, 0.151, 0.8), {}, False),
        ((0.0, 0.0, 1.0), {}, False),
        ((0.0, 1.0, 1.0), {}, False),
        ((0.2, None, 0.8), {}, False),
        ((0.2, 0.5, 0.8), {"counts": ""}, False),
        ((0.2, 0.5, 0.8), {"tied": 0.2, "fewest": 9}, False),
        ((0.2, 0.5, 0.8), {"tied": 0.2, "fewest": 10}, True),
        ((0.2, 0.5, 0.8), {"tied": 0.2}, False),
        ((0.2, 0.5, 0.8), SMALL, False),
    ],
)
def test_a_curve_goes_whole_where_a_point_of_it_is_of_few(shares, changed, told, tmp_path):
    """Of 60 members; what is left of a curve would be another, and say another true positive rate."""
    others = curve_of(0.2, 0.5, 0.8, attack="gradient")
    findings = [finding(**changed), finding(attack="gradient")]
    found = told_outside(audit_results(findings=findings, tables={"roc": [*curve_of(*shares), *others]}))
    assert found.tables["roc"] == ([*curve_of(*shares), *others] if told else others)
    gone = "Left out: the ROC curve of output, signed margin."
    assert (gone in str(found.sections)) is not told
    assert ("output · signed margin" in roc_says(found.tables["roc"])) is told and roc_curves(found.tables["roc"])
    assert render_audit(tmp_path, found)


@pytest.mark.parametrize("shape", ["few", "demo", "example"])
def test_of_small_groups_a_page_is_made_and_says_no_other_number(shape, tmp_path):
    """12 against 11 patients; 24 against 24, as in the demo; and 60 against 60, of whom the curve has points of few."""
    tmp_path = tmp_path / "run"
    if shape == "example":
        tmp_path.mkdir()
        results = audit_results()
        results.write(tmp_path / "results.json")
    else:
        m, n = (12, 11) if shape == "few" else (24, 24)
        table = write(tmp_path.with_suffix(".csv"), draw(1.5, m), draw(0, n, 2), draw(6, 5, 3))
        results = audit_scores(table, AuditConfig(scenario="outputs"), tmp_path)
    page = make_egress(tmp_path).read_text()
    assert not (tmp_path / "egress" / "figures" / "roc.svg").exists() and "True positive rate at 10% false" not in page
    assert "Left out: the ROC curve of" in page
    told = AuditResults.read(tmp_path / "egress" / "results.json")
    for before, after in zip(results.findings, told.findings, strict=True):
        assert after.value in (None, as_said(before, results.limits).value)


def test_nulls_of_a_fold_rank_go_with_its_count():
    ranks = finding(statistic="fold_rank", value=0.1, null=0.2, n=60, counts="6 of 60 patients, 5 folds")
    nulls = [{"null": "patients were dealt to the folds at random", "p": 0.04}]
    assert told_outside(audit_results(findings=[ranks], tables={"fold_rank": nulls})).tables == {}
    many = finding(statistic="fold_rank", value=0.5, null=0.2, n=60, counts="30 of 60 patients, 5 folds")
    assert told_outside(audit_results(findings=[many], tables={"fold_rank": nulls})).tables == {"fold_rank": nulls}


def test_a_share_of_many_patients_stays():
    many = finding(statistic="rank1", value=0.5, n=60, counts="30 of 60 patients")
    assert told_outside(audit_results(findings=[many])).findings == [many]


@pytest.mark.parametrize(
    ("outcome", "gone"),
    [
        (
            "exposed",
            "Patients are exposed, told by membership advantage. Its numbers are withheld: fewer than 10 patients.",
        ),
        (
            "not shown",
            "What was found of membership advantage is withheld: fewer than 10 patients. By it the audit says: outside.",
        ),
    ],
)
def test_sentences_of_what_is_withheld_go_and_the_ruling_stays(outcome, gone):
    told_of = "The AUC is 0.91 [0.85, 0.96]. It lies above the limit."
    judged = [Judged(limit="membership_advantage", ruling="outside", sentence=told_of, finding=0)]
    results = audit_results(findings=[finding(**SMALL, outcome=outcome)])
    verdict = results.verdict.model_copy(update={"judged": judged, "reasons": [told_of, "7 patients were left out."]})
    told = told_outside(results.model_copy(update={"verdict": verdict})).verdict
    assert told.ruling == "outside" and told.sentence == results.verdict.sentence
    assert told.reasons == [gone, "Withheld: fewer than 10 patients."] and told.judged[0].sentence == gone


def test_controls_of_few_patients_are_withheld_also_where_a_reason_repeats_them():
    few = control("planted", attack="output", n=8, value=0.8765)
    results = audit_results(controls=[few, control()])
    verdict = results.verdict.model_copy(update={"reasons": [few.sentence]})
    told = told_outside(results.model_copy(update={"verdict": verdict}))
    assert told.controls[1] == control() and told.controls[0].value is None and told.controls[0].passed is True
    gone = "The control 'planted members, output': passed; its numbers are withheld: fewer than 10 patients."
    assert told.verdict.reasons == [gone]


@pytest.mark.parametrize(
    ("kind", "passed", "so"),
    [
        ("planted", False, " The attack missed what was planted, so that its silence clears nobody."),
        ("planted", None, " Nobody knows what it would find, so that its silence clears nobody."),
        ("blind", False, " The groups differ without the model, so that what tells them apart shows nothing."),
        ("blind", None, " Nobody showed the groups to be alike."),
        ("fit", False, " The model does not answer as it was trained to, so that silence clears nobody."),
        ("recipe", None, ""),
        ("planted", True, ""),
    ],
)
def test_a_control_that_is_withheld_says_what_follows_from_its_outcome(kind, passed, so):
    few = control(kind, attack="gradient", n=8, passed=passed)
    assert told_outside(audit_results(controls=[few])).controls[0].sentence.endswith(f"than 10 patients.{so}")


def test_each_control_that_is_withheld_is_named(tmp_path):
    few = [control("planted", attack=attack, n=8, value=0.8765) for attack in ("output", "gradient")]
    told = told_outside(audit_results(controls=[*few, control(), control("fit", n=4, value=None)]))
    said = [one.sentence for one in told.controls]
    named = ["planted members, output", "planted members, gradient", None, "fit of the members"]
    gone = "passed; its numbers are withheld: fewer than 10 patients."
    for sentence, name in zip(said, named, strict=True):
        assert name is None or sentence == f"The control '{name}': {gone}"
    page = render_audit(tmp_path, told)
    assert all(f"<li>{escape(sentence)}</li>" in page for sentence in said)


def test_columns_and_tables_of_which_nothing_may_be_told_are_left_out(tmp_path):
    few = [control("planted", attack="output", n=8), control("fit", n=4, value=None)]
    trait = audit_results().tables["balance"][0]
    small_cell = [{**trait, "members_known": 3}]
    read = {
        "attribute": "sex",
        "view": "latents",
        "group": "members",
        "n": 60,
        "accuracy": None,
        "guess_accuracy": None,
    }
    read |= dict.fromkeys(("accuracy_balanced", "low", "high", "mae", "guess_mae"))
    tables = {"balance": small_cell, "attributes": [read]}
    results = audit_results(findings=[finding(**SMALL)], controls=few, tables=tables)
    page = render_audit(tmp_path, told_outside(results))
    bodies = re.findall(r"<table(?: class=\"short\")? aria-labelledby=\"table.*?</table>", page, re.DOTALL)
    assert len(bodies) > 2
    for body in bodies:
        rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr.*?</tr>", body, re.DOTALL)[1:]]
        assert all(any(cell != "–" for cell in column) for column in zip(*rows, strict=True)), body
    assert "Withheld or not measured, and left out: " in page
    assert page.count("The table of this chapter is left out: all its numbers are withheld.") == 2
    assert "Traits of members and non-members" not in page
    # In the house a column without numbers says that they were not measured.
    assert "left out: " not in render_audit(tmp_path, results)


def test_what_is_said_of_several_limits_is_told_or_withheld_for_each():
    """Why an attack clears nobody is no number of the finding that decides: it stays while its control is told."""
    few, enough = (
        finding(tied=0.6, fewest=4, statistic="advantage", null=0.0, outcome="not shown"),
        finding(statistic="tpr_at_10_fpr", value=0.5, null=0.1, outcome="not shown"),
    )
    why = control("planted", attack="output").model_copy(update={"sentence": "Planted members are not found."})
    gone = "What was found of {} is withheld: fewer than 10 patients. By it the audit says: cannot tell."

    def verdict(sentences, places, controls):
        names = ("membership_advantage", "membership_tpr")
        judged = [
            Judged(limit=name, ruling="cannot tell", sentence=sentence, finding=place)
            for name, sentence, place in zip(names, sentences, places, strict=True)
        ]
        own = audit_results().verdict.model_copy(update={"judged": judged, "reasons": list(dict.fromkeys(sentences))})
        found = audit_results(findings=[few, enough, few], controls=controls, verdict=own)
        told = told_outside(found).verdict
        return [one.sentence for one in told.judged], told.reasons

    both, advantage = [why.sentence] * 2, gone.format("membership advantage")
    # Its control is told, whichever of the findings are.
    for places in ((0, 1), (0, 2), (2, 1)):
        assert verdict(both, places, [why]) == (both, [why.sentence])
    secret = why.model_copy(update={"fewest": 4})
    rate = gone.format("true positive rate at 10% FPR")
    # Of a finding that is told the control is a reason still, without its numbers; the finding's own stand there.
    of_control = "The control 'planted members, output': passed; its numbers are withheld: fewer than 10 patients."
    assert verdict(both, (0, 1), [secret]) == ([advantage, of_control], [advantage, of_control])
    counted = ["B. 7 patients were left out. C."] * 2
    assert verdict(counted, (1, 1), [])[0] == ["B. C. A reason is withheld: fewer than 10 patients."] * 2
    # What is of no control, and of a finding that is told as well.
    assert verdict(["Nobody knows."] * 2, (0, 1), []) == (["Nobody knows."] * 2, ["Nobody knows."])
    assert verdict(["Nobody knows."] * 2, (0, 2), []) == ([advantage, rate], [advantage, rate])
    assert verdict(["A.", "B."], (0, 1), []) == ([advantage, "B."], [advantage, "B."])


NUMBERLESS = {"value": None, "low": None, "high": None, "p": None, "n": None, "fewest": None}


@pytest.mark.parametrize(
    ("own", "changed"),
    [
        (control("planted", attack="output", claim="patient_scores", n=40, fewest=6), {}),
        (control(claim="patient_scores", n=64), SMALL),
        (control(attack="output", claim="patient_scores", n=64), SMALL),
        (
            control(attack="sex", claim="attributes", statistic="skill_gap", n=64),
            {"attack": "sex", "claim": "attributes", "counts": "30 of 32 women and 4 of 9 men among members"},
        ),
        (control(attack="decoder", claim="reconstructions", statistic="rank1", value=0.05, n=60), {}),
    ],
    ids=["few planted", "few members", "of one attack", "a cell", "a share"],
)
def test_a_control_is_withheld_as_the_findings_of_its_patients_are(own, changed):
    results = audit_results(findings=[finding(**changed)], controls=[own, control("fit", claim="patient_scores", n=24)])
    withheld, fit = told_outside(results).controls
    assert {name: getattr(withheld, name) for name in NUMBERLESS} == NUMBERLESS and withheld.passed is True
    assert fit == results.controls[1]
    assert own.sentence not in told_outside(results).model_dump_json()
    (row, _) = control_rows([withheld, fit])
    assert cell(row, "n").text == cell(row, "value").text == "withheld"


def test_few_planted_patients_are_not_counted_anywhere():
    cohort = audit_results().cohort | {"planted": 3}
    results = audit_results(cohort=cohort, controls=[control("planted", attack="output", n=63)])
    told = told_outside(results)
    assert told.cohort["planted"] == "<10" and told.controls[0].value is None


def test_a_small_group_and_its_complement_become_bounds():
    cohort = {"patients": 64, "members": 4, "non_members": 60, "images": 5, "folds": 5, "unit": "patient"}
    told = told_outside(audit_results(cohort=cohort)).cohort
    assert told == {"patients": 64, "members": "<10", "non_members": ">54", "images": 5, "folds": 5, "unit": "patient"}


def test_too_few_patients_leave_nothing():
    with pytest.raises(RemnantError, match="9 patients were audited, fewer than the minimum cell of 10"):
        told_outside(audit_results(cohort={"patients": 9}))


@pytest.mark.parametrize(
    "changed",
    [{"members_known": 3}, {"non_members_known": 55}, {"members": 0.05}, {"non_members": 0.95}],
    ids=["few known", "few unknown", "few have it", "few lack it"],
)
def test_a_trait_of_few_is_withheld(changed):
    (row,) = audit_results().tables["balance"]
    share = row | {"trait": "sex: F", "members": 0.5, "non_members": 0.5}
    rows = [row, share, share | {"trait": "sex: M"}, share | {"trait": "smoker"}]
    rows[2] |= changed
    told = told_outside(audit_results(tables={"balance": rows})).tables["balance"]
    assert told == [row, dict.fromkeys(row) | {"trait": "sex"}, rows[3]]
    again = told_outside(audit_results(tables={"balance": told})).tables["balance"]
    assert again == told


def sites(**shares):
    (row,) = audit_results().tables["balance"]
    of_300 = {"members_known": 300, "non_members_known": 300}
    return [
        row | of_300 | {"trait": f"site: {name}", "members": a, "non_members": b} for name, (a, b) in shares.items()
    ]


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ({"Bonn": (0.5, 0.6), "Koeln": (0.5, 0.4)}, True),
        ({"Bonn": (0.5, 0.6), "Koeln": (0.4, 0.3)}, True),
        # 3 of Heidelberg, who have a row, or are what the others leave of 1.
        ({"Bonn": (0.51, 0.5), "Koeln": (0.48, 0.5), "Heidelberg": (0.01, 0.0)}, False),
        ({"Bonn": (0.51, 0.6), "Koeln": (0.48, 0.3)}, False),
        # Everybody of Heidelberg is a member.
        ({"Bonn": (0.5, 0.5), "Koeln": (0.3, 0.5), "Heidelberg": (0.2, 0.0)}, False),
        ({"Bonn": (0.5, 0.5), "Koeln": (0.3, 0.5)}, False),
        ({"Bonn": (1.0, 0.5), "Koeln": (0.0, 0.5)}, False),
        ({"Bonn": (1.0, 1.0), "Koeln": (0.0, 0.0)}, True),
    ],
)
def test_of_a_trait_with_a_small_cell_all_rows_go_and_the_names_of_its_categories(shares, told):
    rows, cohort = sites(**shares), {"patients": 600, "members": 300, "non_members": 300}
    results = audit_results(tables={"balance": rows}, cohort=cohort, notices=["Of site: Heidelberg few are known."])
    found = told_outside(results)
    if told:
        assert found.tables["balance"] == rows
    else:
        assert found.tables["balance"] == [dict.fromkeys(rows[0]) | {"trait": "site"}]
        assert not re.search("Bonn|Koeln", found.model_dump_json())
        assert "Heidelberg" in shares or "site: Heidelberg" in found.notices[0]
    assert told_outside(results.model_copy(update={"minimum_cell": 1})).tables["balance"] == rows


@pytest.mark.parametrize(
    ("right", "of_others", "told"), [(97, 60, False), (60, 97, False), (80, 60, True), (100, 60, False)]
)
def test_of_right_or_wrong_nothing_leaves_that_gives_a_small_cell_back(right, of_others, told):
    """AUC and ties have two solutions for how many of 100 members are right, and the curve tells which. That no member is wrong
    where others are is a small cell, too."""
    scores = np.array([1.0] * right + [0.0] * (100 - right) + [1.0] * of_others + [0.0] * (100 - of_others))
    roles = np.repeat([1, -1], 100)
    claim = ScoredPatients("output", "right or wrong", tuple(map(str, range(200))), scores, roles)
    found = [
        one.model_copy(update={"outcome": "exposed"}) for one in membership_rows([claim], {claim.key: 0.05}, SEEDS)
    ]
    assert {one.fewest for one in found} == {min(100 - right, 100 - of_others, 60)}
    cohort = {"patients": 200, "members": 100, "non_members": 100}
    results = audit_results(findings=found, cohort=cohort, controls=[control(attack="", n=200, claim="patient_scores")])
    for before, one in zip(found, told_outside(results).findings, strict=True):
        # Of a rate no member lies above the threshold, or every one.
        leaves = told and not (one.statistic in RATES and before.value in (0.0, 1.0))
        assert (one.value is not None) is leaves and (one.tied is not None) is leaves
    assert told_outside(results).controls == results.controls


def test_of_scores_of_many_values_no_cell_is_counted():
    draws = np.random.default_rng(0).normal(size=40)
    claim = ScoredPatients("output", "margin", tuple(map(str, range(40))), draws, np.repeat([1, -1], 20))
    assert {one.fewest for one in membership_rows([claim], {claim.key: 0.05}, SEEDS)} == {None}


def test_nothing_of_an_earlier_egress_stays(tmp_path, monkeypatch):
    """Of a smaller cell, after an error, and where nothing may leave any more."""
    run = tmp_path / "run"
    run.mkdir()
    curve = audit_results().tables | {"roc": curve_of(0.2, 0.5, 0.8)}
    open_, few = audit_results(minimum_cell=3, tables=curve), audit_results(findings=[finding(**SMALL)])
    open_.write(run / "results.json")
    make_egress(run)
    assert (run / "egress" / "figures" / "roc.svg").is_file()
    few.write(run / "results.json")
    make_egress(run)
    kept = {path: path.read_bytes() for path in (run / "egress").rglob("*") if path.is_file()}
    assert not [path for path in kept if path.stem in ("roc", "forest", "limits")]
    open_.write(run / "results.json")
    monkeypatch.setattr("remnant.report.egress.write_text", lambda path, text: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make_egress(run)
    assert {path: path.read_bytes() for path in (run / "egress").rglob("*") if path.is_file()} == kept
    assert {path.name for path in run.iterdir()} == {"results.json", "egress"}
    audit_results(cohort={"patients": 9}).write(run / "results.json")
    with pytest.raises(RemnantError, match="nothing of them may leave"):
        make_egress(run)
    assert not (run / "egress").exists()


def test_what_the_owner_wrote_counts_nobody():
    told = told_outside(audit_results(about={"purpose": "Triage.", "residual_risk": "3 patients may be found."}))
    assert told.about == {"purpose": "Triage.", "residual_risk": "Withheld: fewer than 10 patients."}


@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*/results.json")), ids=lambda path: path.parent.name)
def test_results_of_an_older_version_are_told(path, tmp_path):
    assert render_audit(tmp_path, told_outside(AuditResults.read(path)))


def test_tables_with_a_row_a_patient_and_pseudonyms_go():
    table = [{"pseudonym": "P-0123abcd", "loss": 0.3}]
    section = Section(
        title="Most exposed",
        text=["P-0123abcd is exposed.", "Of /home/ann/scan.nii nothing is kept."],
        table=TableView(name="own", columns={"pseudonym": "Patient"}),
    )
    other = Section(title="Text", text=section.text)
    results = audit_results(tables={"own": table}, sections=[section, other])
    told = told_outside(results)
    text = told.model_dump_json()
    assert "own" not in told.tables and "0123abcd" not in text and "/home" not in text
    assert told.sections[-1].title == "Withheld"
    assert json.loads(text)["sections"][0]["text"] == ["a patient is exposed.", "Of scan.nii nothing is kept."]


def test_the_hash_of_a_table_of_patients_stays_in_the_house():
    results = audit_results("within")
    table = results.model_copy(update={"model": {"name": "scores", TABLE_SHA256: "a" * 64}})
    assert sheet_of(table).model["SHA-256"] == f"{'a' * 64} (table of scores)"
    told = told_outside(table)
    assert "a" * 64 not in told.model_dump_json()
    # And is no line to fill in by hand.
    assert sheet_of(told).model["SHA-256"] == "withheld (table of scores)"
    assert told_outside(results).model == results.model


@pytest.mark.parametrize("cell", [1, 2, 3])
def test_nothing_leaves_of_cells_of_one_or_two(cell, tmp_path):
    audit_results(minimum_cell=cell).write(tmp_path / "results.json")
    (tmp_path / "egress").mkdir()
    if cell == 3:
        assert make_egress(tmp_path).is_file()
        return
    with pytest.raises(RemnantError, match=f"The minimum cell is {cell}; .* minimum_cell = 3 or more"):
        make_egress(tmp_path)
    assert not (tmp_path / "egress").exists()


def test_with_a_cell_of_one_all_is_told():
    results = audit_results(minimum_cell=1, findings=[finding(**SMALL)])
    assert told_outside(results).findings == results.findings


def test_a_limit_held_against_what_is_withheld_says_so():
    judged = Judged(limit="membership_advantage", ruling="cannot tell", sentence="Few.", finding=0)
    verdict = audit_results().verdict.model_copy(update={"judged": [judged]})
    told = told_outside(audit_results(findings=[finding(**SMALL)], verdict=verdict))
    (row,) = [row for row in sheet_of(told).limits if row["name"] == "Membership advantage"]
    assert row["found"] == "withheld"
