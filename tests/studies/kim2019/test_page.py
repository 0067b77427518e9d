import re
from dataclasses import replace

import pytest
from tests.report.example import example_results
from tests.studies.kim2019.example import scans, study, subject, with_pairs

from remnant.base.results import Results
from remnant.report.few import counts_few
from remnant.report.few_rows import without_few
from remnant.report.page import make_report
from remnant.report.tables import build
from remnant.studies.kim2019 import page
from remnant.studies.kim2019.tables import make_tables
from remnant.studies.kim2019.variants import VARIANTS

DEFORMATION, LEARNED = "secret deformation", (1.0, 0.5)


def changed(tables, name, change, **where):
    """The tables with `change` made to the rows of one of them that are `where`."""
    rows = [row | change if where.items() <= row.items() else row for row in tables[name]]
    return tables | {name: rows}


def losses(tables, values=LEARNED, **others):
    """Losses of every variant, by default such as fell; `others` by name."""
    names = [row["name"] for row in tables["headline"]]
    return tables | {
        "stage1": [
            {"name": name, "recipe": "ours", "term": "segmentation", "value": value}
            for name in names
            for value in others.get(name, values)
        ]
    }


def outcomes(findings, outcome, **of):
    """The findings with other outcomes where their fields are as given."""
    return [
        one.model_copy(update={"outcome": outcome}) if all(getattr(one, k) == v for k, v in of.items()) else one
        for one in findings
    ]


def exposing(findings, *targets):
    """The findings with exposures of the codes of these targets alone."""
    return [
        one.model_copy(update={"outcome": "exposed" if one.target in targets and one.view == "codes" else "not shown"})
        for one in findings
    ]


@pytest.fixture(scope="module")
def results(made):
    findings, tables = made
    words = page.words(findings, tables, VARIANTS, page.attacked(tables, VARIANTS, scans()))
    update = {"study": "kim2019", "tables": tables, **words}
    return Results.model_validate(example_results().model_copy(update=update).model_dump())


def test_the_first_sentence_says_how_many_expose_patients_and_what_remains(made):
    findings, tables = made
    text = page.headline(findings, tables)
    assert text.startswith("Of 4 ways to hide a scan, 3 expose patients by what is sent. After Kim 2019, \u03bb 1 · ")
    assert re.search(
        r"The least remains with secret deformation: .* AUC of 0\.\d+ \[.*\], at 0\.\d+ of Dice lost\.$", text
    )
    one = page.headline(exposing(findings, DEFORMATION), tables)
    assert one.startswith("Of 4 ways to hide a scan, 1 exposes patients by what is sent. Secret deformation · ")
    assert max(len(sentence.split()) for sentence in text.split(". ")) <= 35


def test_raw_scans_and_segmentations_expose_no_code(made):
    findings, tables = made
    silent = exposing(findings, "raw scan")
    assert page.headline(silent, tables).startswith("Of 4 ways to hide a scan, none was shown to expose patients")
    maps = outcomes(exposing(findings), "exposed", view="segmentations of codes")
    assert "none was shown" in page.headline(maps, tables)
    assert "Silence is a statement about these attacks" in page.paragraphs(maps, tables)[0]
    bare = tables | {"headline": [row for row in tables["headline"] if row["variant"] == "raw"]}
    assert page.headline(findings, bare).startswith("Nothing was hidden") and page.paragraphs(findings, bare) == []


def test_a_paragraph_says_what_was_found_of_each_variant(made):
    findings, tables = made
    told = page.paragraphs(findings, tables)
    for row in tables["headline"]:
        named = [text for text in told if text.lower().startswith(f"{row['name'].lower()} · ") and "codes" in text]
        assert len(named) == (row["variant"] != "raw"), row["name"]
    assert told[0].startswith("Treat a code that exposes patients as the scan itself")
    assert any("Yardstick 1" in text and "nearest comes" in text for text in told)
    assert any("By AUC it tells more for after Kim 2019, \u03bb 1 (" in text for text in told)
    assert any("still a picture of the patient's head" in text for text in told)
    none = changed(tables, "difference", {"beyond": False})
    assert any("No more was seen of any." in text for text in page.paragraphs(findings, none))


