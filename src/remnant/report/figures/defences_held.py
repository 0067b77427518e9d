"""What each defence costs and what it stops: the strongest attack on a network against what the network is worth."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.families import MARKERS, NONE
from remnant.report.figures.style import CHANCE, INK, LINES, panels
from remnant.report.words import number


def defences_held(rows: list[Row]) -> Figure:
    """AUC of the strongest attack against the task on non-members, with both 95% intervals, a point a defence, a panel a network.

    `rows` are of the table `mitigation`: `defence` and its `words`, the attack's `value`, `low`, `high`, and `utility`,
    `utility_low`, `utility_high` by its `measure`; of several networks the `target`. What is withheld has no point. Chance is
    dotted.
    """
    targets = list(dict.fromkeys(row.get("target") for row in rows))
    looks = _looks_of(rows)
    figure, drawn = panels(len(targets), height=3.6)
    for panel, target in zip(drawn, targets, strict=True):
        own = [row for row in rows if row.get("target") == target]
        for row in own:
            if row["value"] is not None and row["utility"] is not None:
                _point(panel, row, looks[str(row["defence"])])
        panel.axhline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2, label="chance")
        panel.set_ylim(0.38, 1.04)
        panel.set(xlabel=f"{own[0]['measure']} on non-members", ylabel="AUC of the strongest attack")
        if target is not None:
            panel.set_title(str(target))
    told = [panel.get_legend_handles_labels() for panel in drawn]
    # Of what is in several panels the legend speaks once, and of chance behind all defences.
    known = {name: handle for handles, names in told for handle, name in zip(handles, names, strict=True)}
    names = sorted(known, key="chance".__eq__)
    figure.legend([known[name] for name in names], names, loc="outside upper left", ncols=3, columnspacing=1.4)
    return figure


def _looks_of(rows: list[Row]) -> dict[str, dict[str, str]]:
    """Colour and marker of each defence: the same in every panel, and of no two alike before all pairs are used."""
    looks = {}
    for place, defence in enumerate(dict.fromkeys(str(row["defence"]) for row in rows)):
        marker = MARKERS[(place + place // len(LINES)) % len(MARKERS)]
        plain = defence == NONE
        looks[defence] = {"color": INK if plain else LINES[place % len(LINES)], "marker": "s" if plain else marker}
    return looks


def _point(panel: Axes, row: Row, look: Mapping[str, str]) -> None:
    lines = {"color": look["color"], "linewidth": 1.1, "alpha": 0.65}
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
        **look,
    )


def held_say(rows: list[Row]) -> str:
    """The points in words."""
    told = []
    for row in rows:
        if row["value"] is not None and row["utility"] is not None:
            whose = f"{row['words']} on {row['target']}" if row.get("target") else row["words"]
            value, worth = (number(float(row[name])) for name in ("value", "utility"))
            told.append(f"{whose}: AUC {value} at {row['measure']} {worth}")
    return f"{'; '.join(told)}." if told else "No defence has a point."
