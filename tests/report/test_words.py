import pytest

from remnant.report.words import duration, facet, label, labelled, number, p_in_words, split


@pytest.mark.parametrize(
    ("value", "column", "spec", "text"),
    [
        (24, "n", "", "24"),
        (0.8349, "own", "", "0.83"),
        (0.0416667, "chance", "", "0.042"),
        (-0.0234, "difference", "", "−0.023"),
        (-0.0002, "difference", "+.3f", "0.000"),
        (0.0002, "difference", "+.3f", "0.000"),
        (0.0234, "difference", "+.3f", "+0.023"),
        (0.41234, "p", "", "0.41"),
        (0.01234, "p", "", "0.012"),
        (0.0002, "p", "", "<0.001"),
        (1.46, "mean_rank", "", "1.5"),
        (0.9167, "rank1", ".0%", "92%"),
        (100.0, "own", "", "100.00"),
    ],
)
def test_numbers_have_the_digits_of_their_column(value, column, spec, text):
    assert number(value, column, spec) == text


def test_freshly_trained_adversaries_are_named():
    assert label("d_new_all") == "fresh D_new, the mean of all"
    assert label("d_new_resnet_small_0") == "fresh D_new, resnet small 0" and label("d_new") == "fresh D_new"


def test_words_for_people():
    assert [label(value) for value in ("unet", "non_member", "ssim", "P07")] == [
        "U-Net",
        "non-members",
        "SSIM",
        "P07",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "12 s"), (89, "89 s"), (90, "2 min"), (3580, "1 h 0 min"), (5123, "1 h 25 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_panel_is_named_by_what_differs():
    rows = [{"network": n, "decoder": "default", "metric": m} for n in ("unet", "segnet") for m in ("ssim", "mcc")]
    parts = split(rows, "network", "decoder", "metric")
    assert [facet(keys, parts) for keys in parts][:2] == ["U-Net · SSIM", "U-Net · MCC"]


def test_a_p_value_that_is_a_bound_is_printed_as_one():
    assert number(0.012, "holm_p", bound=True) == "≤0.012" and number(0.0004, "p", bound=True) == "<0.001"
    row = {"p": 0.012, "p_bound": True, "q_p": 0.3, "r_p": 0.0001, "none_p": None}
    assert p_in_words(row, "p") == "p ≤ 0.012" and p_in_words(row, "q_p") == "p = 0.30"
    assert p_in_words(row, "r_p") == "p < 0.001" and p_in_words(row, "none_p") == "p not resolvable"


def test_words_of_a_study_come_first_and_end_with_it():
    with labelled({"unet": "our network", "mine": "its own"}):
        assert (label("unet"), label("mine"), label("segnet")) == ("our network", "its own", "SegNet")
    assert (label("unet"), label("mine")) == ("U-Net", "mine")