def test_membership_stands_beside_and_is_of_the_strongest(made):
    findings, tables = made
    (text,) = (text for text in page.paragraphs(findings, tables) if "members against non-members" in text)
    strongest = next(one for one in findings if one.claim == "patient_scores")
    assert text.lower().startswith(strongest.target.lower())


def test_a_tile_a_variant_and_none_that_quotes_what_says_nothing(tables):
    tiles = page.highlights(tables)
    assert len(tiles) == 5 and tiles[1].label == "after Kim 2019, \u03bb 1: AUC of the strongest attack"
    assert "24 patients" in tiles[1].note and re.search(r"Dice −0\.\d{3}", tiles[1].note)
    void = changed(tables, "trade_off", {"counts": False, "value": 0.706}, variant="deformation")
    assert [tile.value == "–" for tile in page.highlights(void)] == [False] * 4 + [True]
    assert "0.71" not in page._least(void)


def test_a_full_run_of_which_all_is_exposed_or_would_have_been_seen_concludes(made):
    findings, tables = made
    assert page.conclusion(findings, losses(tables), "cpu") == ([], [])
    assert page.conclusion(exposing(findings), losses(tables), "cpu") == ([], [])


@pytest.mark.parametrize("preset", ["smoke", "demo"])
def test_a_trial_concludes_nothing_even_of_codes_that_expose(made, preset):
    findings, tables = made
    told = page.conclusion(findings, losses(tables), preset)
    assert [preset in reason for reason in told.no_conclusion] == [True]


@pytest.mark.parametrize("outcome", ["too few patients", "attack too weak", "power unknown", "not testable"])
def test_silence_counts_only_where_an_attack_of_each_claim_could_have_succeeded(made, outcome):
    findings, tables = made
    silent = outcomes(exposing(findings), outcome, target=DEFORMATION, claim="reconstructions")
    told = page.conclusion(silent, losses(tables), "cpu")
    assert len(told.no_conclusion) == 1 and "Secret deformation · " in told.no_conclusion[0]
    # An exposure of another variant stays one, and clears nobody.
    shown = outcomes(silent, "exposed", target="entropy, \u03bb 1", view="codes", claim="pair_scores")
    told = page.conclusion(shown, losses(tables), "cpu")
    assert told.no_conclusion == [] and "No conclusion about" in told.left_open[0] and DEFORMATION in told.left_open[0]
    # What exposes patients itself needs no other attack.
    own = outcomes(silent, "exposed", target=DEFORMATION, view="codes", claim="pair_scores")
    assert page.conclusion(own, losses(tables), "cpu").left_open == []


def test_silence_counts_only_of_networks_that_learned(made):
    findings, tables = made
    silent = exposing(findings)
    still = page.conclusion(silent, losses(tables, **{DEFORMATION: (1.0, 1.0)}), "cpu").no_conclusion
    assert len(still) == 1 and "The loss did not fall" in still[0]
    assert "two losses" in " ".join(page.conclusion(silent, tables | {"stage1": []}, "cpu").no_conclusion)
    # Of a variant that is exposed nobody asks whether it learned.
    shown = exposing(findings, DEFORMATION)
    assert page.conclusion(shown, losses(tables, **{DEFORMATION: (1.0, 1.0)}), "cpu") == ([], [])


def test_where_no_raw_scan_was_segmented_no_figure_says_what_was_lost(made):
    findings, tables = made
    unknown = changed(tables, "trade_off", {"loss": None})
    assert page.words(findings, tables, VARIANTS, [])["sections"][0].figures
    assert not page.words(findings, unknown, VARIANTS, [])["sections"][0].figures


def test_the_report_is_whole(results, tmp_path):
    results.write(tmp_path / "results.json")
    text = make_report(tmp_path).read_text()
    for number in ("0.812", "0.513", "What attacks find in each network", "Controls"):
        assert number in text, number
    assert "Traceback" not in text and "None" not in re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)


def test_every_table_view_finds_its_columns_and_rows(results, tables):
    for section in results.sections:
        if section.table:
            assert build(tables[section.table.name], section.table).rows, section.title


