"""The decision sheet: what stands on it, what is cut and what is left to fill in."""

import pytest
from tests.report.example_audit import LONG, WORDLESS, audit_results, control, crowded, finding, limit

from remnant.audit.verdict.appetite import REIDENTIFICATION, Appetite
from remnant.base.findings import AttackRun, Judged
from remnant.report.audit_rows import name_of, with_attacks
from remnant.report.finding_words import outcome_sentence
from remnant.report.sheet import LINE, NAME, NOTICES, REASONS, TEXT, UNTESTED, ShownLines, sheet_of
from remnant.targets.seen_features import BEFORE_HEAD, NARROWEST


def told(results):
    return {one.criterion: one for one in sheet_of(results).results}


def test_each_criterion_has_its_strongest_finding_or_why_there_is_none():
    found = told(audit_results())
    assert list(found) == ["singling out", "linkability", "inference"]
    assert found["inference"].outcome == "exposed"
    assert found["inference"].sentence.startswith("Membership advantage 0.68 [0.52, 0.81]; 0.00 by chance")
    assert found["singling out"].outcome == found["linkability"].outcome == "not tested"
    assert found["singling out"].sentence == "Reconstruction from latents: not run. The model has no narrow layer."
    assert found["linkability"].sentence == "No limit asks for it, and no attack measured it."


def test_a_criterion_that_a_limit_asks_for_and_nobody_measured_says_so():
    results = audit_results()
    asked = [one.model_copy(update={"asked": True}) for one in results.limits]
    scenario = results.scenario.model_copy(update={"attacks": []})
    found = told(audit_results(limits=asked, scenario=scenario))
    assert found["singling out"].sentence == "No attack that measures it was run."


def test_what_the_recipient_does_not_see_is_the_last_reason_and_codes_are_none():
    scenario = audit_results().scenario
    latents = AttackRun(
        name="a", words="a", run=False, claim="reconstructions", why="only in the scenario latents they are seen"
    )
    codes = latents.model_copy(update={"claim": "pair_scores", "why": "only in the scenario codes they are seen"})
    lacking = AttackRun(name="b", words="b", run=False, claim="candidates", why="no prior was given")

    def sentences(*attacks):
        found = told(audit_results(scenario=scenario.model_copy(update={"attacks": list(attacks)})))
        return found["singling out"].sentence, found["linkability"].sentence

    nobody = "No limit asks for it, and no attack measured it."
    assert sentences(latents, codes, lacking) == ("B: not run. No prior was given.", nobody)
    assert sentences(latents, codes)[0] == "A: not run. Only in the scenario latents they are seen."


def test_what_is_exposed_comes_before_a_larger_number_that_shows_nothing():
    loud = finding(attack="loud", value=0.99, low=0.98, high=1.0, outcome="not testable")
    results = audit_results(findings=[loud, finding(attack="true", value=0.7, low=0.6)])
    assert "(true, signed margin)" in told(results)["inference"].sentence


def test_the_strongest_is_by_the_lower_end_and_not_by_the_estimate():
    wide = finding(attack="wide", value=0.9, low=0.55, high=1.0)
    results = audit_results(findings=[wide, finding(attack="narrow", value=0.8, low=0.75, high=0.85)])
    assert "(narrow, signed margin)" in told(results)["inference"].sentence


def test_page_one_has_one_number_for_one_thing():
    silent = {"null": 0.0, "statistic": "advantage", "outcome": "not shown"}
    deciding = finding(view="signed margin", value=-0.08, low=-0.25, high=0.31, **silent)
    other = finding(view="shifted images", value=0.08, low=-0.08, high=0.28, **silent)
    verdict = audit_results("cannot tell").verdict
    judged = [verdict.judged[0].model_copy(update={"finding": 0})]
    results = audit_results(
        "cannot tell", findings=[deciding, other], verdict=verdict.model_copy(update={"judged": judged})
    )
    sheet = sheet_of(results)
    assert (sheet.limits[0]["found"], sheet.limits[0]["seen"]) == ("−0.08 [−0.25, 0.31]", "signed margin")
    assert "Membership advantage −0.08 [−0.25, 0.31]" in told(results)["inference"].sentence
    # But what is exposed is told, whichever finding keeps a limit open.
    shown = results.findings[1].model_copy(update={"outcome": "exposed"})
    results = results.model_copy(update={"findings": [results.findings[0], shown]})
    assert "0.08 [−0.08, 0.28]" in told(results)["inference"].sentence


