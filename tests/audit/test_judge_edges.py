"""Edges of the rule of verdicts: ends that lie on a limit, ties, numbers that are missing, and sentences to the letter."""

import pytest
from tests.audit.judging import CLEAR, LIMIT, RECIPE, SILENT, SOUND, control, finding, told

from remnant.audit.verdict.alike import groups_unchecked
from remnant.audit.verdict.family import adjusted
from remnant.audit.verdict.judge import verdict_of
from remnant.audit.verdict.needed import patients_that_tell, round_up
from remnant.audit.verdict.outcome import controls_of, is_able, outcome_of
from remnant.audit.verdict.ruling import judged
from remnant.audit.verdict.words import against, not_surely
from remnant.base.findings import Limit

ATTRIBUTE = Limit(name="attribute", statistic="skill_gap", value=0.09, origin="a test")


def test_an_interval_that_ends_at_chance_shows_neither_a_leak_nor_a_swap():
    assert outcome_of(finding(value=-0.1, low=-0.2, high=0.0), SOUND) == "not shown"
    assert outcome_of(finding(value=0.0, low=-0.1, high=0.1), SOUND) == "not shown"


def test_only_what_cannot_be_told_may_be_told_above():
    assert (
        not judged(LIMIT, [told(finding())], SOUND).above and not judged(LIMIT, [told(finding(**CLEAR))], SOUND).above
    )
    at, unmeasured = finding(value=0.05, low=-0.1, high=0.2), finding(value=None, low=None, high=None, adjusted_p=None)
    for open_ in (at.model_copy(update={"adjusted_p": 1.0}), unmeasured):
        found = judged(LIMIT, [told(open_)], SOUND)
        assert found.ruling == "cannot tell" and not found.above
    without = judged(LIMIT, [told(finding(**SILENT | {"low": None}))], SOUND).sentence
    assert without.startswith("The membership advantage is 0.00: 200 patients are too few for an interval. About 800")


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_findings_decides_nothing(turned):
    def of(*findings):
        """The place of the finding that decides, as if they had not been turned."""
        given = findings[::-1] if turned else findings
        found = judged(LIMIT, given, SOUND)
        return found, len(findings) - 1 - found.finding if turned else found.finding

    strong, weak = told(finding(view="strong", bound_low=0.2)), told(finding(view="weak", bound_low=0.1))
    assert of(strong, weak)[1] == 0
    # Of two that reach as far, that of the larger value; one that was not measured is the number of neither.
    near, far = told(finding(**SILENT)), told(finding(**SILENT | {"value": 0.02}))
    assert of(near, far)[1] == 1
    unmeasured = told(finding(value=None, low=None, high=None, adjusted_p=None))
    assert of(unmeasured, told(finding(**SILENT | {"high": None, "low": None})))[1] == 1
    # A number of few values that gives small cells back is rather told than a coarse one.
    cells, coarse = ({"tied": 0.1, "fewest": 4}, {"tied": 0.6, "fewest": 4})
    assert of(told(finding(**SILENT, **cells)), told(finding(**SILENT | {"high": 0.3}, **coarse)))[1] == 0
    # Of two that are exposed below the limit alike, the one whose number is told.
    shown = [told(finding(value=0.03, low=0.01, high=high, bound_low=0.01, view=str(high))) for high in (0.04, 0.045)]
    assert of(*shown)[0].sentence.endswith("This finding is exposed all the same: a leak within the limit.")
    # And of two others the stronger.
    mild, milder = (
        told(finding(value=0.03, low=0.01, high=0.04, bound_low=low, view=f"view {low}")) for low in (0.02, 0.01)
    )
    widest = told(finding(**CLEAR | {"high": 0.05}))
    assert "(view 0.02) is exposed all the same" in of(mild, milder, widest)[0].sentence


def test_within_says_so_and_no_more():
    clear = told(finding(**CLEAR))
    assert judged(LIMIT, [clear], SOUND).sentence == against(clear, LIMIT, "below")
    assert "below the limit of 0.05" in against(clear, LIMIT, "below")


def test_at_the_limit_itself_the_finest_number_does_not_reach_above():
    coarse = told(finding(view="right or wrong", tied=0.6, **SILENT | {"high": 0.2}))
    assert judged(LIMIT, [coarse, told(finding(**CLEAR | {"high": 0.05}))], SOUND).finding == 0


