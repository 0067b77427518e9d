import re
from dataclasses import replace

import pytest
from tests.report.example import example_results
from tests.studies.kim2019.example import scans

from remnant.base.results import Results
from remnant.report.few import counts_few
from remnant.report.few_rows import without_few
from remnant.report.page import make_report
from remnant.report.tables import build
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.findings import findings, headline, highlights
from remnant.studies.kim2019.variants import VARIANTS


def changed(tables, name, change, **where):
    """The tables with `change` made to the rows of one of them that are `where`."""
    rows = [row | change if where.items() <= row.items() else row for row in tables[name]]
    return tables | {name: rows}


def only(tables, *variants):
    """The tables of some variants alone."""
    return {name: [row for row in rows if row["variant"] in variants] for name, rows in tables.items()}


def not_inverted(tables):
    return changed(changed(tables, "headline", {"inverted": False}), "headline", {"inverted": True}, variant="raw")


def said(tables):
    return " ".join(findings(tables))


@pytest.fixture(scope="module")
def results(tables):
    words = page.words(tables, VARIANTS, page.attacked(tables, VARIANTS, scans()))
    update = {"study": "kim2019", "tables": tables, **words}
    return Results.model_validate(example_results().model_copy(update=update).model_dump())


def test_the_first_sentence_says_that_codes_can_be_inverted_and_what_remains(tables):
    text = headline(tables)
    assert text.startswith("3 of 4 codes can be inverted: reconstructed from the code of after Kim 2019, \u03bb 1, ")
    assert re.search(r"\d+ of 24 patients' own scans are found first \(\d+%, 95% interval \d+% to \d+%\)", text)
    assert "and from its segmentation alone" in text and "(chance is 4.2%)" in text
    assert re.search(
        r"the least remains with secret deformation, at 0\.\d+ of Dice lost: .* with an AUC of 0\.\d+ \[", text
    )
    assert text.count(". ") == 0 and text.endswith("(0.5 is guessing).")
    few = {"against": "once", "variant": "deformation"}
    weaker = changed(tables, "trade_off", {"value": 0.6, "low": 0.5, "high": 0.7}, **few)
    assert ", one code and its segmentation of 24 patients with 0.60 [0.50, 0.70] (0.5 is guessing)" in headline(weaker)
    assert [" · one code, 24 patients, 0.60" in tile.note for tile in highlights(weaker)] == [False] * 4 + [True]
    assert headline(only(tables, "raw", "published-1")).startswith("The code can be inverted")


def test_where_no_raw_scan_was_segmented_no_figure_says_what_was_lost(tables):
    unknown = changed(tables, "trade_off", {"loss": None})
    assert page.words(tables, VARIANTS, page.attacked(tables, VARIANTS, scans()))["sections"][0].figures
    assert not page.words(unknown, VARIANTS, page.attacked(unknown, VARIANTS, scans()))["sections"][0].figures


def test_without_inversion_it_says_whose_code_tells_more_than_its_map(tables):
    text = headline(not_inverted(tables))
    most = max((row for row in tables["difference"] if row["beyond"]), key=lambda row: row["difference"])
    assert text.startswith("1 of 4 codes tells more of a patient than its own segmentation, most that of ")
    assert f"most that of {most['name']}, on 24 patients, by an AUC of +{most['difference']:.3f}" in text
    assert "No code could be inverted, while the raw scans were, by the same attack; the least remains" in text
    blunt = changed(not_inverted(tables), "headline", {"inverted": False}, variant="raw")
    assert "inverted nothing, not even the raw scans" in headline(blunt) and "could be inverted" not in headline(blunt)


def test_a_silence_is_told_apart_from_attacks_that_did_not_prove_themselves(tables):
    silent = changed(changed(not_inverted(tables), "headline", {"beyond": False}), "difference", {"beyond": False})
    assert headline(silent).startswith("No code was seen to tell more of a patient than its own segmentation does, and")
    assert "That is a statement about these attacks" in findings(silent)[0]
    for weak in (
        changed(silent, "identity", {"counts": False}),
        changed(silent, "headline", {"inverted": False}, variant="raw"),
    ):
        assert "the attacks did not prove themselves on raw scans, so that this says nothing" in headline(weak)
    assert "by attacks that did not prove themselves" in headline(changed(tables, "identity", {"counts": False}))


def test_few_patients_are_said_to_be_too_few(tables):
    few = changed(changed(not_inverted(tables), "headline", {"beyond": None}), "difference", {"beyond": None})
    assert "The test patients are too few" in headline(few) and "while the raw scans were" in headline(few)
    blunt = changed(few, "headline", {"inverted": False}, variant="raw")
    assert "not even the raw scans" in headline(blunt) and "could be inverted" not in headline(blunt)
    assert findings(few)[0].startswith("Rest no decision on this run")
    assert "needs more test patients than 24" in said(few)


def test_raw_scans_alone_say_that_nothing_was_hidden(tables):
    alone = only(tables, "raw")
    assert headline(alone) == "Nothing was hidden: the scans were sent as they are." and findings(alone) == []