def test_scores_of_few_values_stand_behind_finer_ones():
    silent = {"low": 0.4, "high": 0.6, "outcome": "not shown"}
    coarse = finding(view="right or wrong", value=0.55, tied=0.6, **silent | {"low": 0.45})
    results = audit_results("cannot tell", findings=[coarse, finding(value=0.5, **silent)])
    results.verdict.judged.clear()
    assert "(output, signed margin)" in told(results)["inference"].sentence


def test_silence_says_what_would_have_been_seen():
    quiet = finding(value=0.52, low=0.42, high=0.6, outcome="not shown")
    assert "0.65 would have been seen" in told(audit_results(findings=[quiet]))["inference"].sentence
    assert "would have been seen" not in told(audit_results())["inference"].sentence


def test_what_no_value_reaches_would_not_have_been_seen():
    quiet = finding(
        statistic="skill", claim="attributes", attack="sex", value=0.1, low=-0.3, null=0.0, outcome="not shown"
    )
    few = quiet.model_copy(update={"detectable": 1.06})
    said = "not even 1.00, the most there is, would surely have been seen"
    assert said in told(audit_results(findings=[few]))["inference"].sentence
    assert outcome_sentence(few).endswith(f"Not even {said[9:]} with 80% power.")
    gap = few.model_copy(update={"statistic": "skill_gap"})
    assert "1.06 would have been seen" in told(audit_results(findings=[gap]))["inference"].sentence


def test_names_of_attacks_are_read_as_words():
    found = finding(
        attack="code_inversion", claim="reconstructions", criterion="singling out", statistic="rank1", null=0.1
    )
    sentence = told(audit_results(findings=[found]))["singling out"].sentence
    assert "code inversion, " in sentence and "(rank 1) 0." in sentence and "_" not in sentence
    assert name_of(found, [found]).startswith("code inversion · ")


def test_silence_of_an_advantage_says_which_auc_would_have_been_seen():
    quiet = {"outcome": "not shown", "low": 0.0}
    advantage = finding(statistic="advantage", value=0.02, null=0.0, detectable=None, **quiet)
    sentence = told(audit_results(findings=[finding(**quiet | {"value": 0.5}), advantage]))["inference"].sentence
    assert "; its power is reckoned by the AUC of the same scores, of which 0.65 would have been seen (" in sentence
    sentence = told(audit_results(findings=[advantage]))["inference"].sentence
    assert "; what would have been seen is not reckoned (" in sentence


def test_one_finding_stands_on_one_scale():
    """Beyond chance, as the limit does, in the row of the criterion and in that of the result."""
    rate = finding(statistic="tpr_at_10_fpr", value=0.04, low=0.0, high=0.47, null=0.1, outcome="power unknown")
    verdict = audit_results().verdict
    judged = [verdict.judged[1].model_copy(update={"finding": 0})]
    results = audit_results(findings=[rate], verdict=verdict.model_copy(update={"judged": judged}))
    beyond = "−0.06 [−0.10, 0.37]"
    assert sheet_of(results).limits[1]["found"] == beyond
    assert told(results)["inference"].sentence == (
        f"True positive rate at 10% FPR {beyond} beyond chance (0.10 by chance); no control showed that it could have been found "
        "(output, signed margin)."
    )


