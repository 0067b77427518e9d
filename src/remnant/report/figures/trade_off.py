"""What a defence costs and what it hides: the strongest attack on each variant against its Dice."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from remnant.base.results import Row
from remnant.report.figures.families import PRINTED, family_handles, look
from remnant.report.figures.style import CHANCE, INK, panels
from remnant.report.words import split

GOAL = "#d8efe6"
TITLES = {"paper": "the paper's adversaries, on the code", "everything": "every attack, on all that the server sees"}
AXES = {
    "balanced": "balanced accuracy of the strongest",
    "auc": "area under the ROC curve of the strongest",
}


def trade_off(rows: list[Row]) -> Figure:
    """Strongest attack against overall Dice with both 95% intervals, a point a variant; a panel a set of attacks.

    `rows` are of the table `trade_off`: `against` (which attacks), `measure` of the `value`, `low`, `high`; `dice`, `dice_low`,
    `dice_high`; `goal_value` and `goal_dice`, the bounds of the shaded corner that is to be reached; `published_value` and
    `published_dice` of the paper. its `lambda` stands at each, its family is its colour. Chance is dotted.
    """
    parts = split(rows, "against")
    figure, axes = panels(len(parts), height=3.5, share_y=False)
    widest = [
        bound for row in rows for bound in (row["dice"], row["dice_low"], row["dice_high"], row["published_dice"])
    ]
    low, high = min(value for value in widest if value is not None), max(value for value in widest if value is not None)
    margin = max(0.03, 0.06 * (high - low))
    for panel, ((against,), part) in zip(axes, parts.items(), strict=True):
        panel.set_xlim(low - margin, min(1, high + margin) + 0.005)
        panel.set_ylim(0.42, 1.04)
        _goal(panel, part)
        for row in part:
            _printed(panel, row)
        for row in part:
            _point(panel, row)
        panel.axhline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2)
        panel.set(title=TITLES[against], xlabel="overall Dice", ylabel=AXES[part[0]["measure"]])
    printed = any(row["published_value"] is not None for row in rows)
    goal = any(row["goal_value"] is not None for row in rows)
    handles = family_handles(rows, printed=printed)
    handles.append(Line2D([], [], color=CHANCE, linestyle=(0, (1, 1.5)), label="chance"))
    figure.legend(
        handles=[*handles, *([Patch(color=GOAL, label="to be reached")] if goal else [])],
        loc="outside upper left",
        ncols=4,
        columnspacing=1.4,
    )
    return figure


def _goal(panel: Axes, part: list[Row]) -> None:
    row = part[0]
    if row["goal_value"] is None or row["goal_dice"] is None:
        return
    right, bottom = panel.get_xlim()[1], panel.get_ylim()[0]
    corner = (row["goal_dice"], bottom)
    panel.add_patch(Rectangle(corner, max(0, right - corner[0]), row["goal_value"] - bottom, color=GOAL, zorder=0))


def _printed(panel: Axes, row: Row) -> None:
    if row["published_value"] is not None:
        panel.plot(row["published_dice"], row["published_value"], "d", **PRINTED)


def _point(panel: Axes, row: Row) -> None:
    if row["value"] is None or row["dice"] is None:
        return
    style = look(row)
    lines = {"color": style["color"], "linewidth": 1.1, "alpha": 0.65}
    if row["low"] is not None:
        panel.vlines(row["dice"], row["low"], row["high"], **lines)
    if row["dice_low"] is not None:
        panel.hlines(row["value"], row["dice_low"], row["dice_high"], **lines)
    panel.plot(row["dice"], row["value"], markersize=6, linestyle="none", markeredgecolor="white", **style)
    panel.annotate(
        "" if row["lambda"] is None else f"{row['lambda']:g}",
        (row["dice"], row["value"]),
        xytext=(5, 4),
        textcoords="offset points",
        fontsize=7.5,
        color=INK,
    )
