"""Dice when the scan is disturbed before it is encoded."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.families import PRINTED, looks_of
from remnant.report.figures.style import WIDTH
from remnant.report.words import label, split

DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))
NAMES = 1.75  # inches right of the panel, for the names of the lines


def robustness_lines(rows: list[Row]) -> Figure:
    """Overall Dice by what was done to the scan: a line a variant, named at its end; the paper's where it has one.

    `rows` are of one class of the table `robustness`: `name`, `family`, `condition`, `dice`, `dice_low`, `dice_high`,
    `published`.
    """
    places = [condition for (condition,) in split(rows, "condition")]
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, 1 - NAMES / WIDTH, 1))
    panel = figure.subplots()
    seen: dict[str, int] = {}
    looks = looks_of(rows)
    ends = []
    for (name,), part in split(rows, "name").items():
        family = str(part[0]["family"])
        style = looks[family]
        dashes = DASHES[seen.setdefault(family, 0) % len(DASHES)]
        seen[family] += 1
        part = sorted((row for row in part if row["dice"] is not None), key=lambda row: places.index(row["condition"]))
        if not part:
            continue
        where = [places.index(row["condition"]) for row in part]
        panel.plot(where, [row["dice"] for row in part], linestyle=dashes, linewidth=1.4, markersize=4.5, **style)
        for place, row in zip(where, part, strict=True):
            if row["dice_low"] is not None:
                panel.vlines(place, row["dice_low"], row["dice_high"], color=style["color"], linewidth=0.9, alpha=0.5)
            if row["published"] is not None:
                panel.plot(place, row["published"], "d", **PRINTED)
        ends.append((part[-1]["dice"], where[-1], name, style["color"]))
    ends.sort()
    for (height, place, name, color), at in zip(ends, _apart([end[0] for end in ends], *panel.get_ylim()), strict=True):
        panel.annotate(
            name,
            (place, height),
            xytext=(len(places) - 0.8, at),
            textcoords="data",
            va="center",
            fontsize=7.5,
            color=color,
            in_layout=False,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.5, "shrinkA": 1, "shrinkB": 3},
        )
    panel.set_xticks(range(len(places)), [label(place) for place in places])
    panel.set_xlim(-0.3, len(places) - 0.85)
    panel.set_ylabel("overall Dice; 95% interval")
    if any(row["published"] is not None for row in rows):
        panel.plot([], [], "d", label="the paper's, at lambda 1", **PRINTED)
        figure.legend(*panel.get_legend_handles_labels(), loc="outside upper left")
    return figure


def _apart(heights: list[float], low: float, high: float) -> list[float]:
    """Where names stand beside these `heights`, which rise: within `low` and `high`, no two upon each other if they fit."""
    least = min((high - low) * 0.055, (high - low) / max(1, len(heights)))
    places = list(heights)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + least)
    ceiling = high - least / 2
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - least
    return places
