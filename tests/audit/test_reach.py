"""How far so many patients reach: power against what is said to be detectable, Bayes' rule, low rates, and what leaves of it."""

import numpy as np
import pytest
from tests.report.example_audit import audit_results, finding, reaching, single_patients

from remnant.audit.config import AuditConfig
from remnant.audit.findings.reach import ASSUMED, power_rows, scored_tables, worth_rows
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.tables import low_roc_rows
from remnant.audit.verdict.family import levels
from remnant.base.errors import RemnantError
from remnant.measure.auc import auc_power, detectable_auc
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.report.audit import render_audit
from remnant.report.egress import told_outside


def claim(members=60, non_members=60, shift=1.0, primary=True, attack="output"):
    draw = np.random.default_rng(0)
    scores = np.concatenate([draw.normal(shift, 1, members), draw.normal(size=non_members)])
    roles = np.repeat([MEMBER, NON_MEMBER], [members, non_members])
    return ScoredPatients(attack, "margin", tuple(map(str, range(len(scores)))), scores, roles, primary)


def test_power_is_what_is_detectable_read_the_other_way():
    for m, n, alpha in ((85, 85, 0.0025), (30, 200, 0.05)):
        assert auc_power(detectable_auc(m, n, alpha=alpha), m, n, alpha) == pytest.approx(0.8)
    assert auc_power(0.5, 85, 85, 0.05) == pytest.approx(0.025) and auc_power(1.0, 85, 85) == 1.0
    assert auc_power(1.0, 2, 2, 0.001) == 0.0


def test_the_curve_is_of_the_tests_own_share_of_the_level():
    own = claim()
    level = levels([(own.key, True)])
    rows = power_rows(own, level[own.key])
    (auc,) = (one for one in membership_rows([own], level, np.random.default_rng(0)) if one.statistic == "auc")
    assert rows[0]["detectable"] == pytest.approx(auc.detectable) and {row["times"] for row in rows} == {1, 2, 4}
    by_times = [[row for row in rows if row["times"] == times] for times in (1, 2, 4)]
    assert by_times[2][0]["members"] == 240 and by_times[2][0]["detectable"] < by_times[0][0]["detectable"]
    for part in by_times:
        powers = [row["power"] for row in part]
        assert powers == sorted(powers) and powers[-1] == 1.0
    # Of 60 none: 1 - 0.05 ** (1 / 60).
    assert rows[0]["least_fpr"] == pytest.approx(0.0487, abs=1e-4)


def test_what_a_guess_is_worth_by_hand():
    own = claim(shift=50.0)
    (row,) = worth_rows(own, 0.01)
    assert row["set"] is True and row["value"] == pytest.approx(0.01 / (0.01 + 0.1 * 0.99))
    assert row["low"] < row["value"] == row["high"]
    assert [(one["base_rate"], one["set"]) for one in worth_rows(own, None)] == [(base, False) for base in ASSUMED]
    silent = worth_rows(claim(shift=0.0, members=400, non_members=400), 0.01)[0]
    assert silent["low"] < 0.01 < silent["high"]


def test_a_low_curve_takes_99_non_members_and_falls_to_one_in_100():
    assert low_roc_rows(claim(non_members=98)) == []
    rows = low_roc_rows(claim(non_members=99))
    rates = [row["fpr"] for row in rows]
    assert rates == sorted(rates) and rates[0] == 0.01 and rates[-1] == 0.99
    assert all(row["tpr_low"] <= row["tpr"] <= row["tpr_high"] for row in rows)
    several = claim(non_members=99)
    both = ScoredPatients("a", "b", several.patients, np.stack([several.scores] * 2), np.stack([several.roles] * 2))
    assert low_roc_rows(both) == []


def test_tables_are_of_the_first_test_that_was_named_before_the_run():
    first, second = claim(primary=False, attack="gradient"), claim()
    found = scored_tables([first, second], levels([(first.key, False), (second.key, True)]), None)
    assert {*found} == {"roc", "auc_power", "guess_worth"} and {row["attack"] for row in found["roc"]} == {
        "gradient",
        "output",
    }
    assert {row["attack"] for row in found["auc_power"]} == {"output"}
    assert {*scored_tables([first], levels([(first.key, False)]), None)} == {"roc"}
    assert scored_tables([], {}, None) == {"roc": []}


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_a_base_rate_is_a_share_that_is_neither_none_nor_all(rate):
    with pytest.raises(RemnantError, match="base_rate"):
        AuditConfig.checked(base_rate=rate)


def results(**tables):
    return audit_results(tables=audit_results().tables | single_patients() | reaching() | tables)


def test_the_page_says_power_floor_ceiling_and_worth(tmp_path):
    page = render_audit(tmp_path, results(epsilon=[{"epsilon_high": 3.3}, {"epsilon_high": 2.1}]))
    assert "would have seen an AUC of 0.65 four times in five. Of 4 times as many patients it would be 0.50." in page
    assert "60 non-members bound no false positive rate below 0.049" in page
    assert "No epsilon above 3.30 could be shown of so many patients" in page
    assert "nobody has set (<code>base_rate</code>)" in page and "if 0.01, 0.50 [0.40, 0.80]" in page
    own = [row | {"set": True} for row in reaching()["guess_worth"][1:]]
    said = render_audit(tmp_path, results(guess_worth=own))
    assert "If 0.01 of those who are asked about are members, 0.50 [0.40, 0.80] of those told" in said
    assert "base_rate" not in said.partition("Settings")[0] and "No epsilon" not in said


def test_why_there_is_no_curve_at_low_rates_is_said(tmp_path):
    page = render_audit(tmp_path, results(roc_low=[]))
    assert "No curve is drawn: of 60 non-members none is as low as 1%, which takes 99." in page
    assert "Shaded: the 95% interval of the first." in render_audit(tmp_path, results())


def test_what_a_guess_is_worth_goes_with_the_rate_that_it_is_reckoned_from():
    """9 of 60 members are few, and the positive predictive value gives them back."""
    few = finding(statistic="tpr_at_10_fpr", value=0.15, low=0.05, high=0.3, null=0.1, detectable=None)
    told = told_outside(audit_results(findings=[finding(), few], tables=reaching()))
    assert all(row["value"] is None and row["low"] is None for row in told.tables["guess_worth"])
    assert told.tables["auc_power"] and all(row["power"] is not None for row in told.tables["auc_power"])
    many = few.model_copy(update={"value": 0.7})
    told = told_outside(audit_results(findings=[finding(), many], tables=reaching()))
    assert all(row["value"] is not None and row["fpr"] == 0.1 for row in told.tables["guess_worth"])


def test_a_curve_at_low_rates_goes_whole_where_a_point_of_it_is_of_few():
    rows = reaching()["roc_low"]
    assert "roc_low" not in told_outside(results()).tables
    gone = [text for section in told_outside(results()).sections for text in section.text if "low false" in text]
    assert gone == ["Left out: ROC curves at low false positive rates."]
    many = [row | {"tpr": 0.3 + row["fpr"] / 5} for row in rows]
    assert len(told_outside(results(roc_low=many)).tables["roc_low"]) == len(rows)