def test_a_leak_shown_of_too_few_stands_for_its_criterion_with_what_lies_beyond_chance():
    """Beside the verdict by it, which says so, no other finding's "attack too weak"."""
    advantage = finding(statistic="advantage", value=0.3, low=0.1, high=0.5, null=0.0, outcome="attack too weak")
    few = {"value": 0.5, "low": 0.0, "high": 0.69, "null": 0.1, "adjusted_p": 0.004, "outcome": "too few patients"}
    rate = finding(statistic="tpr_at_10_fpr", detectable=None, **few)
    said = (
        "The true positive rate at 10% FPR is 0.50 [0.00, 0.69] (0.10 by chance, 0.40 beyond; signed margin of the label). "
        "It lies on both sides of the limit of 0.05 beyond chance. A leak is shown, of too few patients to say how large it is "
        "at the least."
    )
    verdict = audit_results("cannot tell").verdict
    judged = [one.model_copy(update={"finding": place}) for place, one in enumerate(verdict.judged)]
    changed = verdict.model_copy(update={"judged": judged, "reasons": [said]})
    results = audit_results("cannot tell", findings=[advantage, rate], verdict=changed)
    assert told(results)["inference"].outcome == "too few patients"
    assert "0.40 [−0.10, 0.59] beyond chance" in told(results)["inference"].sentence
    assert sheet_of(results).reasons.lines == [said.replace("; signed margin of the label", "")]
    assert outcome_sentence(rate).startswith("A leak is shown, of too few patients")
    unseen = rate.model_copy(update={"adjusted_p": 0.2})
    assert told(audit_results(findings=[advantage, unseen], verdict=changed))["inference"].outcome == "attack too weak"


def test_what_the_attacks_do_not_see_comes_before_what_was_not_run():
    tail = "A few exposed patients among many would not be seen."
    attacks = [AttackRun(name=f"a{place}", words="W", run=False, why=f"w{place}") for place in range(9)]
    results = audit_results("within", not_tested=[tail])
    scenario = results.scenario.model_copy(update={"attacks": attacks})
    assert sheet_of(results.model_copy(update={"scenario": scenario})).untested.lines[0] == tail


def test_limits_stand_with_their_origin_and_what_was_found_beyond_chance():
    sheet = sheet_of(audit_results())
    assert sheet.limits == [
        {
            "name": "Membership advantage",
            "value": "0.05",
            "origin": "Remnant's own",
            "found": "0.68 [0.52, 0.81]",
            "seen": "signed margin",
            "ruling": "outside",
        },
        {
            "name": "True positive rate at 10% FPR",
            "value": "0.05",
            "origin": "Remnant's own",
            "found": "0.60 [0.45, 0.72]",
            "seen": "signed margin",
            "ruling": "cannot tell",
        },
    ]
    assert sheet.not_asked == "identification at rank 1, attribute disclosure"


@pytest.mark.parametrize(
    ("ends", "found"),
    [
        # 0.605 is told as 0.60, and 0.505 would be as 0.51.
        ({"value": 0.605, "low": 0.4, "high": 0.8}, "0.50 [0.30, 0.70]"),
        ({"value": 0.1, "low": 0.06, "high": 0.1504}, "0.000 [−0.040, 0.050]"),
        ({"value": 0.1, "low": 0.06, "high": 0.1538}, "0.000 [−0.040, 0.054]"),
    ],
)
def test_what_lies_beyond_chance_is_the_difference_of_what_is_told_and_is_told_apart_from_the_limit(ends, found):
    rate = finding(statistic="tpr_at_10_fpr", null=0.1, **ends)
    verdict = audit_results().verdict
    judged = [verdict.judged[1].model_copy(update={"finding": 0})]
    results = audit_results(findings=[rate], verdict=verdict.model_copy(update={"judged": judged}))
    assert sheet_of(results).limits[1]["found"] == found


@pytest.mark.parametrize("release", REIDENTIFICATION)
def test_words_of_the_house_are_never_cut(release):
    asked = Appetite(release=release).limits("checkpoint")
    features = [finding(view=view, statistic="skill_gap", null=0.0) for view in (NARROWEST, BEFORE_HEAD)]
    for place, view in enumerate((NARROWEST, BEFORE_HEAD)):
        judged = [Judged(limit="attribute", ruling="cannot tell", sentence="Held.", finding=place)]
        verdict = audit_results().verdict.model_copy(update={"judged": judged})
        rows = sheet_of(audit_results(limits=asked, findings=features, verdict=verdict)).limits
        assert not [row for row in rows if "..." in row["origin"]] and rows[-1]["seen"] == view


