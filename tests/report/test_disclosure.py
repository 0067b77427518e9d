import json

import pytest
from tests.report.example import example_results

from remnant.base.errors import RemnantError
from remnant.base.results import FigureView, Highlight, Section, TableView
from remnant.report.disclosure import aggregate
from remnant.report.few import counts_few
from remnant.report.page import render


def with_table(name, rows, **changes):
    return example_results().model_copy(
        update={"tables": {name: rows, **changes.pop("tables", {})}, "sections": [], **changes}
    )


def row_of(row, smallest=10):
    return aggregate(with_table("t", [row, {"patients": 40}]), smallest).results.tables["t"][0]


def test_no_row_and_no_dot_of_a_patient_is_left():
    told = aggregate(example_results(), 1)
    assert '"pseudonym"' in json.dumps(example_results().tables) and "pseudonym" not in json.dumps(told.results.tables)
    assert not {"scores", "exposed"} & told.results.tables.keys()
    kinds = {figure.kind for section in told.results.sections for figure in section.figures}
    assert "identification_bars" in kinds and not {"own_against_others", "reconstructions"} & kinds
    assert "the table `scores`, which has a row a patient" in told.left_out
    # With a smallest cell of one nothing else is withheld.
    assert told.results.tables["ranks"] == example_results().tables["ranks"]
    assert told.results.headline == example_results().headline


def test_ages_of_single_people_go_though_they_bear_no_name():
    ages = [{"target": None, "set": "validation_patients", "actual": 61.0, "predicted": 49.0}]
    told = aggregate(with_table("ages", ages), 1)
    assert "ages" not in told.results.tables


def test_a_group_of_few_keeps_its_labels_alone():
    row = {"network": "unet", "n": 9, "dice": 0.8, "published": 0.9, "found": True, "verdict": "usable on 9 patients"}
    assert row_of(row) == row | {"n": None, "dice": None, "found": None, "verdict": None}
    assert row_of(row | {"n": 10, "verdict": "usable"}) == row | {"n": 10, "verdict": "usable"}
    assert row_of(row, 9) == row


def test_what_a_view_chooses_by_stays():
    view = TableView(name="t", columns={"n": "n"}, where={"strongest": True})
    results = with_table("t", [{"n": 3, "strongest": True, "auc": 0.9}, {"n": 40, "strongest": False, "auc": 0.5}])
    results = results.model_copy(update={"sections": [Section(title="A", table=view)]})
    assert aggregate(results, 10).results.tables["t"][0] == {"n": None, "strongest": True, "auc": None}


@pytest.mark.parametrize(
    ("count", "shown"), [(0, 0), (9, "<10"), (10, 10), (14, 14), (15, ">14"), (23, ">14"), (24, 24)]
)
def test_a_count_and_its_complement(count, shown):
    row = {
        "n": 24,
        "rank1_count": count,
        "rank1": count / 24,
        "rank1_low": 0.1,
        "rank1_high": 0.9,
        "p": 0.01,
        "auc": 0.9,
    }
    kept = row_of(row)
    assert kept["rank1_count"] == shown and kept["auc"] == 0.9
    withheld = {name for name, value in kept.items() if value is None}
    assert withheld == (set() if shown == count else {"rank1", "rank1_low", "rank1_high", "p"})


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (3, "<10"), (40, 40), (82, ">75"), (85, 85)])
def test_members_nearer_than_any_stranger_are_a_count_of_patients(count, shown):
    row = {"members": 85, "non_members": 60, "nearer": count, "nearer_p": 0.02, "expected": 1.4, "auc": 0.6}
    kept = row_of(row)
    assert kept["nearer"] == shown and kept["auc"] == 0.6
    assert kept["nearer_p"] == (0.02 if shown == count else None)
    row = {"people": 48, "strangers": 85, "nearer": count / 85, "share": 0.5}
    assert row_of(row) == row, "a share is no count"


def test_a_share_of_people_goes_with_their_count():
    row = {"people": 48, "strangers": 85, "nearer": 46, "share": 46 / 48, "share_low": 0.86, "share_high": 0.995}
    assert row_of(row) == row | {"nearer": ">38", "share": None, "share_low": None, "share_high": None}
    assert row_of(row | {"people": 9, "nearer": 4}) == dict.fromkeys(row)


