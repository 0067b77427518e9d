"""What the page says: headline, findings, gates, chapters."""

from dataclasses import replace

import numpy as np
import pytest
from tests.report.example import example_results
from tests.studies.lee2025.example import SIDE, drawn, groups

from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.store import keep
from remnant.measure.anonymity import stationary_population
from remnant.report.few import counts_few
from remnant.report.page import make_report
from remnant.report.tables import build
from remnant.studies.lee2025 import page
from remnant.studies.lee2025.drawn import keep_drawn
from remnant.studies.lee2025.findings import conclusion, findings, headline
from remnant.studies.lee2025.groups import write_groups
from remnant.studies.lee2025.stage1 import Progression

PRIOR = "A generator of 64 x 64 pixels, trained on 500 public radiographs."


def changed(tables, name, change, **where):
    """The tables with `change` made to the rows of one of them that are `where`."""
    rows = [row | change if where.items() <= row.items() else row for row in tables[name]]
    return tables | {name: rows}


def silenced(exposure, *targets, claim=None):
    """The same, where nothing is shown of these targets, or of one claim about them."""

    def said(one):
        silent = one.target in targets and claim in (None, one.claim) and one.outcome == "exposed"
        return one.model_copy(update={"outcome": "not shown"}) if silent else one

    return replace(exposure, findings=list(map(said, exposure.findings)))


def only(exposure, *targets):
    """What was found on some of the targets."""
    return replace(exposure, findings=[one for one in exposure.findings if one.target in targets])


def said(exposure, tables):
    return " ".join(findings(exposure, tables))


def words(exposure, tables):
    return page.words(exposure, tables, side=64, prior=PRIOR, population=(stationary_population(), "Invented."))


def results(exposure, tables):
    update = {"study": "lee2025", "tables": tables, **words(exposure, tables)}
    return Results.model_validate(example_results().model_copy(update=update).model_dump())


def test_the_headline_names_who_is_exposed_and_by_what(exposure, tables):
    text = headline(exposure)
    assert text.startswith(
        "1 of 2 checkpoints gives training patients away (overfit CNN). Nobody was shown to be recon"
    )
    assert "Strongest evidence: AUC 0." in text and "(overfit CNN, 'output', signed margin" in text
    first = findings(exposure, tables)[0]
    assert (
        first.startswith("Treat checkpoints trained like the overfit CNN as patient data") and "does not help" in first
    )
    silent = silenced(exposure, "cnn_overfit")
    assert headline(silent).startswith(
        "None of 2 checkpoints was shown to give its training patients away, by attacks that"
    )
    assert "no clearance" in findings(silent, tables)[0]
    weights = silenced(exposure, "cnn_overfit", claim="patient_scores")
    assert "Members' gain" in headline(weights) and "does not help" not in findings(weights, tables)[0]


def test_images_that_resemble_patients_outside_the_targets_features_are_told(exposure, tables):
    assert "Of these membership leaks, and nobody's image was shown to: overfit CNN." in said(exposure, tables)
    pictured = replace(
        exposure,
        findings=[
            one.model_copy(update={"outcome": "exposed"})
            if (one.target, one.attack, one.view) == ("cnn_overfit", "joint", "by SSIM")
            else one
            for one in exposure.findings
        ],
    )
    assert "obody was shown" not in headline(pictured) and "image was shown to" not in said(pictured, tables)


def test_an_audit_that_misses_its_own_control_says_so(exposure, tables):
    missed = silenced(exposure, "cnn_planted", claim="candidates")
    assert missed.seen is False and words(missed, tables)["highlights"][0].value == "not seen"
    assert "The audit did not see its own positive control in the weights" in said(missed, tables)
    assert headline(missed).endswith("The leak that was planted as a control was not seen in the weights.")
    silent = silenced(missed, "cnn_overfit")
    assert "can clear no checkpoint." in headline(silent)
    assert "keep the checkpoints as you keep the images" in said(silent, tables)


def test_controls_are_told(exposure, tables):
    text = said(exposure, tables)
    assert "Planted members are found (AUC 1.00, asked 0.95; 8 planted) by answers of a CNN trained on 8 images" in text
    assert "A network that was never trained, the negative control, gives nobody away." in text
    alarm = [one.model_copy(update={"passed": False}) if one.kind == "null" else one for one in exposure.answers]
    assert "raised a false alarm" in said(replace(exposure, answers=alarm), tables) and "false alarm" not in text
    alone = replace(only(exposure, "cnn"), controls={"cnn": []}, answers=[])
    assert "This run has no positive control" in said(alone, tables) and "negative control" not in said(alone, tables)