def test_reasons_are_those_of_the_ruling():
    outside = verdict_of([LIMIT], [told(finding())], SOUND, ["it was a trial"])
    assert "it was a trial" not in outside.reasons and outside.kept_open == ["it was a trial"]
    assert outside.sentence == "Outside the risk appetite: membership advantage is above the limit."
    assert outside.unplanted == ""
    # Outside by what is read of attributes, the groups of members are no reason.
    silent = told(finding(**SILENT), ())
    read = finding(claim="attributes", attack="sex", statistic="skill_gap", outcome="exposed")
    found = verdict_of([LIMIT, ATTRIBUTE], [silent, read], ())
    (unchecked,) = groups_unchecked(())
    assert unchecked == "No control showed that the groups are alike, so the difference may be that of the groups."
    assert found.ruling == "outside" and unchecked not in found.reasons
    assert unchecked in verdict_of([LIMIT, ATTRIBUTE], [told(finding(), ()), read], ()).reasons
    # Of what no limit is held against the strongest is told.
    drawn = [told(finding(claim="candidates", statistic="gain", view=f"{value}", value=value)) for value in (0.3, 0.4)]
    for some in (drawn, drawn[::-1]):
        (reason,) = verdict_of([LIMIT], [told(finding(**CLEAR)), *some], SOUND).kept_open
        assert "(0.4)" in reason


def test_ten_times_as_often_is_told_for_certain():
    certain = {"statistic": "tpr_at_lowest_fpr", "null": 0.25, "value": 2.5, "low": 1.0, "high": 3.0}
    exposed = finding(**certain, outcome="exposed")
    assert verdict_of([LIMIT], [told(finding(**CLEAR)), exposed], SOUND).kept_open
    less = exposed.model_copy(update={"value": 2.4})
    assert not verdict_of([LIMIT], [told(finding(**CLEAR)), less], SOUND).kept_open


def test_a_recipe_of_no_number_is_told_after_one_that_has_one():
    unknown = RECIPE[None].model_copy(update={"value": None, "sentence": "Unknown."})
    told_ = RECIPE[None].model_copy(update={"value": 0.6, "sentence": "Known."})
    for recipes in ((unknown, told_), (told_, unknown)):
        assert verdict_of([LIMIT], [told(finding())], (*SOUND, *recipes)).reasons[-1] == "Known."


def test_forecasts_at_their_ends():
    assert [round_up(patients) for patients in (1, 5, 37, 101, 123, 2_345)] == [1, 5, 37, 110, 130, 2_400]
    assert patients_that_tell(finding(bound_low=None), LIMIT) is None
    assert patients_that_tell(finding(value=0.1, bound_low=0.1), LIMIT) is None
    limit = LIMIT.model_copy(update={"name": "membership_tpr", "statistic": "tpr_at_10_fpr"})
    rate = finding(statistic="tpr_at_10_fpr", null=0.1, value=0.0, low=0.0, high=1.0)
    assert patients_that_tell(rate, limit) is None
    # As many as a forecast may name are named.
    ten_times = finding(n=20, value=0.0, low=-2.5, high=2.5)
    assert patients_that_tell(ten_times, LIMIT.model_copy(update={"value": 0.25})) == 2_000


def test_of_several_leaks_of_too_few_the_largest_is_told_and_rather_one_of_many_values():
    few = {"low": -0.1, "high": 0.9, "bound_low": -0.3}
    small, large = (told(finding(**few, value=value, view=f"{value}")) for value in (0.5, 0.6))
    coarse = told(finding(**few, value=0.7, tied=0.1, fewest=4))
    for order in ([small, large, coarse], [coarse, large, small]):
        assert order[judged(LIMIT, order, SOUND).finding] is large
    # However small p is, also where it is smaller than any number.
    least = [told(one.model_copy(update={"adjusted_p": 0.0})) for one in (small, large)]
    assert judged(LIMIT, least, ()).finding == 1 and "A leak is shown" in judged(LIMIT, least, ()).sentence
    assert "p < 0.001" in not_surely(finding(adjusted_p=0.0), LIMIT)


