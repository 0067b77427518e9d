"""The claims on all targets, judged together: who is exposed, by which family of tests, and what controls have to say."""

from dataclasses import replace

import numpy as np
import pytest
from tests.studies.lee2025.example import LEAKS, claims, controls

from remnant.audit.verdict.outcome import LEVEL
from remnant.base.findings import Control
from remnant.base.seeds import Seeds
from remnant.studies.lee2025.exposure import controls_of, exposure_of, mitigation_rows

FEW = ("cnn", "cnn_planted")


def weak(targets=FEW, leaks=LEAKS, known=None, **given):
    """Everything on these targets by their answers alone, which takes no time."""
    made = claims(targets, attacks=(), leaks=leaks, **given)
    return exposure_of(made, known or controls(targets, attacks=()), Seeds(0))


def test_who_leaks_is_exposed_and_who_does_not_is_not(exposure):
    assert exposure.targets == ["cnn", "cnn_overfit"] and exposure.exposed == ["cnn_overfit"] and exposure.seen
    shown = {(one.target, one.attack) for one in exposure.findings if one.outcome == "exposed"}
    assert shown == {(target, attack) for target in ("cnn_overfit", "cnn_planted") for attack in ("output", "joint")}
    assert all(
        one.adjusted_p <= LEVEL and one.low > one.null for one in exposure.of("cnn_overfit") if one.outcome == "exposed"
    )


def test_silence_counts_since_the_planted_cnn_is_seen_by_the_same_attacks(exposure):
    told = {(one.attack, one.statistic): one.outcome for one in exposure.of("cnn")}
    assert told["output", "auc"] == told["joint", "gain"] == "not shown"
    assert exposure.controls["cnn"][-6:] == exposure.answers == exposure.told_controls["every target"]
    assert not any(one in exposure.answers for one in exposure.told_controls["cnn"])
    assert {(one.kind, one.attack, one.passed) for one in exposure.answers} == {
        ("planted", "output", True),
        ("null", "output", True),
        ("planted", "joint", True),
        ("planted", "published", False),
        ("null", "published", True),
        ("null", "joint", True),
    }
    assert "a CNN trained on 8 images for very long" in exposure.answers[0].sentence


def test_an_attack_that_misses_the_planted_cnn_clears_nobody():
    blind = LEAKS | {"cnn_planted": (0.0, 0.0)}
    assert {one.outcome for one in weak(leaks=blind).of("cnn")} == {"attack too weak"}
    assert "not shown" in {one.outcome for one in weak().of("cnn")}


def test_answers_of_a_network_that_was_never_trained_must_tell_nobody():
    alarm = LEAKS | {"cnn_untrained": (0.0, 3.0)}
    found = weak((*FEW, "cnn_untrained"), leaks=alarm)
    assert {one.outcome for one in found.of("cnn")} == {"not testable"}


def test_controls_are_a_family_of_their_own_and_change_no_p():
    alone, beside = weak(("cnn", "cnn_overfit")), weak(("cnn", "cnn_overfit", "cnn_overfit_swapped"))
    for target in ("cnn", "cnn_overfit"):
        ps = [{(one.view, one.statistic): one.adjusted_p for one in found.of(target)} for found in (alone, beside)]
        assert ps[0] == ps[1]
    assert beside.exposed == alone.exposed == ["cnn_overfit"]
    # Each further target that is judged is a test more.
    more = weak(("cnn", "cnn_overfit", "vit"))
    key = ("cnn_overfit", "signed margin", "tpr_at_10_fpr")

    def p(found):
        return next(one.adjusted_p for one in found.findings if (one.target, one.view, one.statistic) == key)

    assert p(more) > p(alone)


def test_a_target_s_numbers_do_not_depend_on_which_others_there_are():
    made = claims(("vit", "cnn"), attacks=())
    alone, among = (
        exposure_of({name: made[name] for name in names}, controls(names, attacks=()), Seeds(0))
        for names in (("cnn",), ("vit", "cnn"))
    )
    values = [
        {(one.view, one.statistic): (one.value, one.low, one.p) for one in found.of("cnn")} for found in (alone, among)
    ]
    assert values[0] == values[1] and {one.target for one in among.findings} == {"cnn", "vit"}


def test_without_a_planted_target_nobody_knows_whether_it_would_have_been_seen():
    found = weak(("cnn",))
    assert found.seen is None and {one.outcome for one in found.of("cnn") if one.primary} == {"power unknown"}


def test_each_target_has_the_blind_baseline_of_its_source_and_its_own_attacks_controls():
    told = {"value": 0.5, "n": 80, "p": 0.5, "passed": True}
    blind = {
        source: Control(kind="blind", claim="patient_scores", sentence=source, **told).model_dump()
        for source in ("private", "public")
    }
    null = Control(kind="null", attack="joint", claim="candidates", sentence="own", **told).model_dump()
    cells = {f"blind-{source}": {"controls": [one]} for source, one in blind.items()}
    cells |= {f"attack-{target}-joint": {"controls": [null]} for target in ("cnn", "within_cnn")}
    made = claims(("cnn", "within_cnn"), attacks=("joint",))
    found = controls_of(cells, made | {"vit": replace(made["cnn"], near={})})
    assert [(one.claim, one.sentence) for one in found["within_cnn"]] == [
        ("patient_scores", "public"),
        ("candidates", "public"),
        ("candidates", "own"),
    ]
    assert [(one.claim, one.sentence) for one in found["vit"]] == [("patient_scores", "private")]


@pytest.mark.parametrize(("balanced", "comparable"), [(0.7, True), (0.69, False), (None, False)])
def test_what_learned_too_little_is_not_compared(balanced, comparable):
    made = claims(("cnn", "cnn_overfit", "cnn_dropout"), attacks=())
    trained = {"cnn": {"balanced": balanced}, "cnn_overfit": {"balanced": 0.8}, "cnn_dropout": {"balanced": 0.8}}
    rows = mitigation_rows(made, trained, Seeds(0))
    assert [(row["target"], row["comparable"]) for row in rows] == [("cnn", comparable), ("cnn_dropout", True)]
    assert np.all([row["holm_p"] >= row["p"] for row in rows])
    assert mitigation_rows(claims(("cnn",), attacks=()), trained, Seeds(0)) == []
