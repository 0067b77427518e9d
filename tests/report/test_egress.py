"""The tier that may leave: every number of few patients, every path and pseudonym is looked for in what is written."""

import json
import re
from typing import get_args

import pytest
from tests.report.example_audit import audit_results, control, finding

from remnant.base.errors import RemnantError
from remnant.base.findings import TABLE_SHA256, AuditResults, Control, Finding, Judged
from remnant.base.results import Section, TableView
from remnant.base.terms import measured
from remnant.report.audit_rows import control_rows, curve_rows, finding_rows, forest_rows, limit_rows
from remnant.report.egress import make_egress, told_outside
from remnant.report.figures.audit import roc_curves, roc_says
from remnant.report.sheet import sheet_of
from remnant.report.tables import cell

SMALL = {"counts": "4 members, 60 non-members", "n": 64}


def test_enough_patients_leave_unchanged_but_for_paths():
    tables = audit_results().tables
    curve = [row for row in tables["roc"] if 0.2 < row["tpr"] < 0.8]
    results = audit_results(tables=tables | {"roc": curve})
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
    assert len(secret) == 9 and len(own) == 6
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
        curve_rows(told),
    ]
    texts = [(page.parent / "results.json").read_text(), json.dumps(rows)]
    for path in [page, *page.parent.glob("figures/*.svg")]:
        drawn = re.sub(r"<style.*?</style>", "", path.read_text(), flags=re.DOTALL)
        texts.append(str(re.findall(r">([^<>]+)<|(?:aria-label|alt)=\"([^\"]*)\"", drawn)))
    numbers = [*secret.values(), *own.values(), 0.8101, 0.8201, 0.8701, 7919, 775]
    said = {f"{one:.2f}" if isinstance(one, float) else f"{one:,}" for one in numbers} | {str(one) for one in numbers}
    assert [one for one in said for text in texts if re.search(rf"(?<![\d.]){re.escape(one)}(?![\d])", text)] == []
    (row, _) = finding_rows(told.findings)
    assert cell(row, "n").text == "–"


@pytest.mark.parametrize(
    ("value", "told"), [(0.05, False), (0.24, True), (0.87, False), (0.5, True), (1.0, True), (0.0, True)]
)
def test_a_true_positive_rate_of_few_members_is_withheld_and_so_are_its_points_of_the_curve(value, told):
    """Its ties are broken at random, so that it need not be a whole number of the 60 members."""
    rate = finding(statistic="tpr_at_10_fpr", value=value, null=0.1)
    curve = [{"attack": rate.attack, "view": rate.view, "fpr": x / 20, "tpr": x / 20} for x in range(21)]
    found = told_outside(audit_results(findings=[rate], tables={"roc": curve}))
    assert (found.findings[0].value is not None) is told
    shares = [0.0, *[None] * 3, *(x / 20 for x in range(4, 17)), *[None] * 3, 1.0]
    assert [row["tpr"] for row in found.tables["roc"]] == shares
    assert roc_says(found.tables["roc"]).endswith("signed margin withheld.") and roc_curves(found.tables["roc"])


def test_nulls_of_a_fold_rank_go_with_its_count():
    ranks = finding(statistic="fold_rank", value=0.1, null=0.2, n=60, counts="6 of 60 patients, 5 folds")
    nulls = [{"null": "patients were dealt to the folds at random", "p": 0.04}]
    assert told_outside(audit_results(findings=[ranks], tables={"fold_rank": nulls})).tables == {}
    many = finding(statistic="fold_rank", value=0.5, null=0.2, n=60, counts="30 of 60 patients, 5 folds")
    assert told_outside(audit_results(findings=[many], tables={"fold_rank": nulls})).tables == {"fold_rank": nulls}


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


def test_the_hash_of_a_table_of_patients_stays_in_the_house():
    results = audit_results("within")
    table = results.model_copy(update={"model": {"name": "scores", TABLE_SHA256: "a" * 64}})
    assert sheet_of(table).model["SHA-256"] == f"{'a' * 64} (table of scores)"
    assert told_outside(table).model == {"name": "scores"} and "a" * 64 not in told_outside(table).model_dump_json()
    assert told_outside(results).model == results.model


def test_with_a_cell_of_one_all_is_told():
    results = audit_results(minimum_cell=1, findings=[finding(**SMALL)])
    assert told_outside(results).findings == results.findings


def test_a_limit_held_against_what_is_withheld_says_so():
    judged = Judged(limit="membership_advantage", ruling="cannot tell", sentence="Few.", finding=0)
    verdict = audit_results().verdict.model_copy(update={"judged": [judged]})
    told = told_outside(audit_results(findings=[finding(**SMALL)], verdict=verdict))
    (row,) = [row for row in sheet_of(told).limits if row["name"] == "Membership advantage"]
    assert row["found"] == "withheld"
