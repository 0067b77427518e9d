"""Rows of findings from scores a patient, against curves of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.tables import roc_rows
from remnant.audit.verdict.family import PARTS, adjusted, levels, levels_of, parts_of
from remnant.base.findings import Finding
from remnant.measure.advantage import advantage_p, membership_advantage
from remnant.measure.auc import detectable_auc, mann_whitney_auc
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.measure.tpr import true_positive_rate


def claim(members, others):
    scores = np.concatenate([members, others])
    names = tuple(f"p{place}" for place in range(len(scores)))
    return ScoredPatients("loss", "output", names, scores, np.repeat([MEMBER, NON_MEMBER], [len(members), len(others)]))


def findings(one):
    rows = membership_rows([one], {one.key: 0.05}, np.random.default_rng(0))
    return {row.statistic: row for row in rows}


def test_true_positives_of_a_signal_of_few_values_lie_on_its_curve():
    right = claim(np.repeat([1.0, 0.0], [57, 3]), np.repeat([1.0, 0.0], [40, 20]))
    false, true, _ = roc_curve(right.roles == MEMBER, right.scores, drop_intermediate=False)
    found = findings(right)["tpr_at_10_fpr"]
    assert found.value == pytest.approx(np.interp(0.1, false, true), abs=0.01) and found.low < 0.1425 < found.high
    curve = roc_rows(right)
    rates = [row["fpr"] for row in curve]
    assert [row["tpr"] for row in curve] == pytest.approx(np.interp(rates, false, true))


def test_each_statistic_has_its_own_p():
    """A fifth of the members far out, the others a little lower, so that the AUC is one half."""
    draw = np.random.default_rng(1)
    members = np.where(np.arange(200) < 40, draw.normal(5, 0.5, 200), draw.normal(-0.45, 1, 200))
    found = findings(claim(members, draw.normal(0, 1, 200)))
    assert found["auc"].p > 0.05 and found["advantage"].p < 1e-3 and found["tpr_at_10_fpr"].p < 1e-3
    reverse = findings(claim(members - 9, draw.normal(0, 1, 200)))
    assert reverse["tpr_at_10_fpr"].p > 0.5


def test_a_few_members_who_are_told_for_certain_are_seen_where_non_members_are_many():
    """30 of 1,000, which neither AUC, advantage nor the rate at 10% FPR see."""
    draw = np.random.default_rng(4)
    members, others = draw.normal(0, 1, 1000), draw.normal(0, 1, 1000)
    members[:30] = 9
    found = findings(claim(members, others))
    far = found["tpr_at_lowest_fpr"]
    assert far.null == pytest.approx(1 / 1001) and far.value == pytest.approx(0.03, abs=0.002) and far.p < 1e-6
    assert 10 * far.null < far.bound_low < far.low < far.value < far.high
    assert far.detectable == 0.01  # 3 times one half to the 10th
    assert min(row.p for row in found.values() if row is not far) > 0.01
    assert "tpr_at_lowest_fpr" not in findings(claim(members, others[:98]))


def test_the_level_of_a_claim_is_dealt_out_to_its_statistics_and_passed_on():
    draw = np.random.default_rng(2)
    one = claim(draw.normal(2, 1, 100), draw.normal(0, 1, 90))
    assert sum(PARTS.values()) == pytest.approx(1) and levels([(one.key, True)]) == {one.key: 0.01}
    rows = {row.statistic: row for row in adjusted(list(findings(one).values()))}
    assert all(row.bound_low < row.low for row in rows.values())
    smallest = min(rows.values(), key=lambda row: row.p / PARTS[row.statistic])
    parts = parts_of(list(rows))
    assert sum(parts.values()) == pytest.approx(1) and len(parts) == len(PARTS) - 1
    assert smallest.adjusted_p == pytest.approx(smallest.p / parts[smallest.statistic])
    assert all(row.p <= row.adjusted_p <= 4 * max(one.p for one in rows.values()) for row in rows.values())


def test_attacks_that_draw_images_take_nothing_from_what_a_limit_is_held_against():
    claims = [(("output", "loss", ""), True), *(((name, "a view", ""), False) for name in ("gradient", "attributes"))]
    spaces = ("in the network's features", "by SSIM")

    def dealt(*names):
        return levels(claims, [(name, space, "") for name in names for space in spaces])

    one, five = dealt("joint"), dealt("joint", "gmi", "pixels", "published", "per_class")
    assert sum(one.values()) == pytest.approx(0.01) == sum(five.values())
    for key, primary in claims:
        share = pytest.approx(0.005 if primary else 0.005 / 4)
        assert one[key] == share and five[key] == share
    assert one["joint", "by SSIM", ""] == pytest.approx(0.005 / 4)
    assert [five[key] for key in five if key[1] in spaces] == pytest.approx([0.005 / 20] * 10)


def test_p_after_holm_is_by_the_same_shares():
    def drawn(attack, view, **other):
        told = {"target": "model", "attack": attack, "view": view, "group": "", "n": 20, "value": 0.1, "null": 0.0}
        return Finding(**told | {"claim": "candidates", "statistic": "gain", "criterion": "singling out"} | other)

    found = [
        drawn(
            "output", "loss", claim="patient_scores", statistic="advantage", criterion="inference", primary=True, p=1
        ),
        drawn("gradient", "norm", claim="patient_scores", statistic="advantage", criterion="inference", p=1e-4),
        *(drawn(name, "by SSIM", p=1e-4 if name == "joint" else 1) for name in ("joint", "gmi", "pixels", "published")),
    ]
    after = {row.attack: row.adjusted_p for row in adjusted(found)}
    # A quarter of the level is the gradient's, and of the other quarter a fourth is each attack's.
    assert after["gradient"] == pytest.approx(1e-4 / 0.25)
    assert after["joint"] == pytest.approx(1e-4 / 0.0625 * 0.75)


def drawn(attack, **told):
    """A finding of one test alone."""
    base = {"target": "model", "view": "by SSIM", "group": "", "n": 20, "value": 0.1, "null": 0.0}
    base |= {"claim": "attributes", "statistic": "skill", "criterion": "inference"}
    return Finding(**base | {"attack": attack} | told)


def test_a_claim_of_several_statistics_has_no_more_of_the_level_than_one_of_a_single_one():
    """Half of the level each: of one half the AUC has 5 parts of 7, which the other claim takes over once they are rejected."""
    area, advantage = (drawn("output", statistic=name, p=0.9) for name in ("auc", "advantage"))
    found = adjusted([area, advantage, drawn("sex", p=0.01)])
    assert found[2].adjusted_p == pytest.approx(0.02)
    turned = adjusted([area.model_copy(update={"p": 0.01}), advantage, drawn("sex", p=0.9)])
    assert turned[0].adjusted_p == pytest.approx(0.01 / (0.5 * 5 / 7))


def test_p_after_holm_is_a_bound_where_one_decides_it_by_its_share():
    """The first of half of the level is at most 0.04, and less where the second, whose p may be any smaller, is before it."""
    first, second = drawn("output", p=0.02, primary=True), drawn("sex", p=0.013, p_bound=True)
    found = adjusted([first, second, drawn("age", p=0.9)])
    assert [row.adjusted_p for row in found] == pytest.approx([0.04, 0.04, 0.9])
    assert [row.p_bound for row in found] == [True, True, False]
    untested = drawn("site", p=None)
    assert adjusted([first, untested])[1] == untested


def test_primary_claims_share_half_of_the_level():
    names = [(name, "", "") for name in ("one", "two", "other")]
    found = levels([(names[0], True), (names[1], True), (names[2], False)])
    assert list(found.values()) == pytest.approx([0.0025, 0.0025, 0.005])


def test_the_same_claim_on_two_targets_is_two_tests():
    def drawn(target, p):
        told = {"attack": "inversion", "view": "latents", "group": "", "n": 20, "value": 0.1, "null": 0.0, "p": p}
        told |= {"claim": "reconstructions", "statistic": "rank1", "criterion": "singling out"}
        return Finding(target=target, **told)

    assert [row.adjusted_p for row in adjusted([drawn("one", 1e-4), drawn("other", 0.5)])] == pytest.approx([2e-4, 0.5])
    key = ("inversion", "latents", "")
    assert levels_of({"one": [(key, False)], "other": [(key, False)]}) == {"one": {key: 0.005}, "other": {key: 0.005}}
    near = {target: [(name, "by SSIM", "") for name in ("joint", "gmi")] for target in ("one", "other")}
    dealt = levels_of({}, near)
    assert all(share == pytest.approx(0.01 / 4) for own in dealt.values() for share in own.values())


def test_the_share_of_pairs_with_one_score_is_in_every_row():
    coarse = findings(claim(np.repeat([1.0, 0.0], [9, 3]), np.repeat([1.0, 0.0], [6, 6])))
    assert {row.tied for row in coarse.values()} == {0.5} and coarse["auc"].coarse
    fine = findings(claim(np.arange(12.0), np.arange(12.0) + 0.5))
    assert {row.tied for row in fine.values()} == {0.0} and not fine["auc"].coarse


def test_of_fewer_than_ten_patients_a_group_no_row_has_an_interval():
    few = findings(claim(np.arange(9) + 20.0, np.arange(40.0)))
    for row in few.values():
        assert row.low is None and row.high is None and row.bound_low is None and 0 < row.p <= 1
    enough = findings(claim(np.arange(10) + 20.0, np.arange(40.0)))
    assert all(row.low < row.high and row.bound_low is not None for row in enough.values())


def test_a_row_says_whom_it_is_of_and_what_its_measures_say():
    draw = np.random.default_rng(5)
    members, others = draw.normal(1, 1, 30), draw.normal(0, 1, 20)
    one = claim(members, others)
    seeds = np.random.default_rng(0)
    test, told = membership_test(one.scores, one.roles, seeds), membership_advantage(members, others, seeds)
    own = {name: 0.05 * part for name, part in parts_of(["auc", "advantage", "tpr_at_10_fpr"]).items()}
    found = findings(one)
    assert list(found) == list(own)
    for row in found.values():
        assert (row.target, row.n, row.counts) == ("model", 50, "30 members, 20 non-members")
        assert row.group == "members against non-members" and row.fewest is None and row.tied == 0
    area = found["auc"]
    assert area.value == pytest.approx(roc_auc_score(one.roles == MEMBER, one.scores)) and area.null == 0.5
    assert (area.p, area.p_bound) == (test.p, test.p_bound)
    assert area.detectable == pytest.approx(detectable_auc(30, 20, alpha=own["auc"]))
    assert (
        area.bound_low == pytest.approx(mann_whitney_auc(members, others, 1 - own["auc"]).low)
        and area.bound_low < area.low
    )
    advantage = found["advantage"]
    assert advantage.null == 0 and advantage.p == pytest.approx(advantage_p(members, others))
    assert (
        advantage.bound_low == pytest.approx(told.interval(1 - own["advantage"]).low)
        and advantage.bound_low < advantage.low
    )
    rate = found["tpr_at_10_fpr"]
    wide = true_positive_rate(members, others, 0.1, 1 - own["tpr_at_10_fpr"])
    assert rate.null == 0.1 and rate.bound_low == pytest.approx(wide.low)
    (other,) = {row.target for row in membership_rows([one], {one.key: 0.05}, np.random.default_rng(0), "defended")}
    assert other == "defended"


def test_patients_who_change_places_between_networks_are_one_test_of_all_networks():
    draw, own = np.random.default_rng(0), np.arange(24) % 3
    roles = np.stack(
        [np.where(own == fold, MEMBER, np.where(own == (fold + 1) % 3, NON_MEMBER, OTHER)) for fold in range(3)]
    )
    scores = draw.normal(size=roles.shape) + 2 * (roles == MEMBER)
    names = tuple(f"p{place}" for place in range(24))
    one = ScoredPatients("output", "loss", names, scores, roles)
    (row,) = membership_rows([one], {one.key: 0.005}, np.random.default_rng(0), "unet")
    test = membership_test(scores, roles, np.random.default_rng(0))
    wide = mann_whitney_auc(scores[roles == MEMBER], scores[roles == NON_MEMBER], 0.995, test.design_effect)
    assert row.bound_low == pytest.approx(wide.low)
    assert test.design_effect != 1 and (row.statistic, row.n, row.counts) == ("auc", 24, "24 members, 24 non-members")
    assert (row.value, row.low, row.p) == (test.auc.mean, test.auc.low, test.p) and row.bound_low < row.low
    assert row.detectable == pytest.approx(detectable_auc(24, 24, alpha=0.005, design_effect=test.design_effect))
    # Of the patients who are asked about, those without a role in any network are none.
    (fewer,) = membership_rows(
        [ScoredPatients("output", "loss", names, scores[:1], roles[:1])], {one.key: 0.005}, np.random.default_rng(0)
    )
    assert fewer.n == 16


def test_a_p_that_is_a_bound_says_so():
    apart = claim(np.arange(100, 400.0), np.arange(-300.0, 0))
    assert (
        findings(apart)["auc"].p_bound == membership_test(apart.scores, apart.roles, np.random.default_rng(0)).p_bound
    )


@pytest.mark.parametrize(
    ("members", "others", "fewest"),
    [
        (np.repeat([1.0, 0.0], [57, 3]), np.repeat([1.0, 0.0], [40, 20]), 3),
        # Ten values give a table back, in which none beside some is a cell, too, and eleven do not.
        (np.repeat(np.arange(5.0), 4), np.repeat(np.arange(5.0, 10), 6), 0),
        (np.repeat(np.arange(5.0), 4), np.repeat(np.arange(5.0, 11), 6), None),
        # So do more where many pairs share one: more than a tenth, here just that and then more.
        (np.r_[np.repeat(np.arange(5.0), 2), np.arange(10.0, 20)], np.repeat(np.arange(5.0), 2), None),
        (np.r_[np.repeat(np.arange(5.0), 2), np.arange(10.0, 19)], np.repeat(np.arange(5.0), 2), 0),
    ],
)
def test_the_smallest_cell_is_told_of_scores_that_give_a_table_back(members, others, fewest):
    assert {row.fewest for row in findings(claim(members, others)).values()} == {fewest}


def test_a_claim_of_some_patients_is_of_these_alone():
    one = claim(np.arange(3.0), np.arange(3.0, 5))
    some = one.only(np.array([True, False, False, False, True]))
    assert (some.patients, some.scores.tolist(), some.roles.tolist()) == (
        ("p0", "p4"),
        [0.0, 4.0],
        [MEMBER, NON_MEMBER],
    )
    assert some.key == one.key
    for taken in ([True] * 4, [True] * 6):
        with pytest.raises(IndexError):
            one.only(np.array(taken))
