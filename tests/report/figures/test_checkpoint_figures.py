"""What the figures of a checkpoint-only audit show of their rows."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from tests.report.example_checkpoint import SOURCES, TARGETS, checkpoint_rows

from remnant.report.figures.candidates import scores_scatter
from remnant.report.figures.demographics import age_scatter, sex_confusion
from remnant.report.figures.distribution import entropy_histogram, kurtosis_curves
from remnant.report.figures.membership import auc_forest, score_groups
from remnant.report.figures.stage1 import stage1_terms
from remnant.report.figures.style import CHANCE, to_svg


@pytest.fixture(scope="module")
def rows():
    return checkpoint_rows()


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_kurtosis_has_a_line_and_a_band_a_set_and_leaves_out_the_undefined(rows):
    part = [dict(row) for row in rows["kurtosis_curves"] if row["target"] == "cnn"]
    part[0] |= {"kurtosis": None, "low": None, "high": None}
    (axes,) = kurtosis_curves(part[::-1]).axes  # the order of rows does not matter
    *lines, normal = axes.lines
    assert {line.get_label() for line in lines} >= {"training images", "untuned prior", "tuned generator"}
    assert sorted(len(line.get_xdata()) for line in lines) == [29, 30, 30, 30]
    assert all((np.diff(line.get_xdata()) > 0).all() for line in lines)
    assert len(axes.collections) == 4
    assert to_hex(normal.get_color()) == CHANCE and set(normal.get_ydata()) == {0}


def test_entropy_shares_add_up_and_the_mark_is_their_mean():
    part = [
        {"target": "cnn", "set": "attack", "low": low, "high": low + 1, "count": count}
        for low, count in ((6.0, 1), (7.0, 3))
    ]
    (axes,) = entropy_histogram(part).axes
    assert axes.patches[0].get_data().values.tolist() == [25, 75]
    assert axes.lines[0].get_xdata()[0] == 7.25


def test_the_scatter_marks_the_likely_and_draws_both_cuts(rows):
    figure = scores_scatter(rows["scores_scatter"])
    part = [row for row in rows["scores_scatter"] if row["target"] == TARGETS[1]]
    likely = [row for row in part if row["likely"]]
    axes = figure.axes[1]
    others, marked = (collection.get_offsets() for collection in axes.collections[:2])
    assert len(others) + len(marked) == len(part) and len(marked) == len(likely) > 0
    np.testing.assert_allclose(sorted(marked[:, 0]), sorted(row["stage1"] for row in likely))
    vertical, horizontal = axes.lines
    assert vertical.get_xdata()[0] == part[0]["stage1_cut"] and horizontal.get_ydata()[0] == part[0]["mahalanobis_cut"]
    assert titles(figure)[1] == f"overfit CNN: {len(likely)} of 300 likely"


def test_the_scatter_of_far_spread_scores_is_logarithmic_and_of_none_likely_draws():
    part = [
        {
            "target": "vit",
            "stage1": score,
            "mahalanobis": 4.0,
            "likely": False,
            "stage1_cut": 2.0,
            "mahalanobis_cut": 1.0,
        }
        for score in (1.0, 10.0, 100.0)
    ]
    figure = scores_scatter(part)
    assert figure.axes[0].get_xscale() == "log"
    assert "mathdefault" not in to_svg(figure, "f")
    assert scores_scatter([row | {"stage1": row["stage1"] - 50} for row in part]).axes[0].get_xscale() == "linear"


def test_ages_lie_about_the_line_of_no_error():
    part = [
        {"set": "likely_samples", "actual": 40.0, "predicted": 50.0},
        {"set": "likely_samples", "actual": 60.0, "predicted": 58.0},
    ]
    (axes,) = age_scatter(part).axes
    assert axes.collections[0].get_offsets().tolist() == [[40, 50], [60, 58]]
    assert axes.get_xlim() == axes.get_ylim()
    assert list(axes.lines[0].get_xdata()) == list(axes.lines[0].get_ydata())
    assert axes.get_xlabel().endswith("mean absolute error 6.0 years, n = 2")
    assert titles(axes.figure) == ["likely samples"]


def test_the_confusion_says_counts_and_shares_of_the_actual():
    part = [{"set": "likely_samples", "actual": "F", "predicted": sex, "count": n} for sex, n in (("M", 1), ("F", 3))]
    (axes,) = sex_confusion(part).axes
    assert [text.get_text() for text in axes.texts] == ["3\n75%", "1\n25%", "0", "0"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["women", "men"]


def test_a_box_a_group_its_median_and_its_mean(rows):
    part = [row for row in rows["score_groups"] if row["target"] == "cnn" and row["space"] == "target_features"]
    withheld = part[1] | dict.fromkeys(("mean", "sd", "q25", "median", "q75"))
    (axes,) = score_groups([part[0], withheld, *part[2:]]).axes
    shown = [part[0], *part[2:]]
    assert len(shown) == 2 * len(SOURCES) - 1
    boxes = [(box.get_y(), box.get_y() + box.get_height()) for box in axes.patches]
    np.testing.assert_allclose(boxes, [(row["q25"], row["q75"]) for row in shown])
    assert [box.get_x() + 0.15 for box in axes.patches] == pytest.approx([-0.2, 0.8, 1.2, 1.8, 2.2])
    lines = [lines.get_segments()[0] for lines in axes.collections]
    across = [line[0, 1] for line in lines if line[0, 1] == line[1, 1]]
    upright = [line[:, 1].tolist() for line in lines if line[0, 1] != line[1, 1]]
    np.testing.assert_allclose(across, [row["median"] for row in shown])
    np.testing.assert_allclose(upright, [(row["mean"] - row["sd"], row["mean"] + row["sd"]) for row in shown])


def test_the_forest_has_the_attack_beside_each_null(rows):
    part = [dict(row) for row in rows["auc_forest"] if row["target"] == "cnn_overfit"]
    part[1] |= {"auc_low": None, "auc_high": None, "detectable_auc": None}
    (axes,) = auc_forest(part).axes
    points = [line for line in axes.lines if line.get_marker() in "os^"]
    assert [line.get_xdata()[0] for line in points] == pytest.approx([row["auc"] for row in part])
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert ends == [[row["auc_low"], row["auc_high"]] for row in part if row["auc_low"] is not None]
    assert len([line for line in axes.lines if line.get_marker() == "|"]) == len(part) - 1
    assert axes.texts[0].get_text() == "0.90 [0.83, 0.96]" and axes.texts[1].get_text() == "0.74"
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["overfit CNN · target's features", "overfit CNN · independent features"]


def test_a_panel_a_term_a_line_a_target_logarithmic_where_it_can_be(rows):
    part = [*rows["stage1_terms"], *({"target": "vit", "term": "kl", "step": i, "value": i - 1.0} for i in range(3))]
    figure = stage1_terms(part)
    assert titles(figure) == ["statistics", "feature", "logit", "total variation", "total", "kl"]
    assert [axes.get_yscale() for axes in figure.axes] == ["log"] * 5 + ["linear"]
    assert len(figure.axes[1].lines) == 2
    assert "mathdefault" not in to_svg(figure, "f")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["CNN", "overfit CNN", "ViT", "overfit ViT"]


def test_more_targets_than_colours_are_told_apart_by_dashes_and_called_by_their_names():
    steps = [
        {"target": f"t{i}", "name": f"the {i}th", "term": "total", "step": s, "value": 1.0}
        for i in range(11)
        for s in (1, 2)
    ]
    figure = stage1_terms(steps)
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(looks) == 11
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"the {i}th" for i in range(11)]


def test_a_term_that_stays_near_one_value_has_more_than_one_tick():
    (axes,) = stage1_terms(
        [{"target": "cnn", "term": "accuracy", "step": i, "value": 0.55 + i / 20} for i in range(9)]
    ).axes
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) > 2


def test_a_term_over_many_decades_has_ticks_that_can_be_read():
    rows = [{"target": "cnn", "term": "batch_norm", "step": i, "value": 10.0 ** (i - 4)} for i in range(9)]
    figure = stage1_terms(rows)
    (axes,) = figure.axes
    low, high = axes.get_ylim()
    shown = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert 3 <= len(shown) <= 7 and all(np.isclose(np.log10(tick) % 1, 0) for tick in shown)
    assert titles(figure) == ["BatchNorm statistics"]
