"""Tests dealt together: the same level, less of it wasted, and nothing of it where tests do not hang together."""

import numpy as np
import pytest
from tests.audit.test_reach import claim
from tests.report.example_audit import audit_results

from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.together import dealt_together, joint_rows
from remnant.audit.verdict.family import DealtTests, adjusted, levels
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.report.audit import render_audit
from remnant.report.egress import told_outside


def views(seed, count=6, patients=60, shift=0.0, common=0.9):
    """Claims that are mostly one score with a little noise each; the first is primary."""
    draw = np.random.default_rng(seed)
    roles = draw.permuted(np.repeat([MEMBER, NON_MEMBER], patients // 2))
    score = draw.normal(size=patients) + shift * (roles == MEMBER)
    names = tuple(map(str, range(patients)))
    noise = (1 - common**2) ** 0.5
    return [
        ScoredPatients("attack", f"view {k}", names, common * score + noise * draw.normal(size=patients), roles, k == 0)
        for k in range(count)
    ]


def rows_of(claims, seed=0):
    level = levels([(one.key, one.primary) for one in claims])
    return membership_rows(claims, level, np.random.default_rng(seed))


def both(claims, seed=0):
    rows = rows_of(claims, seed)
    return adjusted(rows), adjusted(rows, together=dealt_together(claims, np.random.default_rng(seed)))


def test_correlated_tests_lose_less_than_by_holm_and_the_order_is_kept():
    holm, jointly = both(views(1, shift=0.9))
    smaller = [(one.adjusted_p, two.adjusted_p) for one, two in zip(holm, jointly, strict=True) if one.adjusted_p < 0.5]
    assert len(smaller) > 5 and all(two < 0.9 * one for one, two in smaller)
    assert all(two.adjusted_p >= two.p for two in jointly)
    assert [one.model_copy(update={"adjusted_p": None, "p_bound": False}) for one in holm] == [
        one.model_copy(update={"adjusted_p": None, "p_bound": False}) for one in jointly
    ]


@pytest.mark.slow
@pytest.mark.parametrize("common", [0.0, 0.9])
def test_of_two_hundred_audits_without_a_leak_as_many_are_flagged_as_the_level_says(common):
    flagged = [min(one.adjusted_p for one in both(views(seed, patients=30, common=common))[1]) for seed in range(200)]
    # Binomial, three standard errors above it.
    assert np.mean([p <= 0.05 for p in flagged]) <= 0.05 + 3 * (0.05 * 0.95 / 200) ** 0.5


def test_a_clear_leak_is_shown_and_none_is_not():
    assert min(one.adjusted_p for one in both(views(0, patients=30, shift=3.0))[1]) <= 0.01
    assert min(one.adjusted_p for one in both(views(1, patients=30))[1]) > 0.05


def test_where_no_deal_falls_so_low_p_is_a_bound():
    first = both(views(0, shift=50.0))[1][0]
    assert first.p_bound and first.adjusted_p == pytest.approx(1 / 20_001)
    assert not both(views(0))[1][0].p_bound


def test_tests_of_other_patients_are_added_as_by_holm():
    """A claim on other patients is no part of the deals: a level is kept for it, and its own p takes what is left."""
    claims = views(2, count=3, shift=0.8)
    other = claim(members=40, non_members=40, shift=0.0, primary=False, attack="elsewhere")
    rows = rows_of([*claims, other])
    dealt = dealt_together([*claims, other], np.random.default_rng(0))
    assert {key[1][0] for key, _ in dealt.tests} == {"attack"} and dealt.dealt.shape == (20_000, 9)
    alone, beside = (adjusted(some, together=dealt) for some in (rows[: len(rows) - 3], rows))
    assert beside[0].adjusted_p > alone[0].adjusted_p
    assert beside[-1].adjusted_p > 0.05


def test_one_claim_and_claims_on_several_networks_are_not_dealt_together():
    one = claim()
    assert (
        dealt_together([one], np.random.default_rng(0)) is None and dealt_together([], np.random.default_rng(0)) is None
    )
    several = ScoredPatients("folds", "", one.patients, np.stack([one.scores] * 2), np.stack([one.roles] * 2))
    assert dealt_together([several, several, one], np.random.default_rng(0)) is None


def test_a_test_without_p_is_none():
    claims = views(3, count=2, shift=0.5)
    rows = rows_of(claims)
    dealt = dealt_together(claims, np.random.default_rng(0))
    bare = [row.model_copy(update={"p": None}) if row.statistic == "advantage" else row for row in rows]
    after = adjusted(bare, together=dealt)
    assert [one.adjusted_p is None for one in after] == [one.p is None for one in bare]
    taken = [place for place, (_, statistic) in enumerate(dealt.tests) if statistic != "advantage"]
    fewer = DealtTests([dealt.tests[place] for place in taken], dealt.own[taken], dealt.dealt[:, taken])
    assert adjusted(bare, together=fewer) == after


def test_both_p_stand_in_the_annex_and_stay_in_the_house(tmp_path):
    holm, jointly = both(views(1, shift=0.9))
    table = joint_rows(holm, jointly)
    assert (
        len(table) == 18 and table[0]["holm_p"] == holm[0].adjusted_p and table[0]["joint_p"] == jointly[0].adjusted_p
    )
    results = audit_results(tables=audit_results().tables | {"joint_p": table})
    assert "p, each by itself and jointly" in render_audit(tmp_path, results)
    assert "joint_p" not in told_outside(results).tables