def test_a_tile_shows_the_strongest_on_each_target(exposure, tables):
    control, cnn, overfit = words(exposure, tables)["highlights"]
    assert (control.value, control.label) == ("seen", "Leak planted as a control")
    assert (overfit.label, overfit.note[-9:]) == ("overfit CNN: AUC", "· exposed")
    assert cnn.label.startswith("CNN: ") and cnn.note.endswith("· not shown")


@pytest.mark.parametrize(
    ("own", "swapped", "sentence"),
    [
        ((0.1, 0.5), (0.1, 0.4), "It stays with the training patients: it follows the weights"),
        ((0.1, 0.5), (-0.5, -0.1), "the stored statistics carry membership"),
        ((0.1, 0.5), (-0.2, 0.1), "No pull is left, to either side"),
        ((-0.1, 0.5), (-0.5, -0.1), "Whether stored statistics carry membership is open"),
    ],
)
def test_whether_the_statistics_or_the_weights_are_followed_is_said(exposure, tables, own, swapped, sentence):
    (row,) = (
        one for one in exposure.of("cnn_overfit") if (one.attack, one.view) == ("joint", "in the network's features")
    )
    rows = [
        row.model_copy(update={"target": target, "value": sum(ends) / 2, "low": ends[0], "high": ends[1]})
        for target, ends in (("cnn_overfit", own), ("cnn_overfit_swapped", swapped))
    ]
    both = replace(exposure, findings=[one for one in exposure.findings if one is not row] + rows)
    assert sentence in said(both, tables) and sentence not in said(exposure, tables)
    assert "swapped" not in headline(both)


def test_the_skill_goes_with_every_prediction(exposure, tables):
    text = said(exposure, tables)
    assert (
        "Age read off radiographs of strangers is usable: R2 0." in text and "Sex is usable: balanced accuracy" in text
    )
    assert "years off (one guess" in text and "read these as cases, not as rates" in text
    dumb = tables | {"demographics": [row | {"mae": None} if row["target"] else row for row in tables["demographics"]]}
    assert "years off" not in said(exposure, dumb) and "CNN sex right for" in said(exposure, dumb)


def test_a_mitigation_helps_only_beyond_chance_and_where_something_was_learned(exposure, tables):
    assert "this helps: all of the regular recipe (AUC 0." in said(exposure, tables)
    none = changed(tables, "mitigations", {"shown": "not shown"})
    assert "no help against membership by its answers was shown: all of the regular recipe." in said(exposure, none)
    weak = said(exposure, changed(tables, "mitigations", {"balanced": 0.52, "comparable": False}))
    assert "this helps" not in weak and "so these cannot be compared: CNN 0.52, beside 0.72 of the overfit CNN" in weak


def test_of_controls_alone_no_checkpoint_is_judged(exposure, tables):
    found = results(only(exposure, "cnn_planted", "cnn_untrained"), tables)
    assert found.headline.startswith("Controls alone") and found.findings[0].startswith("To learn what a checkpoint")


def test_every_view_names_columns_that_are_there(exposure, tables):
    found = results(exposure, tables)
    for section in found.sections:
        if section.table:
            assert build(found.tables[section.table.name], section.table).rows, section.title


def test_a_chapter_is_there_where_there_is_something_to_show(exposure, tables):
    def titles(tables):
        return [section.title for section in words(exposure, tables)["sections"]]

    asked = "Does the attack ask for the training images?"
    row = {"target": "cnn", "method": "published", "images": "found", "sets": 20, "value": 1.0, "low": 0.5, "high": 1.5}
    some = [row | {"images": name} for name in ("members", "non_members", "found")]
    assert asked not in titles(tables) and asked in titles(tables | {"identifiability": some})
    others = changed(tables, "likely", {"method": "gmi"}) | {"candidates": [], "stage1": []}
    found = results(exposure, others)
    assert "Stage 1" in titles(tables) and "Stage 1" not in titles(others)
    (likely,) = (section for section in found.sections if section.title == "Which of the images are likely?")
    assert not likely.figures


def test_a_group_of_few_is_told_so_that_what_is_published_can_leave_it_out(exposure, tables):
    few = changed(tables, "patients", {"patients": 9}, source="public", group="validation")
    (told,) = (text for text in words(exposure, few)["attacked"] if text.startswith("Patients (public)"))
    assert "9 patients for validation" in told and counts_few("9 patients for validation", 10)


