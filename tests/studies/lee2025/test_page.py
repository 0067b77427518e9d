import re

import numpy as np
import pytest
from tests.report.example import example_results
from tests.studies.lee2025.example import SIDE

from remnant.base.results import Results
from remnant.base.run import Run
from remnant.measure.anonymity import stationary_population
from remnant.report.few import counts_few
from remnant.report.page import make_report
from remnant.report.tables import build
from remnant.studies.lee2025 import page
from remnant.studies.lee2025.findings import findings, headline
from remnant.studies.lee2025.kept import Progression, write_attacked, write_groups, write_progression
from remnant.studies.lee2025.leak_findings import whole
from remnant.studies.lee2025.targets import CONTROLS

PRIOR = "A generator of 64 x 64 pixels, trained on 500 public radiographs."


def changed(tables, name, change, **where):
    """The tables with `change` made to the rows of one of them that are `where`."""
    rows = [row | change if where.items() <= row.items() else row for row in tables[name]]
    return tables | {name: rows}


def only(tables, *targets):
    """The tables of some of the targets alone."""
    return {
        name: [row for row in rows if row.get("target") in (*targets, None)] if name != "patients" else rows
        for name, rows in tables.items()
    }


def said(tables):
    return " ".join(findings(tables))


def words(tables, **changes):
    given = {"side": 64, "prior": PRIOR, "methods": ["published", "prior"], "population": stationary_population()}
    return page.words(tables, **(given | {"population_words": "Invented."} | changes))


def results(tables, **changes):
    update = {"study": "lee2025", "title": page.TITLE, "tables": tables, **words(tables, **changes)}
    return Results.model_validate(example_results().model_copy(update=update).model_dump())


def test_the_headline_names_who_is_flagged_with_the_prior_beside(tables):
    text = headline(tables)
    assert "1 of 2 checkpoints (overfit CNN) reveals who trained it." in text and "beyond the untuned prior, p " in text
    assert re.search(r"reconstructions come \d+% \[\d+%, \d+%\] nearer to training patients than to non-members", text)
    first = findings(tables)[0]
    assert first.startswith("Treat checkpoints trained like the overfit CNN as patient data")


def test_who_is_given_away_by_answers_is_patient_data_too(tables):
    """Whatever the attack on the weights found, and serving the model in place of its file does not help."""
    shown = [{"target": "cnn", "outcome": "shown", "control": False, "auc": 0.9, "sentence": "It leaks."}]
    first = findings(tables | {"membership_verdicts": shown})[0]
    assert first.startswith("Treat checkpoints trained like the CNN and overfit CNN as patient data")
    assert "does not help" in first and "rather than weights" not in first
    kept = [row if row["target"] in CONTROLS else row | {"flagged": False} for row in tables["leak"]]
    silent = tables | {"leak": kept}
    assert findings(silent | {"membership_verdicts": shown})[0].startswith("Treat checkpoints trained like the CNN as")
    assert "was not shown to get anything" in findings(silent)[0]


def test_the_headline_begins_with_the_attack_that_exposes_more_checkpoints(tables):
    """Both claim who was in the training."""
    shown = [
        {"target": name, "control": False, "outcome": "shown", "auc": auc, "sentence": "The output tells."}
        for name, auc in (("cnn", 0.7), ("cnn_overfit", 0.9))
    ]
    assert words(tables | {"membership_verdicts": shown[1:]})["headline"].startswith("From the file alone, 1 of 2")
    both = words(tables | {"membership_verdicts": shown})["headline"]
    assert both.startswith("overfit CNN: The output tells. That is shown of 2 of 2 targets") and "From the file" in both


def test_a_tile_shows_what_the_verdict_on_each_target_rests_on(tables):
    control, cnn, overfit = words(tables)["highlights"]
    assert (control.value, control.label) == ("seen", "Leak planted as a control")
    best = max(row["gain"] for row in whole(tables, "cnn_overfit") if row["flagged"])
    assert overfit.value == f"{best:.0%}" and overfit.note.endswith("%] · chance 0% · flagged")
    assert cnn.label.startswith("CNN:") and cnn.note.endswith("not flagged")
    missed = changed(tables, "leak", {"flagged": False}, target="cnn_planted", flagged=True)
    assert words(missed)["highlights"][0].value == "not seen"