def test_origins_begin_as_sentences_do():
    own = limit("membership_advantage", "advantage", 0.09).model_copy(update={"origin": "0.09 for public release: EMA"})
    assert sheet_of(audit_results(limits=[own], findings=[])).limits[0]["origin"] == "For public release: EMA"


def test_page_one_has_no_word_for_engineers():
    overlap = finding(view="Dice, mean over shifted scans")
    said = told(audit_results(findings=[overlap]))["inference"].sentence
    assert said.endswith("(output, Dice overlap of the segmentation, mean over shifted scans).")
    sex = finding(attack="sex", claim="attributes", statistic="skill_gap", view="the answers")
    said = told(audit_results(findings=[sex]))["inference"].sentence
    assert said.startswith("Sex read beyond guessing, members minus non-members 0.91") and said.endswith(
        "(the answers)."
    )


def test_a_sentence_of_a_control_names_its_attack_beside_another_of_its_kind():
    planted = [
        control("planted", attack=name).model_copy(update={"sentence": f"{count} against {count} would tell."})
        for name, count in (("output", 6), ("gradient", 5))
    ]
    blind = control("blind", attack="sex").model_copy(update={"sentence": "It reads alike."})
    controls = [*planted, blind]
    texts = [one.sentence for one in controls]
    named = ["Output: 6 against 6 would tell.", "Gradient: 5 against 5 would tell.", "It reads alike."]
    assert with_attacks(texts, controls) == named
    assert with_attacks(texts[1:], controls) == texts[1:]
    same = [one.model_copy(update={"sentence": "The numbers of this control are withheld."}) for one in planted]
    of_both = ["Output and gradient, each: The numbers of this control are withheld."]
    assert with_attacks([same[0].sentence], same) == of_both
    verdict = audit_results().verdict.model_copy(update={"reasons": texts})
    results = audit_results(controls=controls, verdict=verdict)
    assert sheet_of(results).reasons.lines == named


def test_controls_of_one_kind_stand_together_and_what_did_not_pass_comes_first():
    sex = control("planted", attack="sex").model_copy(update={"claim": "attributes"})
    failed = control("planted", attack="lira").model_copy(update={"passed": False})
    named = [control(kind, attack=attack) for kind, attack in (("planted", "output"), ("blind", ""), ("blind", "sex"))]
    fit = control("fit", attack="")
    said = sheet_of(audit_results(controls=[*named, sex, fit, control("planted", attack="gradient"), failed])).controls
    assert said == (
        "Failed: planted members (lira). Passed: planted members (output, gradient); blind baseline (membership, sex); "
        "planted attribute (sex); fit of the members."
    )


def test_controls_that_do_not_fit_are_counted_and_none_is_cut():
    controls = [control("planted", None, f"attack number {place}") for place in range(3)]
    controls += [control(kind, True) for kind in ("null", "recipe", "blind", "fit")]
    controls += [control("null", False, "attack of yet another name, as long as names may be")]
    said = sheet_of(audit_results(controls=controls)).controls
    assert len(said) <= TEXT and said.startswith("Failed: null (attack of yet another name")
    assert said.endswith("3 more, in the evidence.") and "..." not in said


def test_a_limit_that_nobody_ruled_on_is_not_held():
    """Also not where the verdict forgot it."""
    results = audit_results("within")
    verdict = results.verdict.model_copy(update={"judged": []})
    assert {one["ruling"] for one in sheet_of(audit_results(verdict=verdict)).limits} == {"cannot tell"}


def test_what_about_does_not_say_is_empty_and_what_it_says_is_not():
    sheet = sheet_of(audit_results())
    assert sheet.use["Recipient"] == sheet.use["Cohort"] == sheet.model["Purpose"] == ""
    assert set(sheet.filled_in.values()) == {""}
    sheet = sheet_of(audit_results(about={"recipient": "Ward 3", "retention": "ten years", "model": "Lung net"}))
    assert sheet.use["Recipient"] == "Ward 3" and sheet.filled_in["Retention"] == "ten years"
    assert sheet.model["Model"] == "Lung net" and sheet.model["Version"] == "1.2"