def test_how_many_patients_are_somebody_s_nearest_is_a_count_of_patients():
    assert row_of({"members": 85, "likely": 19, "neighbours": 13})["neighbours"] == 13
    assert row_of({"members": 85, "likely": 19, "neighbours": 3})["neighbours"] == "<10"
    assert row_of({"likely": 19, "neighbours": 3})["neighbours"] is None


def test_a_count_beside_another_group_is_held_against_its_own():
    row = {"n": 40, "mm_n": 12, "mm_rank1_count": 11, "mm_rank1": 11 / 12, "rank1_count": 20, "rank1": 0.5}
    assert row_of(row) == row | {"mm_rank1_count": ">2", "mm_rank1": None}


def test_a_share_that_gives_a_count_back_goes():
    assert row_of({"n": 40, "rank1": 0.05, "low": 0.01}) == {"n": 40, "rank1": None, "low": None}
    assert row_of({"images": 40, "positive": 0.95})["positive"] is None
    assert row_of({"patients": 40, "positive": 0.5})["positive"] == 0.5


@pytest.mark.parametrize("count", [1, 2, 9, 10, 30, 50, 51, 59])
@pytest.mark.parametrize("total", ["n", "patients", "members", "images", "sex_known"])
@pytest.mark.parametrize("digits", [4, 3, None])
def test_any_share_of_few_goes_with_its_interval_whatever_its_column_is_called(count, total, digits):
    share = count / 60 if digits is None else round(count / 60, digits)
    row = {total: 60, "share": share, "share_low": 0.001, "share_high": 0.99, "ssim": 0.71283719, "auc": 0.95}
    few = not 10 <= count <= 50
    withheld = {name for name, value in row_of(row).items() if value is None}
    assert withheld == ({"share", "share_low", "share_high"} if few else set())
    assert row_of(row, 1) == row


@pytest.mark.parametrize(("share", "few"), [("3.3%", True), ("98.3%", True), ("50.0%", False), ("0.0%", False)])
def test_a_percentage_in_a_cell_is_held_against_the_patients_of_its_row(share, few):
    row = {"members": 60, "non_members": 60, "found": f"{share} [0.4%, 11.5%]", "at_false_positives": 0.1}
    assert row_of(row) == row | ({"found": None} if few else {})


@pytest.mark.parametrize(("share", "few"), [(0.175, True), (0.02, True), (0.975, True), (0.475, False), (1.0, False)])
def test_a_share_whose_ties_were_broken_goes_with_its_row(share, few):
    row = {"members": 30, "true_positives": share, "true_positives_low": 0.0564, "true_positives_high": 0.3857}
    assert row_of(row) == (dict.fromkeys(row) | {"members": 30} if few else row)


@pytest.mark.parametrize("share", [0.0, 1.0, 0.5, 1 / 60 + 0.004, 0.71])
def test_nobody_everybody_and_what_is_no_share_stay(share):
    assert row_of({"n": 60, "share": share})["share"] == share


def test_a_share_is_held_against_its_own_number_first():
    row = {"n": 40, "mm_n": 12, "mm_share": 11 / 12, "share": 0.5}
    assert row_of(row) == row | {"mm_share": None}
    # Of 40 the half is many; of the 12 it would be 6.
    assert row_of({"n": 40, "mm_n": 12, "mm_share": 0.5})["mm_share"] is None


def test_the_interval_of_another_number_stays():
    row = {"n": 60, "found": 2 / 60, "found_low": 0.004, "difference": 0.012, "low": 0.001, "high": 0.023}
    assert row_of(row) == row | {"found": None, "found_low": None}


def test_settings_and_rates_that_look_like_shares_stay():
    row = {"n": 60, "chance": 1 / 60, "p": 0.05, "holm_p": 0.05, "at_false_positives": 0.1, "auc_low": 0.05}
    assert row_of(row) == row


def test_of_women_and_men_the_smaller_number_takes_the_other_along():
    row = {"group": "members", "patients": 40, "women": 3, "men": 37}
    assert row_of(row) == row | {"women": None, "men": None}
    assert row_of(row | {"women": 19, "men": 21}) == row | {"women": 19, "men": 21}


def test_a_frequency_table_with_a_small_cell_goes_whole():
    def cells(target, *counts):
        names = [("F", "F"), ("F", "M"), ("M", "F"), ("M", "M")]
        return [
            {"target": target, "actual": a, "predicted": b, "count": c} for (a, b), c in zip(names, counts, strict=True)
        ]

    told = aggregate(with_table("sexes", [*cells("cnn", 20, 3, 15, 30), *cells("vit", 20, 10, 15, 30)]), 10)
    assert told.results.tables["sexes"] == cells("vit", 20, 10, 15, 30)