def test_the_first_yardstick_names_who_reaches_it_or_comes_nearest(tables):
    assert "Yardstick 1" in said(tables) and "Reached by secret deformation (" in said(tables)
    none = changed(tables, "trade_off", {"reached": False}, against="paper")
    assert "Not reached; nearest comes secret deformation" in said(none)
    unproven = changed(tables, "trade_off", {"reached": None}, against="paper", variant="deformation")
    assert "failed their control on raw scans, so that it is not known to be reached" in said(unproven)


def test_the_second_yardstick_has_the_difference_and_what_could_have_been_seen(tables):
    text = next(text for text in findings(tables) if text.startswith("Yardstick 2"))
    assert re.search(
        r"It tells more for after Kim 2019, \u03bb 1 \(.*difference \+0\.\d\d \[\+0\.\d\d, \+0\.\d\d\]\)", text
    )
    assert re.search(
        r"No more was seen for .*secret deformation \(a difference of 0\.\d\d would have been seen\)", text
    )
    assert "The segmentation that comes back is a fingerprint itself" in said(tables)


def test_controls_and_sure_errors_are_told(tables):
    assert "adversaries prove themselves: on raw scans each reaches" in said(tables)
    weak = changed(
        tables, "identity", {"counts": False, "balanced": 0.8}, variant="raw", adversary="d_adv", view="code"
    )
    assert "1 of 5 adversaries fails its control, a balanced accuracy of 0.95 on raw scans (D_adv 0.800)" in said(weak)
    wrong = {"auc": 0.1, "auc_low": 0.05, "auc_high": 0.2, "strength": 0.9, "knows": True}
    wrongly = changed(tables, "identity", wrong, variant="entropy-1", adversary="d_adv")
    assert (
        "1 adversary answers wrongly with confidence, most D_adv on the code of entropy, \u03bb 1 (AUC 0.10)"
        in said(wrongly)
    )
    assert "answer wrongly" not in said(only(tables, "raw", "published-1"))


def test_the_paper_secrets_second_cohorts_and_people_have_a_paragraph_each(tables):
    text = said(tables)
    assert "(0.953)" in text and "(0.598)" in text and "(0.513)" in text
    assert "secret deformation: sent 5 times" in text
    assert "under secret deformation is still a picture of the patient's head" in text
    assert "still a picture" not in said(changed(tables, "headline", {"method": "encoder"}))
    assert re.search(r"heads: raw scan 0\.\d+ \(0\.\d+\), after Kim 2019, \u03bb 100 .*, entropy, \u03bb 1 ", text)
    assert "The attacker reads age off the codes of after Kim 2019, \u03bb 1" in text
    nothing = {"age_usable": False, "sex_usable": False, "r2_low": -0.1, "sex_auc_low": 0.4}
    unread = changed(tables, "people", nothing)
    assert (
        "Neither age nor sex is read off any code with the skill asked for before a prediction may be shown."
        in said(unread)
    )
    told = changed(unread, "people", {"sex_auc_low": 0.6}, variant="entropy-1")
    assert "shown, but better than by guessing sex off the codes of entropy, \u03bb 1." in said(told)
    assert re.search(
        r"better than by guessing sex off all \d codes\.", said(changed(unread, "people", {"sex_auc_low": 0.6}))
    )


def test_a_tile_a_variant_with_the_strongest_attack_and_its_cost(tables):
    tiles = highlights(tables)
    assert [tile.label.split(":")[0] for tile in tiles] == [row["name"] for row in tables["headline"]]
    assert "Dice \u2212" in tiles[1].note and "Dice \u2212" not in tiles[0].note


def test_the_report_shows_every_chapter_figure_and_number_of_the_paper(results, tables, tmp_path):
    results.write(tmp_path / "results.json")
    text = make_report(tmp_path).read_text()
    figures = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert figures == {"trade-off", "adversaries", "beyond-map", "membership-by-output", "dice", "robustness"}
    for number in (
        "0.970",
        "0.953",
        "0.850",
        "0.520",
        "0.598",
        "0.941",
        "0.513",
        "0.822",
        "0.360",
        "0.331",
        "0.759",
        "0.08",
    ):
        assert number in text, number
    assert "Traceback" not in text and "None" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)


def test_every_table_view_finds_its_columns_and_rows(results, tables):
    for section in results.sections:
        if section.table:
            assert build(tables[section.table.name], section.table).rows, section.title


def test_what_was_not_measured_has_no_chapter_but_a_line(tables):
    bare = {
        name: [] if name in ("inversion", "people", "transfer", "transfer_by_class", "difference") else rows
        for name, rows in tables.items()
    }
    bare["identity"] = [row for row in bare["identity"] if row["view"] in ("code", "labels")]
    bare = changed(bare, "headline", {"inverted": None, "beyond": None})
    words = page.words(bare, VARIANTS, page.attacked(bare, VARIANTS, scans()))
    titles = [section.title for section in words["sections"]]
    assert "Can the scan be reconstructed?" not in titles and "One patient sent many times" not in titles
    told = " ".join(words["not_tested"])
    assert (
        "Whether the scan can be reconstructed." in told
        and "sent many times with fresh secrets" in told
        and "Age and sex" in told
    )