def test_what_was_not_measured_has_no_chapter_but_a_line(made):
    findings, tables = made
    gone = ("inversion", "attributes", "transfer", "transfer_by_class", "difference")
    bare = {name: [] if name in gone else rows for name, rows in tables.items()}
    bare["identity"] = [row for row in bare["identity"] if row["view"] in ("code", "labels")]
    words = page.words(findings, bare, VARIANTS, [])
    assert "Can the scan be reconstructed?" not in [section.title for section in words["sections"]]
    told = " ".join(words["not_tested"])
    assert (
        "Whether the scan can be reconstructed." in told
        and "sent many times with fresh secrets" in told
        and "Age and sex" in told
    )


def test_real_pairs_stand_apart_from_the_simulated(made):
    findings, tables = made
    real = [row | {"kind": "real", "patients": 5} for row in tables["identity"] if row["view"] in ("code", "labels")]
    both = tables | {"identity": tables["identity"] + real}
    words = page.words(findings, both, VARIANTS, page.attacked(both, VARIANTS, scans()))
    shown = {section.title: section.table for section in words["sections"]}
    assert shown["Are two images of one patient?"].where["kind"] == "simulated"
    assert any("real pairs" in text and text.endswith("reported apart.") for text in words["attacked"])


def test_real_pairs_are_findings_of_their_own(few_draws):
    given = study({"raw": (6.0, 3.0, 0.85), "published-1": (2.5, 1.0, 0.82)})
    raw, hidden = given["subjects"]
    real = subject("published-1", 3.0, 1.0, 0.82).pairs["code"]
    both = replace(hidden, pairs={**hidden.pairs, "code": [*hidden.pairs["code"], *(_real(one) for one in real)]})
    findings, tables = make_tables(**given | {"subjects": [raw, both]})
    (found,) = (one for one in findings if one.where)
    assert (found.where, found.claim, found.outcome) == ("real visits", "pair_scores", "exposed")
    assert {row["kind"] for row in tables["identity"]} == {"real", "simulated"}


def _real(one):
    return replace(one, where="real visits")


def test_a_control_on_raw_scans_that_fails_clears_no_code(few_draws):
    given = study({"raw": (6.0, 3.0, 0.85), "deformation": (0.0, 0.0, 0.84)})
    raw, hidden = given["subjects"]
    dull = with_pairs(raw, "code", lambda one: replace(one, scores=0 * one.scores))
    for own, outcome in ((raw, "not shown"), (dull, "attack too weak")):
        findings, _ = make_tables(**given | {"subjects": [own, hidden]})
        found = [one for one in findings if one.target == DEFORMATION and one.attack == "verification"]
        assert {one.outcome for one in found if one.view == "codes"} == {outcome}


def test_each_value_is_of_its_own_number_of_patients(tables):
    few = changed(tables, "trade_off", {"patients": 12}, against="everything", variant="deformation")
    assert "12 patients · " in page.highlights(few)[4].note
    row = {"name": "x", "patients": 24, "queried": 0.9, "queried_low": 0.8, "queried_patients": 6, "code": 0.7}
    kept = without_few(row, 10, set())
    assert kept["queried"] is kept["queried_low"] is kept["queried_patients"] is None and kept["code"] == 0.7


def test_the_defence_is_not_called_as_published(tables):
    assert {row["name"] for row in tables["headline"] if row["variant"] == "published-1"} == {
        "after Kim 2019, \u03bb 1"
    }
    assert not any("as published" in variant.words for variant in VARIANTS.values())


def test_a_group_of_few_is_told_so_that_what_is_published_can_leave_it_out(tables):
    own = scans()
    test = sorted({name for name, role in zip(own.patients, own.roles, strict=True) if role == "test"})
    few = replace(
        own,
        roles=tuple("other" if name in test[9:] else role for name, role in zip(own.patients, own.roles, strict=True)),
    )
    (said,) = (text for text in page.attacked(tables, VARIANTS, few) if "reported." in text)
    assert "; 9 other patients, whom no training saw, are reported." in said and counts_few(
        said.partition(";")[2], 9 + 1
    )