def test_the_hash_is_whole_and_of_one_file():
    assert sheet_of(audit_results()).model["SHA-256"] == "0123456789abcdef" * 4
    two = audit_results(model={"name": "m"}, checkpoints={"a": "a" * 64, "b": "b" * 64})
    assert sheet_of(two).model["SHA-256"] == "of 2 files: aaaaaaaa, bbbbbbbb (in full: annex)"
    # A line to fill in by hand would ask for what nobody knows.
    assert "SHA-256" not in sheet_of(audit_results(model={"name": "m"}, checkpoints={})).model
    one = audit_results(model={"name": "m"}, checkpoints={"a": "a" * 64})
    assert sheet_of(one).model["SHA-256"] == "a" * 64


def test_of_all_folds_no_hash_stands_for_the_others():
    """As an older version told that of the first one."""
    files = {f"fold_{i}/checkpoint_final.pth": f"{i}" * 64 for i in range(7)}
    folds = {"name": "Dataset004", "sha256": "0" * 64, "released": "all 7 folds"}
    told = sheet_of(audit_results(model=folds, checkpoints=files)).model["SHA-256"]
    assert told == "of 7 files: 00000000, 11111111, 22222222, 33333333, 44444444 and 2 more (in full: annex)"
    one = sheet_of(audit_results(model=folds | {"released": "fold 0"}, checkpoints=files)).model["SHA-256"]
    assert one == "0" * 64


def test_two_models_of_one_name_are_told_apart():
    of_plans = {"name": "Dataset004", "architecture": "nnU-Net 3d_fullres, nnUNetTrainer, nnUNetPlans"}
    told = sheet_of(audit_results(model=of_plans)).model["Model"]
    assert told == "Dataset004 (nnU-Net 3d_fullres, nnUNetTrainer, nnUNetPlans)"
    assert sheet_of(audit_results(model=of_plans, about={"model": "Lung net"})).model["Model"] == "Lung net"


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        (
            "No attack measures it; give age (of nnU-Net, columns of patients.csv), or leave it out by `attribute = false` in "
            "[appetite] (audit.toml or --config). Others were run.",
            "No attack measures it; give age (of nnU-Net, columns of patients.csv). Others were run.",
        ),
        ("B: not run. No prior was given; `remnant prior train` makes one.", "B: not run. No prior was given."),
        ("Ask for none beforehand: `attribute = false` in [appetite].", "Ask for none beforehand."),
        ("`remnant check` says more. It lies above.", "It lies above."),
        ("Say `remnant check`.", "Say `remnant check`."),
    ],
)
def test_page_one_says_what_to_do_without_settings_and_commands(said, plain):
    verdict = audit_results().verdict.model_copy(update={"reasons": [said]})
    sheet = sheet_of(audit_results(verdict=verdict, notices=[f"{said} "], not_tested=[said]))
    assert sheet.reasons.lines == sheet.untested.lines[:1] == [plain]


def test_the_sheet_says_whether_it_may_leave_and_which_is_signed():
    inside = sheet_of(audit_results())
    assert inside.signed and "stays in the house" in inside.tier
    told = "For release: numbers of fewer than 10 patients, pseudonyms and paths are withheld."
    outside = sheet_of(audit_results(notices=["A.", "B.", "C.", told]))
    assert not outside.signed and outside.tier == told and outside.notices == ShownLines(["A.", "B."], 1)


def test_a_ruling_beside_a_number_that_is_withheld_is_of_the_evidence():
    gone = finding(statistic="advantage", value=None, low=None, high=None, null=0.0, outcome=None)
    verdict = audit_results().verdict
    judged = [verdict.judged[0].model_copy(update={"finding": 0})]
    told = sheet_of(audit_results(findings=[gone], verdict=verdict.model_copy(update={"judged": judged}))).limits
    assert (told[0]["found"], told[0]["seen"]) == ("withheld", "the result is by the number itself")
    assert (told[1]["found"], told[1]["seen"]) == ("not measured", "")


def test_what_was_not_run_is_not_tested_with_its_reason():
    results = audit_results(not_tested=["Other sites."])
    assert sheet_of(results).untested.lines == [
        "Other sites.",
        "Reconstruction from latents: not run. The model has no narrow layer.",
    ]