def keep_images(run):
    draw = np.random.default_rng(0)
    parts = groups(draw)
    for source, own in parts.items():
        write_groups(run, source, own)
    for target in ("cnn", "cnn_overfit", "cnn_planted", "cnn_untrained"):
        keep_drawn(run, target, "published", drawn(draw, parts["private"]["members"].take(range(8)))[0])
        progression = Progression(np.array([0, 1, 2]), np.zeros((3, 2, SIDE, SIDE), np.uint8))
        keep(run.private / "progressions" / f"{target}-published.npz", progression)


def test_images_are_shown_only_when_asked_for(exposure, tables, tmp_path):
    run, found = Run(tmp_path), results(exposure, tables)
    private = [
        section.model_copy(update={"table": None, "figures": [figure for figure in section.figures if figure.private]})
        for section in found.sections
    ]
    found.model_copy(update={"sections": private}).write(run.results)
    text = make_report(tmp_path).read_text(encoding="utf-8")
    assert "This report shows no patient image" in text and "<img" not in text
    assert "Planted CNN" in text and "Gallery" not in text
    keep_images(run)
    shown = make_report(tmp_path, show_images=True)
    assert shown.parent.name == "private" and shown.read_text(encoding="utf-8").count("<img") == 2


@pytest.mark.slow
def test_the_whole_page_of_a_study_is_drawn(exposure, tables, tmp_path):
    run = Run(tmp_path)
    results(exposure, tables).write(run.results)
    keep_images(run)
    make_report(tmp_path)
    assert make_report(tmp_path, show_images=True).read_text(encoding="utf-8").count("<figure") == 9


def no_conclusion(exposure, tables, preset="cpu"):
    return conclusion(exposure, tables, preset).no_conclusion


def test_a_full_audit_concludes_and_a_trial_nothing_even_of_an_exposure(exposure, tables):
    silent = silenced(exposure, "cnn_overfit")
    assert conclusion(exposure, tables, "cpu") == ([], []) and conclusion(silent, tables, "cpu") == ([], [])
    assert ["'smoke'" in reason for reason in no_conclusion(exposure, tables, "smoke")] == [True]


@pytest.mark.parametrize(
    ("table", "change", "where", "told"),
    [
        ("patients", {"patients": 9}, {"group": "non_members"}, "9 non-members"),
        ("tuning", {"last": 99.0}, {}, "The loss did not fall"),
        ("prior", {"typical": 0.0, "alike": False}, {}, "unlike images"),
        ("prior", {"varied": False, "alike": False}, {}, "same image"),
        ("prior", {"source": "of no target"}, {}, "against no real images"),
        ("patients", {"source": "of no target"}, {}, "No patients were compared"),
        ("tuning", {"method": "another"}, {}, "fewer than two losses"),
    ],
)
def test_silence_counts_only_when_every_gate_is_open(exposure, tables, table, change, where, told):
    shut = changed(tables, table, change, **where)
    reasons = no_conclusion(silenced(exposure, "cnn_overfit"), shut)
    assert len(reasons) == 1 and told in reasons[0]
    # An exposure needs none of them, but the silence about the others does.
    told = conclusion(exposure, shut, "cpu")
    assert told.no_conclusion == [] and told.left_open[0].startswith("No conclusion about CNN:")
    assert len(told.left_open) == 2 and (told.left_open[1] == reasons[0] or table == "tuning")


def test_silence_counts_only_beside_a_control_that_was_seen(exposure, tables):
    silent = silenced(exposure, "cnn_overfit")
    assert "no positive control" in " ".join(no_conclusion(only(silent, "cnn"), tables))
    missed = silenced(silent, "cnn_planted")
    assert "did not see its positive control" in " ".join(no_conclusion(missed, tables))


def test_what_failed_for_the_exposed_alone_leaves_nothing_open(exposure, tables):
    assert conclusion(exposure, changed(tables, "tuning", {"last": 99.0}, target="cnn_overfit"), "cpu") == ([], [])


def test_attacks_without_a_stage_1_have_no_loss_to_fall(exposure, tables):
    searched = changed(tables, "likely", {"method": "gmi"}, method="published") | {"tuning": []}
    assert no_conclusion(silenced(exposure, "cnn_overfit"), searched) == []
