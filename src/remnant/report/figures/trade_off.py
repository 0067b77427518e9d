"""What a defence costs and what it hides: the strongest attack on each variant against the Dice that it loses."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, NullLocator

from remnant.base.results import Row
from remnant.report.figures.families import NONE, PRINTED, Looks, family_handles, looks_of
from remnant.report.figures.style import CHANCE, INK, panels
from remnant.report.words import split

GOAL = "#d8efe6"
# Where a defence lost more than the second, equal losses lie equally far apart up to the first and in logarithms beyond: what
# matters is near none, and a collapse far from it.
LINEAR, COLLAPSE = 0.02, 0.1
# Of a panel: closer together, the numbers at two points would cover each other.
APART = 0.08
TICKS = (-0.5, -0.1, -0.02, -0.01, 0.0, 0.01, 0.02, 0.1, 0.5)
TITLES = {
    "paper": "the paper's adversaries,\non the code",
    "once": "every attack, on one code\nand its segmentation",
    "everything": "every attack, on all\nthat the server sees",
}
AXES = {
    "balanced": "balanced accuracy of the strongest",
    "auc": "AUC of the strongest",
}


def trade_off(rows: list[Row]) -> Figure:
    """Strongest attack against the overall Dice lost, with both 95% intervals, a point a variant; a panel a set of attacks.

    `rows` are of the table `trade_off`: `against` (which attacks), `measure` of the `value`, `low`, `high`; `loss`, `loss_low`,
    `loss_high`; `goal_value` and `goal_loss`, the bounds of the shaded corner that is to be reached; `published_value` and
    `published_loss` of the paper. Its `lambda` stands at each, its family is its colour. Chance is dotted.
    """
    parts, looks = split(rows, "against"), looks_of(rows)
    figure, axes = panels(len(parts), height=3.5, per_row=3, share_y=False)
    widest = [
        bound for row in rows for bound in (row["loss"], row["loss_low"], row["loss_high"], row["published_loss"])
    ]
    losses = [0.0, LINEAR, *(value for value in widest if value is not None)]
    for panel, ((against,), part) in zip(axes, parts.items(), strict=True):
        _scale(panel, min(losses), max(losses))
        panel.set_ylim(0.42, 1.04)
        _goal(panel, part)
        for row in part:
            _printed(panel, row)
        for row in part:
            _point(panel, row, looks)
        _lambdas(panel, part)
        panel.axhline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2)
        panel.set(title=TITLES[against], xlabel="overall Dice lost", ylabel=AXES[part[0]["measure"]])
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


def _scale(panel: Axes, low: float, high: float) -> None:
    collapsed = max(-low, high) > COLLAPSE
    if collapsed:
        panel.set_xscale("symlog", linthresh=LINEAR, linscale=1.2)
    there = panel.xaxis.get_transform()
    ends = there.transform(np.array([low, high]))
    margin = 0.07 * (ends[1] - ends[0])
    panel.set_xlim(*there.inverted().transform(ends + np.array([-margin, margin])))
    if collapsed:
        panel.xaxis.set_major_locator(FixedLocator(TICKS))
        panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _goal(panel: Axes, part: list[Row]) -> None:
    row = part[0]
    if row["goal_value"] is None:
        return
    left, bottom = panel.get_xlim()[0], panel.get_ylim()[0]
    panel.add_patch(
        Rectangle((left, bottom), row["goal_loss"] - left, row["goal_value"] - bottom, color=GOAL, zorder=0)
    )


def _printed(panel: Axes, row: Row) -> None:
    if row["published_value"] is not None:
        panel.plot(row["published_loss"], row["published_value"], "d", **PRINTED)


def _point(panel: Axes, row: Row, looks: Looks) -> None:
    loss = 0.0 if row["family"] == NONE else row["loss"]
    if row["value"] is None or loss is None:
        return
    style = looks[row["family"]]
    lines = {"color": style["color"], "linewidth": 1.1, "alpha": 0.65}
    if row["low"] is not None:
        panel.vlines(loss, row["low"], row["high"], **lines)
    if row["loss_low"] is not None:
        panel.hlines(row["value"], row["loss_low"], row["loss_high"], **lines)
    panel.plot(loss, row["value"], markersize=6, linestyle="none", markeredgecolor="white", **style)


def _lambdas(panel: Axes, part: list[Row]) -> None:
    """The lambda above each point; points that all but cover each other share a label."""
    there = panel.transData + panel.transAxes.inverted()
    placed = sorted(
        (*there.transform((row["loss"], row["value"])), row["lambda"])
        for row in part
        if None not in (row["loss"], row["value"], row["lambda"])
    )
    groups: list[list[tuple[float, float, float]]] = []
    for point in placed:
        near = (g for g in groups if np.hypot(point[0] - g[-1][0], point[1] - g[-1][1]) < APART)
        group = next(near, None)
        if group is None:
            groups.append([point])
        else:
            group.append(point)
    for group in groups:
        along, up = np.mean([point[:2] for point in group], axis=0)
        panel.annotate(
            ", ".join(f"{value:g}" for value in sorted({point[2] for point in group})),
            (along, up),
            xycoords="axes fraction",
            xytext=(6, 5) if along > 1 - APART else (0, 5),
            textcoords="offset points",
            # Within the panel at its right end.
            ha="right" if along > 1 - APART else "center",
            fontsize=7.5,
            color=INK,
        )
