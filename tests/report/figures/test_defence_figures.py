"""What the figures of a defence show of their rows."""

import numpy as np
import pytest
from tests.report.example_defence import defence_rows

from remnant.report.figures.adversaries import adversaries
from remnant.report.figures.beyond_map import beyond_map
from remnant.report.figures.defences_held import defences_held, held_say
from remnant.report.figures.robustness import robustness_lines
from remnant.report.figures.tissues import class_dice
from remnant.report.figures.trade_off import trade_off

WAYS = (("raw scan", "none", None), ("published, 1", "published", 1.0), ("entropy, 1", "entropy", 1.0))


def way(number, **columns):
    name, family, weight = WAYS[number]
    return {"name": name, "family": family, "lambda": weight, **columns}


def points(axes, marker):
    marks = [line for line in axes.lines if line.get_marker() == marker and len(line.get_xdata()) == 1]
    return [(line.get_xdata()[0], line.get_ydata()[0]) for line in marks]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def traded(number, value, loss, **columns):
    row = way(number, against="paper", measure="balanced", value=value, low=value - 0.05, high=value + 0.05)
    bounds = {"loss_low": loss - 0.01, "loss_high": loss + 0.01} if loss is not None else {}
    row |= {"loss": loss, "loss_low": None, "loss_high": None, "goal_value": 0.6, "goal_loss": 0.02} | bounds
    return row | {"published_value": None, "published_loss": None} | columns


def test_the_trade_off_has_points_intervals_the_papers_points_and_the_corner_to_reach():
    rows = [
        traded(0, 0.95, None),
        traded(1, 0.7, 0.5, published_value=0.598, published_loss=0.036),
        traded(2, 0.55, 0.01),
    ]
    everything = [
        row | {"against": "everything", "measure": "auc", "goal_value": None, "goal_loss": None} for row in rows
    ]
    figure = trade_off([*rows, *everything])
    first, second = figure.axes
    assert (
        points(first, "s") == [(0.0, 0.95)]
        and points(first, "o") == [(0.5, 0.7)]
        and points(first, "^") == [(0.01, 0.55)]
    )
    assert points(first, "d") == [(0.036, 0.598)]
    (corner,) = first.patches
    assert (
        corner.get_x() + corner.get_width() == pytest.approx(0.02)
        and corner.get_y() + corner.get_height() == pytest.approx(0.6)
        and not second.patches
    )
    assert [text.get_text() for text in first.texts] == ["1", "1"]
    ends = [segment.tolist() for lines in first.collections for segment in lines.get_segments()]
    assert [[0.0, 0.9], [0.0, 1.0]] in [[[round(v, 6) for v in end] for end in one] for one in ends]
    assert legend(figure) == ["raw scan", "after Kim 2019", "entropy", "the paper's", "chance", "to be reached"]
    assert "AUC" in second.get_ylabel() and "balanced" in first.get_ylabel()


def test_points_that_cover_each_other_share_the_label_of_their_lambdas():
    near = [traded(1, 0.99, 0.56, **{"lambda": 100.0}), traded(2, 0.99, 0.57, **{"lambda": 10.0})]
    figure = trade_off([traded(0, 0.95, None), *near, traded(1, 0.6, 0.55, **{"lambda": 3.0})])
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["10, 100", "3"]


def test_losses_are_spaced_evenly_until_a_defence_collapses():
    slight, collapse = (trade_off([traded(0, 0.95, None), traded(1, 0.7, loss)]) for loss in (0.05, 0.5))
    assert slight.axes[0].get_xscale() == "linear" and collapse.axes[0].get_xscale() == "symlog"


def test_points_without_a_value_are_left_out_and_without_intervals_are_drawn():
    figure = trade_off([traded(0, 0.95, None, low=None, high=None), traded(1, 0.7, 0.8) | {"value": None}])
    assert points(figure.axes[0], "s") == [(0.0, 0.95)] and not points(figure.axes[0], "o")


def told(number, attack, balanced, **columns):
    row = way(number, attack=attack, view="code", kind="real", balanced=balanced, balanced_low=balanced - 0.1)
    return row | {"balanced_high": balanced + 0.1, "published": None, "counts": True} | columns


def test_adversaries_are_marks_on_the_line_of_their_variant_hollow_where_a_failure_says_nothing():
    rows = [
        told(0, "ms_ssim", 0.9),
        told(0, "d_new", 0.97),
        told(1, "ms_ssim", 0.5, counts=False),
        told(1, "d_new", 0.6, published=0.598),
    ]
    figure = adversaries([*rows, *(row | {"view": "labels"} for row in rows)])
    axes = figure.axes[0]
    marks = [line for line in axes.lines if line.get_marker() in "o^" and len(line.get_xdata()) == 1]
    assert [(line.get_xdata()[0], round(line.get_ydata()[0])) for line in marks] == [
        (0.9, 0),
        (0.97, 0),
        (0.5, 1),
        (0.6, 1),
    ]
    assert [line.get_markerfacecolor() == "white" for line in marks] == [False, False, True, False]
    assert [x for x, _ in points(axes, "d")] == [0.598]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["raw scan", "published, 1"]
    assert [one.get_title(loc="left") for one in figure.axes] == [
        "code \u00b7 real pairs",
        "segmentation \u00b7 real pairs",
    ]
    assert legend(figure) == [
        "MS-SSIM",
        "fresh D_new",
        "the paper's",
        "its failure says nothing",
        "asked of it on raw scans",
    ]