@pytest.mark.parametrize(
    ("text", "few"),
    [
        ("finds it for 9 of 24 members", True),
        ("finds it for 15 of 24 members", True),
        ("finds it for 12 of 24 members", False),
        ("finds it for 24 of 24 members and 0 of 24 non-members", False),
        ("9 of 9 patients' own scans", True),
        ("Found 3/24 patients", True),
        ("needs more test patients than 9", True),
        ("five of eleven patients", True),
        ("2 of 9 adversaries fail their control", False),
        ("1 of 2 codes can be inverted", False),
        ("1,000 patients, 48 members, SSIM 0.9 members", False),
        ("AUC 0.75 from 2 patients", True),
        ("nothing of 8 members", True),
        ("Patients (planted): 12 members, 9 patients for validation", True),
        ("30 members, and 3 patients who stand in the gallery alone", True),
        ("12 patients train the attacks; 9 other patients, whom no training saw, are reported", True),
        ("Those resemble 3 training patients", True),
        ("identifies 3.3% of 60 members", True),
        ("identifies 3.3 % of the 60 members", True),
        ("identifies 3.3% [0.4%, 11.5%] of 60 members", True),
        ("identifies 96.7% of 60 members", True),
        ("identifies 16.7% of 60 members", False),
        ("identifies 50% of 60 members", False),
        ("identifies 0% of 60 members and 100% of 60 non-members", False),
        ("Of 60 patients, 15% were found", True),
        ("Of 60 patients, 25% were found", False),
        ("3.3% were found (n = 60)", True),
        ("3.3% of 60 images", True),
        ("On images of its training patients 21 of 30 answers are right", True),
        ("29 of 30 answers are right", True),
        ("28 of the 30 are right", True),
        ("20 of 30 answers are right, 30 of 30 then", False),
        ("70% of 30 answers are right", True),
        ("8 of 16 adversaries passed their control on 17 patients", False),
        ("3 of 20 BatchNorm layers, 4 of 20 mm", False),
        ("3 of 20 members attacks find", True),
        # Of ties that were broken at random.
        ("17.5% [5.6%, 38.6%] of 30 members", True),
        ("97.5% of 30 members", True),
        ("47.5% of 30 members", False),
        # As well nobody as a few: less than a bound tells.
        ("0.1% of 1,000 patients", True),
        ("0% of 1,000 patients", False),
        ("AUC 0.8, 95% CI 5% to 95%, at a false positive rate of 5% and 95% power, chance 5%, 40 patients", False),
        ("5% is said of pixels. There were 40 patients.", False),
        ("10% of 40 voxels; the scans of 40 patients", False),
    ],
)
def test_which_sentences_count_few(text, few):
    assert counts_few(text, 10) is few and not counts_few(text, 1)


@pytest.mark.parametrize(
    ("text", "few"),
    [
        ("On images of its training patients 80 of 80 answers are right", True),
        ("0 of 80 images have a finding in the table", True),
        ("30 of 30 women members", True),
        ("100% of 60 members are read", True),
        ("0% of the members are read", True),
        ("40 of 80 answers are right, 50% of 60 members", False),
        ("2 of 2 codes can be inverted", False),
        ("100% of pairs of a member and a non-member", False),
    ],
)
def test_nobody_and_everybody_are_few_where_a_sentence_tells_what_each_has(text, few):
    assert counts_few(text, 10, nobody=True) is few
    assert not counts_few(text, 1, nobody=True) and not counts_few(text, 10, [60])


@pytest.mark.parametrize(("share", "few"), [("3.3%", True), ("97%", True), ("50%", False), ("25%", False)])
def test_a_percentage_without_its_number_is_held_against_the_groups_of_the_run(share, few):
    said = f"The attack identifies {share} of the members."
    results = with_table("t", [{"members": 60}], headline=said, findings=[said])
    results = results.model_copy(
        update={
            "patients": 120,
            "highlights": [Highlight(value=share, label="of members found")],
            "sections": [Section(title="A", text=[said])],
        }
    )
    told = aggregate(results, 10).results
    kept = [told.headline == said, bool(told.findings), bool(told.highlights), bool(told.sections[0].text)]
    assert kept == [not few] * 4