def test_sentences_to_the_letter():
    assert judged(LIMIT, [told(finding(statistic="auc"))], SOUND).sentence == (
        "No attack that applies measures membership advantage. Or ask for no such limit beforehand: "
        "`membership_advantage = false` in [appetite] (audit.toml or --config)."
    )
    swapped = told(finding(value=-0.3, low=-0.4, high=-0.2))
    assert judged(LIMIT, [swapped], SOUND).sentence == (
        "Members fare worse than non-members: check whether the groups are swapped."
    )
    coarse = told(finding(**CLEAR, tied=0.6), (control("blind"),))
    assert judged(LIMIT, [coarse], (control("blind"),)).sentence == (
        "60% of pairs of a member and a non-member have the same score: scores of so few values clear nobody; give them "
        "unrounded."
    )


def test_what_of_their_outcome_makes_an_attack_too_weak():
    """Missed canaries do, but where the recipe is seen; found ones stand in for planted members that were not tried."""
    silent = finding(**SILENT)
    for planted, canary, recipe, outcome in (
        (True, True, None, "not shown"),
        (True, None, None, "not shown"),
        (True, False, None, "attack too weak"),
        (True, False, True, "not shown"),
        (None, True, None, "not shown"),
        (None, False, None, "attack too weak"),
        (None, None, None, "power unknown"),
        (False, True, None, "attack too weak"),
        (False, True, True, "not shown"),
        (False, None, None, "attack too weak"),
    ):
        own = [
            control(kind, passed, "output")
            for kind, passed in (("planted", planted), ("canary", canary), ("recipe", recipe))
        ]
        assert outcome_of(silent, [control("blind"), *own]) == outcome, (planted, canary, recipe)
        assert is_able(own) == (outcome == "not shown")
    # Of codes and attributes several are planted, of whom one is enough.
    assert is_able([control("planted", True), control("planted", False)]) and not is_able([])
    # An exposure needs none of them.
    shown = finding()
    assert outcome_of(shown, [control("blind"), control("canary", False, "output")]) == "exposed"


def test_silence_within_a_limit_counts_of_an_attack_that_found_them():
    missed = control("canary", False, "output")

    def ruled(*controls, attacks=("output",)):
        controls = (control("blind"), *controls)
        found = [told(finding(**CLEAR, attack=attack), controls) for attack in attacks]
        return verdict_of([LIMIT], found, controls)

    assert ruled(control("canary", True, "output")).ruling == "within"
    assert ruled(control("planted", True, "output"), control("canary", True, "output")).ruling == "within"
    open_one = ruled(control("planted", True, "output"), missed)
    assert open_one.ruling == "cannot tell" and open_one.reasons == [missed.sentence]
    # What another attack finds says nothing of this one.
    assert ruled(missed, control("planted", True, "gradient")).ruling == "cannot tell"
    assert ruled(control("recipe", True, "output"), missed).ruling == "within"
    # Of two attacks one that can succeed is enough; where neither can, what both missed is told.
    other, both = control("canary", True, "gradient"), ("output", "gradient")
    assert ruled(missed, other, attacks=both).ruling == "within"
    assert ruled(control("planted", True, "output"), missed, attacks=both).ruling == "cannot tell"
    also = control("canary", False, "gradient").model_copy(update={"sentence": "So does this one."})
    assert ruled(missed, also, attacks=both).reasons == [missed.sentence, also.sentence]
    assert ruled(missed, also, control("recipe", True, "gradient"), attacks=both).ruling == "within"


def test_the_share_of_the_level_divides_every_p():
    rows = [finding(p=0.001, adjusted_p=None), finding(statistic="auc", value=0.7, null=0.5, p=0.3, adjusted_p=None)]
    for one, other in zip(adjusted(rows), adjusted(rows, 0.05), strict=True):
        assert other.adjusted_p == pytest.approx(min(1.0, one.adjusted_p / 0.05))


def test_doses_of_training_and_the_fit_bear_on_no_finding():
    failed = [control(kind, False) for kind in ("dose", "fit")]
    assert controls_of(finding(), failed) == []
    assert outcome_of(finding(), [*SOUND, *failed]) == "exposed"
    assert verdict_of([LIMIT], [told(finding(**CLEAR))], [*SOUND, *failed]).ruling == "within"