def test_an_audit_that_misses_its_own_control_says_so_first(tables):
    missed = changed(tables, "leak", {"flagged": False}, target="cnn_planted", flagged=True)
    assert findings(missed)[0].startswith(
        "The audit did not see its own positive control, so its silence means nothing"
    )
    assert "can clear no checkpoint; even so it found one in overfit CNN" in headline(missed)
    silent = changed(missed, "leak", {"flagged": False}, flagged=True)
    assert "can clear no checkpoint." in headline(silent)
    assert "keep the checkpoints as you keep the images" in said(silent)
    assert "The audit sees the leak" not in said(silent)


def test_a_seen_control_and_a_silent_negative_one_are_told(tables):
    assert "The audit sees the leak that was planted. Of a CNN trained on 8 images" in said(tables)
    assert "A network that was never trained, the negative control, is not flagged." in said(tables)


def test_a_control_seen_by_an_option_alone_is_told_so(tables):
    rows = [row for row in tables["leak"] if row["target"] == "cnn_planted"]
    option = [row | {"source": "per_class"} for row in rows if row["source"] == "published"]
    missed = changed(tables, "leak", {"flagged": False}, target="cnn_planted", flagged=True)
    alone = missed | {"leak": [*missed["leak"], *option]}
    assert "not by the attack as published: only by 'a generator a class'. Of a CNN" in said(alone)
    both = alone | {"leak": [*alone["leak"], *(row | {"source": "pixels"} for row in option)]}
    assert "only by 'a generator a class' and 'pixels, no prior'. Of a CNN" in said(both)


def test_a_false_alarm_is_told(tables):
    alarm = changed(tables, "leak", {"flagged": True}, target="cnn_untrained", flagged=False, source="published")
    assert "The audit raised a false alarm" in said(alarm)
    assert "untrained CNN" not in headline(alarm)


def test_silence_is_no_clearance_and_comes_with_what_could_have_been_seen(tables):
    silent = only(tables, "cnn", "cnn_planted")
    assert "1 target" not in headline(silent) and "not shown to reconstruct images nearer" in headline(silent)
    text = findings(silent)[0]
    assert "no clearance" in text and "got nothing" not in text
    assert re.search(
        r"CNN (in|by) .* −?\d+% \[−?\d+%, −?\d+%\], p .*, \d+% would have been seen with 80% power", said(silent)
    )


def test_without_a_positive_control_silence_says_little(tables):
    assert "This run has no positive control" in said(only(tables, "cnn"))