@pytest.mark.parametrize("name", ["notices", "threat_model", "attacked", "not_tested", "no_conclusion", "left_open"])
def test_a_list_of_sentences_keeps_none_that_counts_few(name):
    said = ["Latents of 40 patients were attacked.", "9 other patients, whom no training saw, are reported."]
    results = with_table("t", [{"patients": 40}], **{name: said})
    assert getattr(aggregate(results, 10).results, name) == [said[0], "A group had fewer than 10 patients."]
    assert getattr(aggregate(results, 9).results, name) == said


def test_a_caption_keeps_the_sentences_that_count_nobody():
    caption = "AUC with its interval. Of 9 members and 40 non-members. Higher is more; 95% CI."
    view = TableView(name="ranks", columns={"rank": "Rank"}, caption=caption)
    figure = FigureView(name="ranks", kind="rank_histogram", caption=caption)
    rows = [{"network": "unet", "rank": 1, "patients": 40}]
    sections = [Section(title="A", table=view, figures=[figure])]
    results = with_table("ranks", rows).model_copy(update={"sections": sections})
    (section,) = aggregate(results, 10).results.sections
    told = "AUC with its interval. Higher is more; 95% CI."
    assert section.table.caption == section.figures[0].caption == told


def test_no_pseudonym_is_left_in_a_text():
    """The same patient may have another name in each run, but not for whoever has two runs of one key."""
    said = "Most alike are P-0123abcd and P-ffffffff, of 40 patients."
    rows = [{"patients": 40, "verdict": said}]
    results = with_table(
        "t", rows, headline=said, findings=[said], attacked=[said], settings={"left_out": ["P-0123abcd"]}
    )
    told = aggregate(results, 10).results
    assert "P-0" not in told.model_dump_json() and "P-f" not in told.model_dump_json()
    assert told.headline == "Most alike are a patient and a patient, of 40 patients."


def test_a_verdict_on_nearly_everybody_keeps_a_bound():
    told = aggregate(example_results(), 10).results
    assert told.headline == (
        "From latents alone the attack finds the patient's own scan among 24 for 24 of 24 members and more than 14 of 24 "
        "non-members; chance is 1 in 24."
    )
    assert [(one.value, one.note) for one in told.highlights] == [
        ("24/24", "100% [86%, 100%] · chance 4%"),
        (">14/24", ""),
    ]
    gone = aggregate(example_results().model_copy(update={"headline": "It finds 5 of 5 patients."}), 10)
    assert gone.results.headline == "The verdict counts fewer than 10 patients and is not told outside."
    assert "the verdict" in gone.left_out


def test_too_few_patients_in_all():
    with pytest.raises(RemnantError, match="has 24, fewer than --min-cell 25"):
        aggregate(example_results(), 25)
    with pytest.raises(RemnantError, match="has 8, fewer than --min-cell 10"):
        aggregate(with_table("t", [{"patients": 8, "n": 18}]), 10)


@pytest.mark.parametrize("smallest", [1, 10])
def test_the_report_can_be_made_of_what_is_told(tmp_path, smallest):
    page = render(tmp_path, aggregate(example_results(), smallest).results, show_images=False)
    assert "Most exposed patients" not in page and "P01" not in page


def test_figures_show_nothing_that_is_withheld():
    figure = FigureView(name="a", kind="training_curves", where={"network": "unet"})
    rows = [{"network": "unet", "n": 40}, {"network": "segnet", "n": 4, "loss": 1.0}]
    results = with_table("training", rows)
    results = results.model_copy(update={"sections": [Section(title="A", figures=[figure])]})
    assert aggregate(results, 10).results.sections[0].figures == [figure]
    rows[0]["n"] = 4
    told = aggregate(results.model_copy(update={"tables": {"training": [*rows, {"n": 40}]}}), 10)
    assert told.results.sections == [] and "the figure 'a'" in told.left_out


def test_commands_and_settings_lose_the_folders_of_users():
    results = example_results().model_copy(
        update={
            "command": "remnant study x --data /home/jane/brains --prior '../jane/prior.safetensors' --out runs/a --lambda 1/2",
            "settings": {"prior": {"file": "~/priors/a.pt", "sides": [1, "C:\\Users\\jane\\b.csv"]}},
        }
    )
    told = aggregate(results, 1).results
    assert "jane" not in told.model_dump_json()
    assert told.command == "remnant study x --data brains --prior 'prior.safetensors' --out runs/a --lambda 1/2"
    assert told.settings == {"prior": {"file": "a.pt", "sides": [1, "b.csv"]}}
