"""Tables of membership by the model's own output: Holm over all targets, a row of the blind baseline, the verdicts."""

from dataclasses import replace

import numpy as np
import pytest

from remnant.base.results import matching
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.report.tables import build
from remnant.studies.membership_tables import ByOutput, membership_section, membership_tables

ROLES = np.repeat([MEMBER, NON_MEMBER], 20)


def targets(*shifts):
    random = np.random.default_rng(0)

    def test(shift):
        return membership_test(random.normal(shift * (ROLES == MEMBER)), ROLES, np.random.default_rng(1))

    return {
        f"t{i}": ByOutput({"margin": test(shift), "correct": test(shift)}, test(0)) for i, shift in enumerate(shifts)
    }


def test_p_values_hold_for_all_targets_together():
    found = membership_tables(targets(3, 0, 0))
    rows = matching(found["membership"], {"target": "t0", "signal": "margin"})
    assert (
        rows[0]["holm_p"] == pytest.approx(min(1, 6 * rows[0]["p"]), rel=1e-6) or rows[0]["holm_p"] > rows[0]["p"] * 4
    )
    assert [row["outcome"] for row in found["membership_verdicts"]] == ["shown", "not shown", "not shown"]
    blind = matching(found["membership"], {"signal": "blind"})
    assert len(blind) == 3 and all(row["holm_p"] is None for row in blind)


def test_a_look_that_alone_would_show_does_not_where_many_were_looked_at():
    weak = 0.75
    alone, among = (
        membership_tables(targets(weak, *others))["membership_verdicts"][0]["outcome"] for others in ((), (0,) * 12)
    )
    assert (alone, among) == ("shown", "not shown")


def test_what_is_detectable_is_so_in_the_design_of_the_row_and_after_its_adjustment():
    """Patients who trade places between two targets: an AUC that is significant may not lie far below the detectable one."""
    random, roles = np.random.default_rng(0), np.stack([ROLES, -ROLES])
    scores = random.normal(size=roles.shape) + 4 * random.normal(size=len(ROLES)) + 1.5 * (roles == MEMBER)
    test = membership_test(scores, roles, random)
    tables = membership_tables({"t": ByOutput({"dice": test, "cross_entropy": test}, test)})
    row, _, blind = tables["membership"]
    assert row["holm_p"] < 0.001 and row["auc"] > row["detectable"] - 0.05
    assert row["detectable"] == test.detectable(0.025)
    assert blind["detectable"] == test.detectable(0.1)  # the p of the blind baseline is one-sided
    silent = replace(test, p=0.5)
    (verdict,) = membership_tables({"t": ByOutput({"dice": silent, "cross_entropy": silent}, silent)})[
        "membership_verdicts"
    ]
    assert f"an AUC of {row['detectable']:.2f} four times in five" in verdict["sentence"]


def test_the_section_shows_what_the_tables_have():
    section = membership_section()
    table = build(membership_tables(targets(3))["membership"], section.table)
    assert table.rows[0][1].text == "signed margin of the true class" and "[" in table.rows[0][2].text
    assert table.rows[2][1].text == "a classifier that never saw the model"
