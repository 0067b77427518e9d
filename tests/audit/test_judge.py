"""The rule of all verdicts: each line of it has a test that fails when the line changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit.judging import CLEAR, LIMIT, RECIPE, SILENT, SOUND, control, finding, told

from remnant.audit.findings.folds import NAME as FOLD_RANK
from remnant.audit.verdict.judge import verdict_of
from remnant.audit.verdict.needed import patients_that_tell
from remnant.audit.verdict.outcome import outcome_of
from remnant.audit.verdict.ruling import judged
from remnant.audit.verdict.scenario import unmeasured
from remnant.audit.verdict.words import against
from remnant.base.findings import Limit


def test_exposed_is_beyond_the_null_at_the_level_with_sound_controls():
    assert outcome_of(finding(), SOUND) == "exposed"
    assert outcome_of(finding(adjusted_p=0.01), SOUND) == "exposed"
    assert outcome_of(finding(adjusted_p=0.0101), SOUND) == "not shown"
    assert outcome_of(finding(low=0.0), SOUND) == "too few patients"
    assert outcome_of(finding(null=0.2, low=0.2), SOUND) == "too few patients"
    assert outcome_of(finding(low=0.0, adjusted_p=0.0101), SOUND) == "not shown"
    assert outcome_of(finding(null=0.1), SOUND) == "exposed"


def test_p_after_holm_decides_and_not_before():
    assert outcome_of(finding(p=0.001, adjusted_p=0.2), SOUND) == "not shown"


def test_few_patients_are_exposed_by_an_exact_test_and_cleared_by_none():
    few = {"n": 8, "low": None, "high": None, "bound_low": None}
    assert outcome_of(finding(**few), SOUND) == "exposed"
    assert outcome_of(finding(**few, adjusted_p=0.3), SOUND) == "too few patients"
    assert outcome_of(finding(**SILENT | {"n": 9}), SOUND) == "too few patients"
    assert outcome_of(finding(**SILENT | {"n": 10}), SOUND) == "not shown"
    assert outcome_of(finding(value=None), SOUND) == "too few patients"
    assert outcome_of(finding(adjusted_p=None), SOUND) == "too few patients"


@pytest.mark.parametrize("kind", ["blind", "null"])
def test_groups_that_differ_by_themselves_test_nothing(kind):
    broken = (control(kind, False), control("planted"))
    assert outcome_of(finding(), broken) == "not testable"
    assert outcome_of(finding(**SILENT), broken) == "not testable"
    assert outcome_of(finding(), (control(kind, None),)) == "exposed"


def test_an_attack_that_misses_its_planted_leak_is_too_weak_to_clear_and_may_still_expose():
    missed = (control("blind"), control("planted", False, "output"))
    assert outcome_of(finding(**SILENT), missed) == "attack too weak"
    assert outcome_of(finding(), missed) == "exposed"


def test_every_attack_that_missed_its_planted_leak_stands_in_the_reasons():
    missed = [
        control("planted", False, attack).model_copy(update={"sentence": f"Missed by {attack}."})
        for attack in ("output", "gradient", "able")
    ]
    sound = (control("blind"), control("planted", None, "none"), control("recipe", True, "able"))
    one = finding(**SILENT)
    one = one.model_copy(update={"outcome": outcome_of(one, missed)})
    found = verdict_of([LIMIT], [one], [*missed, *sound])
    assert [said for said in found.reasons if said.startswith("Missed")] == ["Missed by output.", "Missed by gradient."]


def test_who_sees_what_the_training_leaves_is_not_too_weak_and_who_sees_nothing_needs_the_copy():
    """The rule of a positive control at level d, line by line: the recipe passes or says nothing, and then the copy decides."""
    found, blind = finding(**SILENT), control("blind")
    for copy, recipe, outcome in (
        (True, True, "not shown"),
        (False, True, "not shown"),
        (True, None, "not shown"),
        (False, None, "attack too weak"),
    ):
        assert outcome_of(found, (blind, control("planted", copy, "output"), RECIPE[recipe])) == outcome
    # No copy can be trained on.
    assert outcome_of(found, (blind, RECIPE[True])) == "not shown"
    assert outcome_of(found, (blind, RECIPE[None])) == "power unknown"


def test_nothing_is_within_by_a_training_that_leaves_nothing_to_see_alone():
    clear, blind, copy = told(finding(**CLEAR)), control("blind"), control("planted", attack="output")
    assert judged(LIMIT, [clear], (blind, RECIPE[True])).ruling == "within"
    assert judged(LIMIT, [clear], (blind, RECIPE[None], copy)).ruling == "within"
    silent = judged(LIMIT, [clear], (blind, RECIPE[None]))
    assert (silent.ruling, silent.sentence) == ("cannot tell", RECIPE[None].sentence)
    missed = (blind, RECIPE[None], control("planted", False, "output"))
    assert judged(LIMIT, [clear], missed).sentence == "planted False."
    # A recipe that is seen shows nothing of the groups.
    assert judged(LIMIT, [clear], (RECIPE[True], copy)).sentence.startswith("No control showed")


def test_a_recipe_that_is_not_seen_fails_nothing():
    assert outcome_of(finding(), (control("blind"), RECIPE[None])) == "exposed"


def test_the_verdict_ends_with_what_the_same_training_tells():
    clear = told(finding(**CLEAR))
    weaker = control("recipe", True, "gradient").model_copy(update={"value": 0.45, "sentence": "Weaker."})
    for controls in ((*SOUND, RECIPE[None], weaker), (*SOUND, weaker, RECIPE[None])):
        found = verdict_of([LIMIT], [clear], controls)
        assert found.ruling == "within" and found.reasons[-1] == RECIPE[None].sentence and len(found.reasons) == 2
    assert verdict_of([LIMIT], [told(finding())], (*SOUND, weaker)).reasons[-1] == "Weaker."


def test_a_control_of_another_attack_says_nothing():
    other = (control("blind"), control("null", False, "gradient"), control("planted", False, "gradient"))
    assert outcome_of(finding(), other) == "exposed"
    assert outcome_of(finding(**SILENT), other) == "power unknown"


@pytest.mark.parametrize(
    "controls",
    [
        (),
        (control("blind"),),
        (control("blind"), control("planted", None, "output")),
        (control("blind"), control("planted", True, "gradient")),
        (control("blind"), control("planted", None, "output"), RECIPE[None]),
    ],
)
def test_silence_of_an_attack_whose_power_no_control_showed_is_not_said_to_show_nothing(controls):
    """ "Not shown" means that the attack could have succeeded and did not."""
    assert outcome_of(finding(**SILENT), controls) == "power unknown"
    assert outcome_of(finding(), controls) == "exposed"
    # Of whom too few are left, or who is seen too coarsely, that is what is said.
    assert outcome_of(finding(**SILENT | {"n": 9}), controls) == "too few patients"
    assert outcome_of(finding(**SILENT, tied=0.2), controls) == "attack too weak"
    # The power of the fold-rank test is computed, and stands in a table.
    assert outcome_of(finding(**SILENT, attack=FOLD_RANK), controls) == "not shown"
    clear = finding(**CLEAR)
    rulings = {
        judged(LIMIT, [told(clear, own)], own).ruling for own in (controls, (*controls, control("planted", None)))
    }
    assert rulings == {"cannot tell"}


def test_a_control_of_another_claim_says_nothing():
    broken = control("blind", False).model_copy(update={"claim": "reconstructions"})
    assert outcome_of(finding(), (broken,)) == "exposed"
    assert outcome_of(finding(claim="reconstructions"), (broken,)) == "not testable"


def test_scores_of_few_values_expose_and_clear_nobody():
    coarse, fine = {"tied": 0.11}, {"tied": 0.1}
    assert outcome_of(finding(**coarse), SOUND) == "exposed"
    assert outcome_of(finding(**SILENT, **coarse), SOUND) == "attack too weak"
    assert outcome_of(finding(**SILENT, **fine), SOUND) == "not shown"
    alone = judged(LIMIT, [told(finding(**CLEAR, **coarse))], SOUND)
    assert alone.ruling == "cannot tell" and "11%" in alone.sentence and "unrounded" in alone.sentence
    # Beside a finer one it takes nothing away, and adds nothing.
    both = [told(finding(**CLEAR, **coarse)), told(finding(**CLEAR, **fine, view="finer"))]
    assert judged(LIMIT, both, SOUND).ruling == "within"


@pytest.mark.parametrize("few_values", [{"tied": 0.6}, {"tied": 0.1, "fewest": 4}])
def test_of_several_above_the_limit_the_finest_is_told(few_values):
    """A coarse number gives a table with small cells back, which may not leave the house, and finer ones tell as much."""
    coarse = told(finding(view="right or wrong", bound_low=0.3, **few_values))
    fine = [told(finding(view=f"view {low}", bound_low=low, tied=0.0)) for low in (0.06, 0.2)]
    found = judged(LIMIT, [coarse, *fine], SOUND)
    assert (found.ruling, found.finding) == ("outside", 2) and "view 0.2" in found.sentence
    # Where a finer one is not above by itself, the coarse one decides as before.
    silent = told(finding(**SILENT, view="margin"))
    assert [judged(LIMIT, found, SOUND).finding for found in ([coarse, silent], [silent, coarse])] == [0, 1]
    wide = Limit(name="membership_advantage", statistic="advantage", value=0.5, origin="a test")
    beside = judged(wide, [coarse, fine[1], told(finding(**CLEAR))], SOUND)
    assert beside.ruling == "within" and "view 0.2" in beside.sentence and "right or wrong" not in beside.sentence
    unheld = {"claim": "attributes", "statistic": "skill"}
    reasons = verdict_of([LIMIT], [one.model_copy(update=unheld) for one in (coarse, fine[1])], SOUND).kept_open
    assert len(reasons) == 1 and "view 0.2" in reasons[0]


def test_scores_of_few_values_are_not_the_number_shown_where_finer_ones_are():
    def shown(controls=SOUND, **fine):
        coarse = told(finding(view="right or wrong", tied=0.6, **SILENT | {"high": 0.2}))
        return judged(LIMIT, [coarse, told(finding(**SILENT | fine))], controls)

    assert shown().finding == 1 and "Its interval lies on both sides of the limit" in shown().sentence
    assert shown(controls=()).finding == 1
    # Where they alone keep it open, theirs is the number.
    assert shown(high=0.04, low=-0.02).finding == 0 and shown(high=0.04, low=-0.02).ruling == "cannot tell"
    below = told(finding(view="right or wrong", tied=0.6, **CLEAR | {"high": 0.045}))
    within = judged(LIMIT, [below, told(finding(**CLEAR))], SOUND)
    assert within.ruling == "within" and within.finding == 1


def test_what_is_above_a_limit_by_itself_is_not_said_to_lie_on_both_sides():
    alone = judged(LIMIT, [told(finding(low=0.06, bound_low=0.01))], SOUND)
    assert (
        alone.ruling == "cannot tell"
        and "above the limit of 0.05. A leak is shown; that it lies above by all tests together is not: its "
        "lower bound is 0.01. About 270 patients would tell whether it lies above the limit, if the estimate stays as it is."
        in alone.sentence
    )
    # What is exposed is no chance, wherever the bound lies; what is not exposed may be.
    assert "lower bound is −0.02. About" in judged(LIMIT, [told(finding(low=0.06, bound_low=-0.02))], SOUND).sentence
    silent = judged(LIMIT, [told(finding(low=0.06, bound_low=0.01, adjusted_p=0.2))], SOUND).sentence
    assert "With all tests counted together its lower bound is 0.01, so that it may be chance." in silent
    unadjusted = judged(LIMIT, [told(finding(adjusted_p=0.2))], SOUND)
    assert "above the limit of 0.05. With all tests counted together p = 0.20, so that it may" in unadjusted.sentence
    assert "on both sides of" in judged(LIMIT, [told(finding(low=0.05, bound_low=0.01))], SOUND).sentence


@pytest.mark.parametrize("planted", [False, None])
def test_an_exposure_that_is_not_surely_above_is_told_before_what_would_clear_nobody(planted):
    near, silent = told(finding(value=0.2, low=0.1, high=0.3, bound_low=0.04)), told(finding(**CLEAR | {"high": 0.5}))
    unfound = (control("blind"), control("planted", planted))
    found = judged(LIMIT, [silent, near], unfound)
    assert (found.ruling, found.finding, found.above, found.patients) == ("cannot tell", 1, True, 230)
    assert (
        "above the limit of 0.05. A leak is shown; that it lies" in found.sentence and "planted" not in found.sentence
    )
    # Of several it is told by the one that lies furthest above, and by one of many values.
    nearer = told(finding(view="loss", value=0.25, low=0.15, high=0.35, bound_low=0.045))
    assert judged(LIMIT, [near, nearer, silent], unfound).finding == 1
    few_values = nearer.model_copy(update={"fewest": 12})
    assert judged(LIMIT, [near, few_values, silent], unfound).finding == 0
    # Groups that nothing held against each other may differ by themselves, and at the limit itself nothing lies above.
    assert "alike" in judged(LIMIT, [near], (control("planted", planted),)).sentence
    for at in ({"low": 0.05}, {"adjusted_p": 0.2}):
        touching = told(near.model_copy(update=at), unfound)
        assert judged(LIMIT, [touching], unfound).sentence == f"planted {planted}."


def test_an_exposure_of_too_few_for_an_interval_is_told_before_controls_of_silence():
    few = told(finding(n=8, low=None, high=None, bound_low=None))
    found = judged(LIMIT, [told(finding(**CLEAR)), few], (control("blind"), control("planted", None)))
    assert (found.ruling, found.finding) == ("cannot tell", 1)
    assert found.sentence.startswith("Patients are exposed: membership advantage 0.30 (margin). 8 are too few")
    # The number beside the limit is the one beyond chance.
    rate = Limit(name="membership_tpr", statistic="tpr_at_10_fpr", value=0.05, origin="a test")
    few = told(finding(n=8, statistic="tpr_at_10_fpr", value=0.9, null=0.1, low=None, high=None, bound_low=None))
    said = judged(rate, [few], SOUND).sentence
    assert said.startswith(
        "Patients are exposed: true positive rate at 10% FPR 0.90 (0.10 by chance, 0.80 beyond; margin)."
    )


def test_a_leak_of_too_few_to_say_how_large_it_is_told_before_what_would_clear_nobody():
    """More patients would tell; that the groups are alike, which no exposure needs, would not."""
    wide = told(finding(value=0.8, low=-0.1, high=0.88, bound_low=-0.3))
    assert wide.outcome == "too few patients"
    for controls in ((), SOUND, (control("blind"), control("planted", False))):
        found = judged(LIMIT, [told(finding(**CLEAR)), wide], controls)
        assert (found.ruling, found.finding, found.above) == ("cannot tell", 1, True)
        assert (
            "Its interval lies on both sides of the limit of 0.05. A leak is shown, of too few patients"
            in found.sentence
        )
        assert found.sentence.endswith(
            "patients would tell whether it lies above the limit, if the estimate stays as it is."
        )
    # Below the limit, and beside what is exposed above it, it decides nothing.
    assert "alike" in judged(LIMIT, [wide.model_copy(update={"value": 0.05})], ()).sentence
    near = told(finding(value=0.2, low=0.1, high=0.3, bound_low=0.04))
    assert judged(LIMIT, [wide, near], SOUND).finding == 1
    # What is not shown is no leak, and groups that differ show nothing.
    silent = wide.model_copy(update={"adjusted_p": 0.2})
    assert "alike" in judged(LIMIT, [silent], ()).sentence
    differ = (control("blind", False),)
    assert judged(LIMIT, [told(wide, differ)], differ).sentence == differ[0].sentence


def test_how_many_would_tell_is_of_the_limit_that_may_be_passed():
    """The number that would show it outside, and not the one that would clear it of another limit."""
    near = told(finding(value=0.2, low=0.1, high=0.3, bound_low=0.04))
    far = told(finding(**SILENT | {"statistic": "tpr_at_10_fpr", "null": 0.1, "value": 0.12, "high": 0.3}))
    rate = Limit(name="membership_tpr", statistic="tpr_at_10_fpr", value=0.05, origin="a test")
    found = verdict_of([LIMIT, rate], [near, far], SOUND)
    held = {one.limit: one for one in found.judged}
    assert held["membership_advantage"].above and held["membership_advantage"].patients == 230
    assert found.sentence.endswith(
        "About 230 patients would tell whether it is outside, by membership advantage, if the estimate stays as it is."
    )
    assert verdict_of([rate], [far], SOUND).sentence.endswith(
        "patients would tell whether it is within, if the estimates stay as they are."
    )


def test_the_bound_that_decides_stands_beside_the_interval():
    """In as many digits as keep it apart from the limit."""
    outside = judged(LIMIT, [told(finding(value=0.5, low=0.34, high=0.7, bound_low=0.274))], SOUND).sentence
    assert outside.endswith("Its lower bound over all tests, 0.27, lies above the limit of 0.05.")
    close = judged(LIMIT, [told(finding(value=0.5, low=0.34, high=0.7, bound_low=0.0512))], SOUND).sentence
    assert close.endswith("Its lower bound over all tests, 0.051, lies above the limit of 0.05.")


@given(
    st.lists(
        st.tuples(*(st.floats(-0.2, 0.9) for _ in range(4)), st.sampled_from(["exposed", "not shown"])), max_size=4
    )
)
def test_only_whether_it_is_outside_is_said_to_be_open_where_no_data_so_near_would_be_within(drawn):
    """The words follow the intervals, and no ruling the words."""
    findings = [
        finding(value=value, low=low, high=high, bound_low=bound, outcome=outcome)
        for bound, low, value, high, outcome in ((*sorted(numbers), outcome) for *numbers, outcome in drawn)
    ]
    verdict = verdict_of([LIMIT], findings, SOUND)
    said = verdict.sentence.startswith("Cannot tell whether the model is outside")
    exposed = [one for one in findings if one.outcome == "exposed" and one.low > LIMIT.value]
    assert said == (verdict.ruling == "cannot tell" and bool(exposed))
    assert not exposed or verdict.ruling != "within"


def test_limits_are_told_beyond_chance_everywhere():
    rate = Limit(name="membership_tpr", statistic="tpr_at_10_fpr", value=0.05, origin="a test")
    found = judged(rate, [told(finding(statistic="tpr_at_10_fpr", null=0.1, bound_low=0.2))], SOUND)
    assert found.sentence.endswith("above the limit of 0.05 beyond chance.")


@pytest.mark.parametrize("statistic", ["rank1", "fold_rank"])
def test_a_share_of_many_is_told_in_the_singular(statistic):
    assert against(finding(statistic=statistic), LIMIT, "above").startswith("The share of ")


def test_a_few_who_are_told_for_certain_keep_a_model_from_being_within_and_no_limit_is_passed():
    few = told(
        finding(statistic="tpr_at_lowest_fpr", null=0.00025, value=0.0175, low=0.012, high=0.025, bound_low=0.01)
    )
    held = told(finding(**CLEAR))
    assert verdict_of([LIMIT], [held], SOUND).ruling == "within" and few.outcome == "exposed"
    found = verdict_of([LIMIT], [held, few], SOUND)
    assert found.ruling == "cannot tell" and "is 1.8% [1.2%, 2.5%], 0.025% by chance" in found.reasons[0]
    silent = few.model_copy(update={"outcome": "not shown"})
    assert verdict_of([LIMIT], [held, silent], SOUND).ruling == "within"
    assert verdict_of([LIMIT], [told(finding()), few], SOUND).ruling == "outside"
    # A mild leak of everybody puts members there two or three times as often, of whom many are false alarms.
    mild = few.model_copy(update={"value": 0.0008, "low": 0.0005})
    assert verdict_of([LIMIT], [held, mild], SOUND).ruling == "within"


def test_an_exposure_of_groups_that_nothing_held_against_each_other_says_so():
    outside = verdict_of([LIMIT], [told(finding(), ())], ())
    assert outside.ruling == "outside" and "No control showed that the groups are alike" in outside.reasons[1]
    assert len(verdict_of([LIMIT], [told(finding())], SOUND).reasons) == 1
    assert not any("alike, so" in one for one in verdict_of([LIMIT], [told(finding(**SILENT), ())], ()).reasons)


def test_what_is_exposed_and_no_limit_is_asked_of_keeps_the_verdict_open():
    clear = told(finding(**CLEAR))
    drawn = told(finding(claim="candidates", statistic="gain", attack="joint", view="by SSIM", value=0.4))
    found = verdict_of([LIMIT], [clear, drawn], SOUND)
    assert found.ruling == "cannot tell" and "sets no limit on it" in found.reasons[0]
    silent = told(finding(**SILENT, claim="candidates", statistic="gain", attack="joint"))
    assert verdict_of([LIMIT], [clear, silent], SOUND).ruling == "within"
    # The AUC of a claim is held by the limit on its advantage.
    area = told(finding(statistic="auc", null=0.5, value=0.53, low=0.51, high=0.55, bound_low=0.505))
    assert verdict_of([LIMIT], [clear, area], SOUND).ruling == "within"


def test_members_who_fare_worse_keep_every_limit_on_their_claim_open():
    """An advantage hardly shows that the groups are swapped, and an AUC does."""
    swapped = told(finding(statistic="auc", null=0.5, value=0.3, low=0.2, high=0.4))
    found = judged(LIMIT, [swapped, told(finding(**CLEAR))], SOUND)
    assert found.ruling == "cannot tell" and "swapped" in found.sentence
    other = swapped.model_copy(update={"view": "other"})
    assert judged(LIMIT, [other, told(finding(**CLEAR))], SOUND).ruling == "within"


def test_members_who_fare_worse_are_no_leak():
    assert outcome_of(finding(value=-0.1, low=-0.4, high=0.2), SOUND) == "not shown"
    assert outcome_of(finding(value=-0.3, low=-0.4, high=-0.2), SOUND) == "not testable"
    assert outcome_of(finding(value=-0.3, low=-0.4, high=-0.2, adjusted_p=0.5), SOUND) == "not shown"


def test_outside_is_above_the_limit_with_the_end_that_holds_for_all():
    assert judged(LIMIT, [told(finding())], SOUND).ruling == "outside"
    assert judged(LIMIT, [told(finding(bound_low=0.05))], SOUND).ruling == "cannot tell"
    assert judged(LIMIT, [told(finding(bound_low=0.051))], SOUND).ruling == "outside"
    # Beyond chance, and not beyond chance and limit.
    assert judged(LIMIT, [told(finding(null=0.1, bound_low=0.14))], SOUND).ruling == "cannot tell"
    assert judged(LIMIT, [told(finding(null=0.1, bound_low=0.151))], SOUND).ruling == "outside"
    assert judged(LIMIT, [told(finding(adjusted_p=0.2))], SOUND).ruling == "cannot tell"


def test_outside_rests_on_the_strongest_and_needs_no_planted_leak():
    weaker, other = told(finding(bound_low=0.06)), told(finding(statistic="auc"))
    found = judged(LIMIT, [other, weaker, told(finding())], (control("blind"),))
    assert (found.ruling, found.finding) == ("outside", 2)


def test_within_is_below_the_limit_with_every_interval():
    silent, clear = told(finding(**SILENT)), told(finding(**CLEAR))
    assert judged(LIMIT, [clear], SOUND).ruling == "within"
    assert judged(LIMIT, [told(finding(**CLEAR | {"high": 0.05}))], SOUND).ruling == "within"
    assert judged(LIMIT, [told(finding(**CLEAR | {"high": 0.051}))], SOUND).ruling == "cannot tell"
    found = judged(LIMIT, [clear, silent], SOUND)
    assert (found.ruling, found.finding) == ("cannot tell", 1)


def test_exposed_below_the_limit_is_within_and_says_that_it_is_exposed():
    mild, clear = told(finding(value=0.03, low=0.01, high=0.04, bound_low=0.005)), told(finding(**CLEAR))
    found = judged(LIMIT, [mild], SOUND)
    assert found.ruling == "within" and found.sentence.endswith(
        "This finding is exposed all the same: a leak within the limit."
    )
    wider = told(finding(**CLEAR | {"high": 0.05}, view="loss"))
    found = judged(LIMIT, [mild, wider], SOUND)
    assert (found.ruling, found.finding) == ("within", 1)
    assert "Membership advantage 0.03 [0.01, 0.04] (margin) is exposed all the same" in found.sentence
    assert "exposed" not in judged(LIMIT, [clear], SOUND).sentence


@pytest.mark.parametrize(
    ("controls", "said"),
    [
        ((), "alike"),
        ((control("planted"),), "alike"),
        ((control("blind", None), control("planted")), "alike"),
        ((control("fit"), control("planted")), "alike"),
        ((control("blind"),), "no planted leak was looked for"),
        ((control("blind"), control("planted", None)), "planted None"),
        ((control("blind"), control("planted", True, "gradient")), "planted leak"),
        ((control("blind", False), control("planted")), "blind False"),
        ((control("blind"), control("planted", False)), "planted False"),
    ],
)
def test_nothing_is_within_without_controls_that_could_fail_and_did_not(controls, said):
    found = judged(LIMIT, [told(finding(**CLEAR), controls)], controls)
    assert found.ruling == "cannot tell" and said in found.sentence
    assert found.patients is None


def test_why_no_leak_was_planted_is_the_reason_where_that_is_what_lacks():
    clear, blind = told(finding(**CLEAR), ()), control("blind")
    said = "Nobody knows whether the attack could have succeeded: no leak was planted (planted_steps is 0)."
    found = verdict_of([LIMIT], [clear], [blind], unplanted="planted_steps is 0")
    assert found.reasons[0] == said and found.unplanted == "planted_steps is 0" and not found.kept_open
    # Who sees what the training leaves needs no copy, and what else lacks is said first.
    assert verdict_of([LIMIT], [clear], [blind, RECIPE[True]], unplanted="planted_steps is 0").ruling == "within"
    assert "alike" in verdict_of([LIMIT], [clear], [], unplanted="planted_steps is 0").reasons[0]
    drawn = clear.model_copy(update={"claim": "reconstructions"})
    assert "planted (" not in judged(LIMIT, [drawn], [blind], "planted_steps is 0").sentence


def test_each_limit_that_width_leaves_open_says_how_many_would_tell():
    """Whatever another limit lacks, of which no number of patients would tell."""
    silent = told(finding(**SILENT))
    read = told(finding(**SILENT, claim="attributes", attack="sex", statistic="skill_gap"), ())
    attribute = Limit(name="attribute", statistic="skill_gap", value=0.09, origin="a test")
    found = verdict_of([LIMIT, attribute], [silent, read], [control("blind"), control("planted", attack="output")])
    assert found.reasons[0].endswith(
        "limit of 0.05. About 800 patients would tell whether it lies below the limit, if the estimate stays as it is."
    )
    assert found.judged[1].patients is None and "would tell" not in found.judged[1].sentence + found.sentence
    passing = judged(LIMIT, [told(finding(value=0.2, low=0.1, high=0.3, bound_low=0.04))], SOUND)
    assert passing.above and passing.sentence.endswith(
        "is 0.04. About 230 patients would tell whether it lies above the limit, if the estimate stays as it is."
    )
    at = judged(LIMIT, [told(finding(**SILENT | {"value": 0.05}))], SOUND)
    assert at.patients is None
    assert at.sentence.endswith(" How many patients would tell is not known: the estimate is the limit itself.")
    rate = Limit(name="membership_tpr", statistic="tpr_at_10_fpr", value=0.05, origin="a test")
    ends = {"value": 0.3, "low": 0.0, "high": 1.0, "bound_low": 0.0}
    unbounded = told(finding(**SILENT | ends | {"statistic": "tpr_at_10_fpr", "null": 0.1}))
    assert "non-members are too few to bound the threshold" in judged(rate, [unbounded], SOUND).sentence


def test_no_number_of_patients_mends_a_failed_fit_or_what_else_keeps_the_verdict_open():
    near = told(finding(value=0.2, low=0.1, high=0.3, bound_low=0.04))
    assert "About 230 patients" in verdict_of([LIMIT], [near], SOUND).sentence
    unfit = control("fit", False)
    found = verdict_of([LIMIT], [near], [*SOUND, unfit], [unfit.sentence])
    assert found.judged[0].patients is None and "About" not in " ".join([found.sentence, *found.reasons])
    assert found.judged[0].sentence.endswith("No number of patients would tell: the model does not fit its members.")
    assert found.reasons[0] == unfit.sentence
    silent = told(finding(**SILENT))
    assert "About 800 patients would tell whether it is within, if" in verdict_of([LIMIT], [silent], SOUND).sentence
    assert "would tell" not in verdict_of([LIMIT], [silent], SOUND, ["it was a trial"]).sentence


@pytest.mark.parametrize(("n", "said"), [(40, "4,000"), (5000, "100,000")])
def test_more_patients_than_a_forecast_can_mean_are_no_advice(n, said):
    noise = told(finding(value=0.055, low=-0.1, high=0.2, adjusted_p=0.9, bound_low=-0.1, n=n))
    found = verdict_of([LIMIT], [noise], SOUND)
    assert found.reasons[0].endswith(
        f"More than {said} patients would tell whether it lies above the limit, if the estimate stays as it is."
    )
    assert found.judged[0].patients is None and "patients" not in found.sentence


def test_a_null_of_references_shows_that_the_groups_are_alike_too():
    assert judged(LIMIT, [told(finding(**CLEAR))], (control("null"), control("planted"))).ruling == "within"


def test_few_patients_are_never_within():
    few = told(finding(**CLEAR | {"low": None, "high": None, "bound_low": None, "n": 8}))
    assert judged(LIMIT, [few], SOUND).ruling == "cannot tell"


def test_what_was_not_measured_cannot_be_told():
    found = judged(LIMIT, [told(finding(statistic="auc"))], SOUND)
    assert (found.ruling, found.finding) == ("cannot tell", None)


def test_a_limit_that_was_not_measured_says_what_kept_its_attack_from_being_run():
    limit = Limit(name="attribute", statistic="skill", value=0.09, origin="a test")
    few = "age and sex are known of fewer than 10 patients"
    elsewhere = "only in the scenario checkpoint does the recipient see weights"
    whys = unmeasured([("attributes", elsewhere), ("attributes", few), ("reconstructions", "")])
    assert whys == {"skill": few, "skill_gap": few}
    (reason,) = verdict_of([limit], [], SOUND, unmeasured=whys).reasons
    assert few in reason and "give age or sex" not in reason and "`attribute = false`" in reason
    assert "Or ask for no such limit beforehand: `attribute = false`" in reason
    assert "give age or sex" in verdict_of([limit], [], SOUND).reasons[0]


def test_the_verdict_is_outside_for_one_limit_and_within_for_all():
    other = Limit(name="membership_tpr", statistic="tpr_at_10_fpr", value=0.05, origin="a test")
    clear = told(finding(**CLEAR))
    exposed = told(finding(statistic="tpr_at_10_fpr"))
    within = told(finding(**CLEAR | {"statistic": "tpr_at_10_fpr"}))
    assert verdict_of([LIMIT, other], [clear, exposed], SOUND).ruling == "outside"
    assert verdict_of([LIMIT, other], [clear, within], SOUND).ruling == "within"
    assert verdict_of([LIMIT, other], [clear], SOUND).ruling == "cannot tell"
    assert verdict_of([LIMIT, other.model_copy(update={"asked": False})], [clear], SOUND).ruling == "within"
    assert verdict_of([], [clear], SOUND).ruling == "cannot tell"


def test_reasons_keep_from_clearing_and_hide_no_exposure():
    assert verdict_of([LIMIT], [told(finding(**CLEAR))], SOUND, ["it was a trial"]).ruling == "cannot tell"
    assert verdict_of([LIMIT], [told(finding())], SOUND, ["it was a trial"]).ruling == "outside"


def test_patients_that_would_tell_grow_as_the_limit_is_near():
    below = finding(value=0.0, low=-0.1, high=0.1)
    assert patients_that_tell(below, LIMIT) == 800
    assert patients_that_tell(finding(value=0.1, low=0.0, high=0.2, bound_low=0.0), LIMIT) == 800
    assert patients_that_tell(finding(value=0.04, low=-0.06, high=0.14), LIMIT) == 20_000
    assert patients_that_tell(finding(value=0.05, low=-0.05, high=0.15), LIMIT) is None
    assert patients_that_tell(finding(value=0.0499, low=-0.05, high=0.15), LIMIT) is None
    assert patients_that_tell(finding(low=None, high=None), LIMIT) is None
    # Of a rate an end at 0 or 1 is that of a threshold which is not bounded; it stays there until it is.
    limit = LIMIT.model_copy(update={"name": "membership_tpr", "statistic": "tpr_at_10_fpr"})
    rate = {"statistic": "tpr_at_10_fpr", "null": 0.1}
    assert patients_that_tell(finding(**rate, value=1.0, low=0.0, high=1.0, bound_low=0.0), limit) is None
    assert patients_that_tell(finding(**rate, value=0.12, low=0.0, high=1.0, bound_low=0.0), limit) is None
    assert patients_that_tell(finding(**rate, value=0.12, low=0.0, high=0.3, bound_low=0.0), limit) == 7_200
    assert patients_that_tell(finding(**rate, value=0.6, low=0.2, high=1.0, bound_low=0.1), limit) == 250
    # Never fewer than there were.
    assert patients_that_tell(finding(value=0.0, low=-0.01, high=0.01), LIMIT) == 201