def test_real_pairs_stand_apart_from_the_simulated(tables):
    real = [row | {"kind": "real", "patients": 5} for row in tables["identity"] if row["view"] in ("code", "labels")]
    both = tables | {"identity": tables["identity"] + real}
    words = page.words(both, VARIANTS, page.attacked(both, VARIANTS, scans()))
    shown = {section.title: section.table for section in words["sections"]}
    assert shown["Are two images of one patient?"].where["kind"] == "simulated"
    assert shown["And on real pairs?"].where["kind"] == ["real"]
    assert any("real pairs" in text and text.endswith("reported apart.") for text in words["attacked"])


def test_a_low_value_says_how_many_adversaries_passed_their_control(tables):
    weak = changed(tables, "trade_off", {"adversaries": 9, "proved": 2}, against="everything")
    assert "only 2 of 9 adversaries, on code and segmentation, passed their control" in headline(weak)
    assert "passed their control" not in headline(changed(weak, "trade_off", {"proved": 9}))


def test_what_neither_succeeds_nor_passed_its_control_is_counted_and_not_quoted(tables):
    void = {"counts": False, "value": 0.706, "reached": False}
    weak = changed(tables, "trade_off", void, variant="deformation")
    assert "0.706" not in said(weak) and "0.71" not in headline(weak)
    assert "; no conclusion about secret deformation, where the strongest attack did not succeed" in headline(weak)
    assert [tile.value == "–" for tile in highlights(weak)] == [False] * 4 + [True]
    none = changed(weak, "trade_off", void)
    assert "what remains is not known: of no code" in headline(none)
    assert "Not reached; of no code did the strongest of these succeed" in said(none)
    unproven = changed(weak, "trade_off", {"reached": None}, against="paper", variant="deformation")
    assert "No conclusion about secret deformation: what lies within" in said(unproven) and "0.706" not in said(
        unproven
    )
    fresh = changed(tables, "identity", {"counts": False, "knows": False}, attack="d_new", variant="published-100")
    assert "(0.513)" not in said(fresh) and "Of 1 other code it failed its control and found nothing." in said(fresh)
    # What tells patients apart needs no control.
    assert "(0.513)" in said(changed(fresh, "identity", {"knows": True}, attack="d_new", variant="published-100"))


def test_each_value_is_of_its_own_number_of_patients(tables):
    few = changed(tables, "trade_off", {"patients": 12}, against="everything", variant="deformation")
    assert "all that the server sees of 12 patients distinguishes" in headline(few)
    assert "12 patients · " in highlights(few)[4].note
    twelve = changed(tables, "identity", {"patients": 12}, view="code_registered_mean")
    assert re.search(r"\) on 12 patients reaches an AUC of 0\.\d+, of a single code of 24 patients 0\.", said(twelve))
    row = {"name": "x", "patients": 24, "queried": 0.9, "queried_low": 0.8, "queried_patients": 6, "code": 0.7}
    kept = without_few(row, 10, set())
    assert kept["queried"] is kept["queried_low"] is kept["queried_patients"] is None and kept["code"] == 0.7


def test_no_kind_of_pairs_is_left_out(tables):
    """The few real pairs beside many simulated ones: what an adversary reaches there is said."""
    real = [
        row | {"kind": "real", "patients": 12, "auc": 0.76, "auc_low": 0.64, "auc_high": 0.94, "strength": 0.76}
        for row in tables["identity"]
        if row["variant"] == "deformation"
    ]
    found = said(tables | {"identity": [*tables["identity"], *real]})
    assert "On the real pairs, of 12 patients," in found
    assert re.search(r"an AUC of secret deformation 0\.76 \[0\.64, 0\.94\] \(", found)
    few = [row | {"patients": 5, "auc_low": None, "auc_high": None} for row in real]
    assert "of 5 patients, the strongest attack on the code reaches an AUC of secret deformation 0.76 (" in said(
        tables | {"identity": [*tables["identity"], *few]}
    )
    assert "On the real pairs" not in said(tables)
    void = [row | {"knows": False, "counts": False} for row in few]
    found = said(tables | {"identity": [*tables["identity"], *void]})
    assert "No conclusion about secret deformation on the real pairs, of 5 patients:" in found and "0.76" not in found


def test_the_defence_is_not_called_as_published(tables):
    assert {row["name"] for row in tables["headline"] if row["variant"] == "published-1"} == {
        "after Kim 2019, \u03bb 1"
    }
    assert not any("as published" in variant.words for variant in VARIANTS.values())


def test_a_group_of_few_is_told_so_that_what_is_published_can_leave_it_out(tables):
    own = scans()
    tested = sorted({name for name, role in zip(own.patients, own.roles, strict=True) if role == "test"})
    few = replace(
        own,
        roles=tuple(
            "other" if name in tested[9:] else role for name, role in zip(own.patients, own.roles, strict=True)
        ),
    )
    (said,) = (text for text in page.attacked(tables, VARIANTS, few) if "reported." in text)
    assert "; 9 other patients, whom no training saw, are reported." in said and counts_few(
        said.partition(";")[2], 9 + 1
    )