def test_features_that_tell_members_apart_without_the_attack_are_told(tables):
    where = {"target": "cnn", "source": "prior", "space": "target_features", "crop": "whole", "set": "all"}
    apart = changed(tables, "leak", {"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9}, **where)
    assert "CNN, AUC 0.80 [0.70, 0.90]" in said(apart)
    assert "can guess whether that person was a training patient" in said(apart)
    same = changed(tables, "leak", {"auc_low": 0.4}, source="prior", space="target_features", crop="whole", set="all")
    assert "can guess whether" not in said(same)


def test_a_leak_that_only_a_stronger_attack_shows_is_told(tables):
    weaker = changed(tables, "leak", {"flagged": False}, target="cnn_overfit", source="published", flagged=True)
    assert "the attack as published shows no leak, but a stronger one does: by 'pixels, no prior'" in said(weaker)
    assert re.search(r"'pixels, no prior', in the target's own features, .*; .* as well\. Judge", said(weaker))
    stronger = changed(
        tables, "leak", {"gain": 0.99, "flagged": True}, target="cnn_overfit", source="pixels", set="all"
    )
    assert "shows a leak, and a stronger one more of it: by 'pixels, no prior'" in said(stronger)


def test_what_beats_the_prior_and_not_the_search_for_a_class_is_neither_flagged_nor_cleared(tables):
    where = {"target": "cnn", "source": "published", "space": "ssim", "crop": "whole", "set": "all"}
    shown = {"gain": 0.3, "gain_low": 0.1, "gain_high": 0.5, "gain_p": 0.001}
    same = {"class_gain": 0.0, "class_gain_low": -0.2, "class_gain_high": 0.2}
    text = said(changed(tables, "leak", shown | same, **where))
    assert "beyond a search for images of a class (GMI)" in text and "'as published' on the CNN, by SSIM. What" in text
    assert "(GMI)" not in said(changed(tables, "leak", shown | {"class_gain": 0.2, "class_gain_low": 0.1}, **where))
    assert "(GMI)" not in said(tables)


@pytest.mark.parametrize(
    ("own", "swapped", "sentence"),
    [
        ((0.1, 0.5), (0.1, 0.4), "It stays with the training patients: it follows the weights"),
        ((0.1, 0.5), (-0.5, -0.1), "the stored statistics carry membership"),
        ((0.1, 0.5), (-0.2, 0.1), "No pull is left, to either side"),
        ((-0.1, 0.5), (-0.5, -0.1), "Whether stored statistics carry membership is open"),
    ],
)
def test_whether_the_statistics_or_the_weights_are_followed_is_said(tables, own, swapped, sentence):
    row = next(row for row in whole(tables, "cnn_overfit", "published") if row["space"] == "target_features")
    rows = [
        row | {"target": target, "source": "joint", "gain": sum(ends) / 2, "gain_low": ends[0], "gain_high": ends[1]}
        for target, ends in (("cnn_overfit", own), ("cnn_overfit_swapped", swapped))
    ]
    both = tables | {"leak": [*tables["leak"], *rows]}
    assert sentence in said(both) and sentence not in said(tables)
    assert "swapped" not in headline(both)
    assert any(section.title == "Do the stored statistics leak?" for section in words(both)["sections"])


def test_a_leak_in_the_target_s_own_features_alone_redraws_nobody(tables):
    nobody = "obody was shown to be reconstructed"
    assert nobody not in said(tables) and nobody not in headline(tables)
    for space in ("ssim", "independent_features"):
        tables = changed(tables, "leak", {"flagged": False}, space=space, flagged=True)
    assert "in the target's own features alone: overfit CNN." in said(tables)
    assert nobody in said(tables) and nobody in headline(tables)


def test_a_study_without_the_published_attack_has_its_say_too(tables):
    rows = [row for row in tables["leak"] if row["source"] != "published"]
    others = [row | {"source": "per_class"} for row in tables["leak"] if row["source"] == "published"]
    flags = {**tables, "leak": [*rows, *others]}
    assert "Overfit CNN: an attack shows a leak: by 'pixels, no prior'" in said(flags)
    silent = changed(flags, "leak", {"flagged": False}, flagged=True)
    assert "The audit did not see its own positive control" in said(silent)
    assert re.search(r"and its controls allow: CNN (in|by)", said(silent))
    assert len(words(silent)["highlights"]) == 3


def test_the_skill_goes_with_every_prediction(tables):
    text = next(text for text in findings(tables) if text.startswith("What a model reads off"))
    assert "R2 0." in text and "balanced accuracy" in text and "read these as cases, not as rates" in text
    row = next(row for row in tables["demographics"] if row["set"] == "validation_patients")
    poor = {"age_usable": False}
    dumb = {
        **tables,
        "demographics": [row | poor, *({**one, "mae": None} for one in tables["demographics"][1:])],
    }
    text = next(text for text in findings(dumb) if text.startswith("What a model reads off"))
    assert "its age is not usable, so that none is shown" in text
    assert not re.search(r"CNN [\d.]+ years off", text)


def test_a_mitigation_that_is_flagged_has_a_paragraph_of_its_own(tables):
    """What helps is told together elsewhere, but no exposed checkpoint goes without its paragraph."""
    leaking = changed(tables, "leak", {"target": "cnn_dropout"}, target="cnn_overfit")
    own = [text for text in words(leaking)["findings"] if text.startswith("CNN with dropout: ")]
    assert len(own) == 1 and "nearer to training patients than to non-members" in own[0]
    silent = changed(leaking, "leak", {"flagged": False}, target="cnn_dropout")
    assert "CNN with dropout" not in said(silent)


def test_a_mitigation_helps_only_beyond_chance(tables):
    assert "all of the regular recipe (AUC 0." in said(tables)
    none = changed(tables, "mitigations", {"holm_p": 0.4})
    assert "a difference beyond chance was seen for none of these: all of the regular recipe" in said(none)
    unseen = changed(none, "leak", {"flagged": False}, target="cnn_overfit")
    assert "this is no proof that nothing helps." in said(unseen) and "no proof" not in said(none)


def test_a_target_that_learned_nothing_is_compared_with_nothing(tables):
    none = changed(tables, "mitigations", {"balanced": 0.52, "comparable": False}, target="cnn")
    assert "(AUC 0." not in said(none).partition("There are stronger")[0]
    assert "may leak all the same" in said(none) and "below 0.7: CNN 0.52." in said(none)
    assert "What learned nothing" not in said(tables)


def test_a_flagged_target_is_not_among_those_without_a_leak(tables):
    (silent,) = (text for text in findings(tables) if text.startswith("Where the weights were not shown to leak"))
    assert "CNN in" in silent and "overfit CNN" not in silent
    none = changed(tables, "leak", {"flagged": False}, target="cnn_overfit", flagged=True)
    assert any(
        text.startswith("Where the weights were not shown to leak") and "overfit CNN" in text for text in findings(none)
    )


def test_a_stronger_method_wins_only_beyond_chance(tables):
    assert "There are stronger attacks than the published one: 'pixels, no prior' on the overfit CNN" in said(tables)
    assert "None of the other attacks (pixels, no prior)" in said(changed(tables, "methods", {"holm_p": 0.4}))


def test_every_view_names_columns_that_are_there(tables):
    found = results(tables)
    for section in found.sections:
        if section.table:
            assert build(found.tables[section.table.name], section.table).rows, section.title


def keep_images(run, invented):
    for source, groups in invented["groups"].items():
        write_groups(run, source, groups)
    for attacked in invented["attacked"]:
        write_attacked(run, attacked)
        images = np.zeros((3, 2, SIDE, SIDE), np.uint8)
        write_progression(run, Progression(attacked.target, attacked.method, np.array([0, 1, 2]), images))


def test_images_are_shown_only_when_asked_for(tables, invented, tmp_path):
    run = Run(tmp_path)
    found = results(tables)
    private = [
        section.model_copy(update={"table": None, "figures": [figure for figure in section.figures if figure.private]})
        for section in found.sections
    ]
    found.model_copy(update={"sections": private}).write(run.results)
    text = make_report(tmp_path).read_text(encoding="utf-8")
    assert "This report shows no patient image" in text and "<img" not in text
    assert "Planted CNN" in text and "Gallery" not in text
    keep_images(run, invented)
    shown = make_report(tmp_path, show_images=True)
    assert shown.parent.name == "private" and shown.read_text(encoding="utf-8").count("<img") == 2


@pytest.mark.slow
def test_the_whole_page_of_a_study_is_drawn(tables, invented, tmp_path):
    run = Run(tmp_path)
    results(tables).write(run.results)
    keep_images(run, invented)
    make_report(tmp_path)
    text = make_report(tmp_path, show_images=True).read_text(encoding="utf-8")
    assert text.count("<figure") == 11


def test_of_controls_alone_no_checkpoint_is_judged(tables):
    found = results(only(tables, "cnn_planted", "cnn_untrained"))
    assert found.headline.startswith("Controls alone") and found.findings[0].startswith("To learn what a checkpoint")


def test_membership_by_the_output_stands_in_the_headline_and_no_control_accuses(tables):
    row = {
        "target": "cnn",
        "control": False,
        "outcome": "shown",
        "signal": "margin",
        "sentence": "It tells.",
        "auc": 0.9,
    }
    control = row | {"target": "cnn_planted", "control": True, "sentence": "It was made to."}
    both = tables | {"membership_verdicts": [row, control]}
    told = words(both)
    assert "CNN: It tells." in told["headline"] and "made to" not in told["headline"]
    assert "planted CNN (a control): It was made to." in told["findings"]
    silent = only(both, "cnn", "cnn_planted")
    assert words(silent)["headline"].startswith("CNN: It tells.")


def test_a_group_of_few_is_told_so_that_what_is_published_can_leave_it_out(tables):
    few = changed(tables, "patients", {"patients": 9}, source="public", group="validation")
    (told,) = (text for text in words(few)["attacked"] if text.startswith("Patients (public)"))
    assert "9 patients for validation" in told and counts_few("9 patients for validation", 10)
