"""What each defence costs and what it stops: the strongest attack on a network against what the network is worth."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.families import MARKERS, NONE
from remnant.report.figures.style import CHANCE, INK, LINES, panels
from remnant.report.words import number


def defences_held(rows: list[Row]) -> Figure:
    """AUC of the strongest attack against the task on non-members, with both 95% intervals, a point a defence.

    `rows` are of the table `mitigation`: `defence` and its `words`, the attack's `value`, `low`, `high`, and `utility`,
    `utility_low`, `utility_high` by its `measure`. What is withheld has no point. Chance is dotted.
    """
    figure, (panel,) = panels(1, height=3.6)
    for place, row in enumerate(rows):
        if row["value"] is None or row["utility"] is None:
            continue
        plain = row["defence"] == NONE
        style = {
            "color": INK if plain else LINES[place % len(LINES)],
            "marker": "s" if plain else MARKERS[place % len(MARKERS)],
        }
        lines = {"color": style["color"], "linewidth": 1.1, "alpha": 0.65}
        if row["low"] is not None:
            panel.vlines(row["utility"], row["low"], row["high"], **lines)
        if row["utility_low"] is not None:
            panel.hlines(row["value"], row["utility_low"], row["utility_high"], **lines)
        panel.plot(
            row["utility"],
            row["value"],
            markersize=6,
            linestyle="none",
            markeredgecolor="white",
            label=row["words"],
            **style,
        )
    panel.axhline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2, label="chance")
    panel.set_ylim(0.38, 1.04)
    panel.set(xlabel=f"{rows[0]['measure']} on non-members", ylabel="AUC of the strongest attack")
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.4)
    return figure


def held_say(rows: list[Row]) -> str:
    """The points in words."""
    told = [
        f"{row['words']}: AUC {number(float(row['value']))} at {row['measure']} {number(float(row['utility']))}"
        for row in rows
        if row["value"] is not None and row["utility"] is not None
    ]
    return f"{'; '.join(told)}." if told else "No defence has a point."
