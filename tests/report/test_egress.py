"""The tier that may leave: every number of few patients, every path and pseudonym is looked for in what is written."""

import json

import pytest
from tests.report.example_audit import audit_results, control, finding

from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults, Judged
from remnant.base.results import Section, TableView
from remnant.report.audit_rows import control_rows
from remnant.report.egress import make_egress, told_outside
from remnant.report.sheet import sheet_of
from remnant.report.tables import cell

SMALL = {"counts": "4 members, 60 non-members", "n": 64}


def test_enough_patients_leave_unchanged_but_for_paths():
    results = audit_results()
    told = told_outside(results)
    assert told.findings == results.findings and told.controls == results.controls
    assert told.tables == results.tables and told.cohort == results.cohort and told.verdict == results.verdict
    assert told.command == "remnant audit audit.toml --out a"


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
    assert second == finding()
    assert first.counts == "withheld: fewer than 10 patients" and first.outcome is None
    text = first.model_dump_json()
    assert not [str(one) for one in secret.values() if str(one) in text] and "0.6789" not in text and "0.05" not in text


def test_a_share_of_many_patients_stays():
    many = finding(statistic="rank1", value=0.5, n=60, counts="30 of 60 patients")
    assert told_outside(audit_results(findings=[many])).findings == [many]


def test_sentences_of_what_is_withheld_go_and_the_ruling_stays():
    told_of = "The AUC is 0.91 [0.85, 0.96]. It lies above the limit."
    judged = [Judged(limit="membership_advantage", ruling="outside", sentence=told_of, finding=0)]
    results = audit_results(findings=[finding(**SMALL)])
    verdict = results.verdict.model_copy(update={"judged": judged, "reasons": [told_of, "7 patients were left out."]})
    told = told_outside(results.model_copy(update={"verdict": verdict})).verdict
    assert told.ruling == "outside" and told.sentence == results.verdict.sentence
    assert told.reasons == ["Withheld: fewer than 10 patients."]
    assert told.judged[0].sentence == "Withheld: fewer than 10 patients."


def test_controls_of_few_patients_are_withheld_also_where_a_reason_repeats_them():
    few = control("planted", attack="output", n=8, value=0.8765)
    results = audit_results(controls=[few, control()])
    verdict = results.verdict.model_copy(update={"reasons": [few.sentence]})
    told = told_outside(results.model_copy(update={"verdict": verdict}))
    assert told.controls[1] == control() and told.controls[0].value is None and told.controls[0].passed is True
    assert told.verdict.reasons == ["Withheld: fewer than 10 patients."]


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
    assert cell(row, "n").text == "–"


def test_few_planted_patients_are_not_counted_anywhere():
    cohort = audit_results().cohort | {"planted": 3}
    results = audit_results(cohort=cohort, controls=[control("planted", attack="output", n=63)])
    told = told_outside(results)
    assert told.cohort["planted"] == "<10" and told.controls[0].value is None


def test_a_small_group_and_its_complement_become_bounds():
    cohort = {"patients": 64, "members": 4, "non_members": 60, "images": 5, "unit": "patient"}
    told = told_outside(audit_results(cohort=cohort)).cohort
    assert told == {"patients": 64, "members": "<10", "non_members": ">54", "images": 5, "unit": "patient"}


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
    told = told_outside(audit_results(tables={"balance": [row, share | changed]})).tables["balance"]
    assert told[0] == row
    assert told[1] == dict.fromkeys(row) | {"trait": "sex: F"}


def test_a_curve_of_few_patients_is_withheld():
    tables = audit_results().tables
    assert "roc" not in told_outside(audit_results(findings=[finding(**SMALL)], tables=tables)).tables


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


def test_with_a_cell_of_one_all_is_told():
    results = audit_results(minimum_cell=1, findings=[finding(**SMALL)])
    assert told_outside(results).findings == results.findings


def test_a_limit_held_against_what_is_withheld_says_so():
    judged = Judged(limit="membership_advantage", ruling="cannot tell", sentence="Few.", finding=0)
    verdict = audit_results().verdict.model_copy(update={"judged": [judged]})
    told = told_outside(audit_results(findings=[finding(**SMALL)], verdict=verdict))
    (row,) = [row for row in sheet_of(told).limits if row["name"] == "Membership advantage"]
    assert row["found"] == "withheld"