def test_what_was_not_run_for_one_reason_is_one_line():
    told = {"run": False, "why": "no prior was given", "claim": "candidates"}
    runs = [AttackRun(name=name, words="images", **told) for name in ("gmi", "joint", "pixels")]
    runs.insert(1, AttackRun(name="output", words="what it answers", run=False, why="no prior was given"))
    results = audit_results(scenario=audit_results().scenario.model_copy(update={"attacks": runs}), findings=[])
    sheet = sheet_of(results)
    together = "Images drawn from the weights (attacks gmi, joint and pixels): not run. No prior was given."
    assert sheet.untested.lines[:2] == [together, "What it answers: not run. No prior was given."]
    assert {one.criterion: one.sentence for one in sheet.results}["singling out"] == together


@pytest.mark.parametrize("text", [LONG, WORDLESS])
def test_lists_and_texts_are_cut_and_say_how_much_more_there_is(text):
    sheet = sheet_of(crowded(text))
    for listed, there_are, most in (
        (sheet.reasons, 9, REASONS * TEXT),
        (sheet.notices, 5, NOTICES * (LINE + 20)),
        (sheet.untested, 1 + 9, UNTESTED * TEXT),
    ):
        assert listed.lines and len(listed.lines) + listed.more == there_are
        assert sum(map(len, listed.lines)) <= most
    assert max(map(len, [*sheet.filled_in.values(), *sheet.use.values()])) <= TEXT
    assert len(sheet.title) <= NAME and len(sheet.model["SHA-256"]) == 64


def test_a_long_reason_takes_the_room_of_those_behind_it_and_ends_with_a_sentence():
    def reasons(*texts):
        verdict = audit_results().verdict.model_copy(update={"reasons": list(texts)})
        return sheet_of(audit_results(verdict=verdict)).reasons

    sentence = "Members of one site are left out here, since nobody there is a non-member. "
    long = (sentence * 4).strip()
    assert len(long) > TEXT and reasons(long, "Second.", "Third.") == ShownLines([long, "Second."], 1)
    # What is behind a reason that has no room is less important.
    assert reasons("First.", "Second.", long, "Fourth.") == ShownLines(["First.", "Second."], 2)
    (cut,) = reasons(sentence * 9, "Second.").lines
    assert cut == (sentence * 7).strip() and len(cut) <= REASONS * TEXT


def test_the_first_reasons_are_those_of_the_verdict():
    run = AttackRun(name="a", words="an attack", run=False, why="it failed")
    results = audit_results(scenario=audit_results().scenario.model_copy(update={"attacks": [run]}))
    assert sheet_of(results).reasons.lines == results.verdict.reasons
    assert sheet_of(results).untested.lines == ["An attack: not run. It failed."]


def test_the_end_of_a_long_reason_which_says_what_to_do_is_on_page_one():
    end = "It lies on both sides of the limit of 0.05 beyond chance. About 14,000 patients would tell."
    why = f"The true positive rate at 10% FPR is 0.21 [0.01, 0.42] ({'a view of many words, ' * 5}by chance). {end}"
    results = audit_results()
    held = results.verdict.model_copy(update={"reasons": [why]})
    (line,) = sheet_of(results.model_copy(update={"verdict": held})).reasons.lines
    assert len(why) > TEXT >= len(line) and line.endswith(end) and "[0.01, 0.42]. It" in line


def test_what_the_owner_wrote_and_does_not_fit_is_said_to_be_in_the_annex():
    written = {"residual_risk": "accepted under contract " * 20, "cohort": "adults"}
    sheet = sheet_of(audit_results(about=written))
    assert sheet.filled_in["Residual risk"].endswith("(in full: annex)")
    assert len(sheet.filled_in["Residual risk"]) <= TEXT and sheet.use["Cohort"] == "adults"


def test_what_is_a_reason_already_is_no_remark_besides():
    results = audit_results(notices=["The range is unclear.", "All patients are phantoms."])
    assert sheet_of(results).notices.lines == ["The range is unclear.", "All patients are phantoms."]
    verdict = results.verdict.model_copy(update={"reasons": ["The range is unclear."]})
    assert sheet_of(results.model_copy(update={"verdict": verdict})).notices.lines == ["All patients are phantoms."]