def differs(number, difference, low, high):
    return way(number, attack="d_new", difference=difference, low=low, high=high)


def test_a_difference_is_filled_where_its_interval_leaves_zero_out():
    (axes,) = beyond_map([differs(0, 0.2, 0.1, 0.3), differs(1, 0.05, -0.1, 0.2), differs(2, -0.2, -0.3, -0.1)]).axes
    marks = [line for line in axes.lines if line.get_marker() in "so^" and len(line.get_xdata()) == 1]
    assert [line.get_markerfacecolor() != "white" for line in marks] == [True, False, True]
    low, high = axes.get_xlim()
    assert low == -high and high > 0.3
    assert [text.get_text() for text in axes.texts] == [
        "\u2190 the segmentation tells more",
        "the code tells more \u2192",
    ]


def test_a_panel_a_class_with_the_papers_dice():
    rows = [
        way(number, **{"class": name}, dice=dice, dice_low=dice - 0.1, dice_high=dice + 0.1, published=paper)
        for name, values in {"gm": ((0.9, 0.941), (0.8, None)), "overall": ((0.8, 0.848), (0.7, None))}.items()
        for number, (dice, paper) in enumerate(values)
    ]
    figure = class_dice(rows)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["grey matter", "overall"]
    assert points(figure.axes[1], "s") == [(0.8, 0)] and points(figure.axes[1], "o") == [(0.7, 1)]
    assert points(figure.axes[0], "d") == [(0.941, 0)]


def spoilt(number, **dice):
    return [
        way(
            number,
            condition=condition,
            dice=value,
            dice_low=value - 0.01,
            dice_high=value + 0.01,
            published=0.7 if number == 1 else None,
        )
        for condition, value in dice.items()
    ]


def test_robustness_is_a_line_a_variant_named_at_its_end_and_names_keep_apart():
    rows = [
        *spoilt(0, clean=0.8, noise_5=0.6),
        *spoilt(1, noise_5=0.599, clean=0.79),
        *spoilt(2, clean=0.7, noise_5=0.601),
    ]
    (axes,) = robustness_lines(rows).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert [list(line.get_ydata()) for line in lines] == [[0.8, 0.6], [0.79, 0.599], [0.7, 0.601]]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["as they are", "noise, 5 dB"]
    assert [text.get_text() for text in axes.texts] == ["published, 1", "raw scan", "entropy, 1"]
    heights = [text.get_position()[1] for text in axes.texts]
    low, high = axes.get_ylim()
    assert min(np.diff(heights)) > 0.05 * (high - low) and heights[-1] < high
    assert points(axes, "d") == [(0, 0.7), (1, 0.7)]


def test_names_at_the_top_stay_within_the_panel():
    rows = [row for number in range(3) for row in spoilt(number, clean=0.5, noise_5=0.9 + number / 1000)]
    (axes,) = robustness_lines(rows).axes
    assert max(text.get_position()[1] for text in axes.texts) < axes.get_ylim()[1]


def test_a_defence_has_a_point_where_both_its_attack_and_its_task_are_told():
    rows = defence_rows()["defences_held"]
    (panel,) = defences_held(rows).axes
    points = {
        line.get_label(): (line.get_xdata()[0], line.get_ydata()[0])
        for line in panel.lines
        if line.get_marker() != "None"
    }
    assert points == {"no defence": (0.85, 0.92), "dropout": (0.84, 0.81)}
    assert panel.get_xlabel() == "Dice on non-members"
    assert held_say(rows) == "no defence: AUC 0.92 at Dice 0.85; dropout: AUC 0.81 at Dice 0.84."
    assert held_say(rows[2:]) == "No defence has a point."


def test_several_networks_have_a_panel_each_and_a_defence_looks_the_same_in_all():
    rows = [row | {"target": target} for target in ("cnn", "vit") for row in defence_rows()["defences_held"]]
    rows[4] |= {"value": None}
    figure = defences_held(rows)
    first, second = figure.axes
    assert [panel.get_title(loc="left") or panel.get_title() for panel in figure.axes] == ["cnn", "vit"]
    looks = [
        {line.get_label(): (line.get_color(), line.get_marker()) for line in panel.lines if line.get_marker() != "None"}
        for panel in (first, second)
    ]
    assert {*looks[0]} == {"no defence", "dropout"} and looks[1] == {"dropout": looks[0]["dropout"]}
    assert legend(figure) == ["no defence", "dropout", "chance"]
    assert held_say(rows).startswith("no defence on cnn: AUC 0.92 at Dice 0.85; dropout on cnn: AUC 0.81")
    many = [rows[0] | {"defence": f"d{place}", "words": f"d{place}"} for place in range(20)]
    drawn = [line for line in defences_held(many).axes[0].lines if line.get_marker() != "None"]
    assert len({(line.get_color(), line.get_marker()) for line in drawn}) == 20
