"""Are two images of one patient? What each adversary makes of each variant, beside what it makes of raw scans."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from remnant.base.results import Row, Value
from remnant.report.figures.families import PRINTED
from remnant.report.figures.style import CHANCE, INK, LINES, panels
from remnant.report.words import label, split

MARKERS = "o^sDvP*X"
CONTROL_ACCURACY = 0.95  # what an attack has to reach on raw scans


def adversaries(rows: list[Row]) -> Figure:
    """Balanced accuracy with its interval: a line a variant, a marker an attack, a panel a view and kind of pairs.

    `rows` are of the table `identity`: `name`, `view`, `kind`, `attack`, `balanced`, `balanced_low`, `balanced_high`,
    `published`, `counts`: a mark is hollow where it is False, since the attack fails its control and its failure says nothing.
    Chance is dotted; the dashed line is what the same attack has to reach on raw scans.
    """
    parts = split(rows, "view", "kind")
    variants = [name for (name,) in split(rows, "name")]
    attacks = [attack for (attack,) in split(rows, "attack")]
    figure, axes = panels(len(parts), height=0.7 + 0.34 * len(variants))
    for panel, ((view, kind), part) in zip(axes, parts.items(), strict=True):
        for row in part:
            _mark(panel, row, _place(row, variants, attacks), attacks.index(row["attack"]))
        panel.axvline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2)
        panel.axvline(CONTROL_ACCURACY, color=INK, linestyle=(0, (4, 2)), linewidth=0.8)
        panel.set_yticks(range(len(variants)), variants)
        panel.set_ylim(len(variants) - 0.4, -0.6)
        # A line apart from the next, since each holds several marks.
        panel.grid(axis="y", visible=False)
        for between in range(1, len(variants)):
            panel.axhline(between - 0.5, color="#eceff3", linewidth=0.8, zorder=0)
        panel.set_xlim(0.3, 1.02)
        panel.set(title=f"{label(view)} · {label(kind)} pairs", xlabel="balanced accuracy; 95% interval")
    handles = [
        Line2D([], [], linestyle="none", marker=MARKERS[i], color=LINES[i], markersize=5.5, label=label(attack))
        for i, attack in enumerate(attacks)
    ]
    if any(row["published"] is not None for row in rows):
        handles.append(Line2D([], [], marker="d", label="the paper's", **PRINTED))
    if any(row["counts"] is False for row in rows):
        hollow = {"markerfacecolor": "white", "markeredgecolor": INK, "linestyle": "none", "markersize": 5.5}
        handles.append(Line2D([], [], marker="o", label="its failure says nothing", **hollow))
    handles.append(Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=0.8, label="asked of it on raw scans"))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, handlelength=1.8, columnspacing=1.4)
    return figure


def _place(row: Row, variants: Sequence[Value], attacks: Sequence[Value]) -> float:
    """Attacks share a variant's line evenly."""
    spread = 0.7 / max(1, len(attacks))
    return variants.index(row["name"]) + (attacks.index(row["attack"]) - (len(attacks) - 1) / 2) * spread


def _mark(panel: Axes, row: Row, place: float, index: int) -> None:
    color = LINES[index % len(LINES)]
    if row["balanced"] is None:
        return
    if row["balanced_low"] is not None:
        panel.hlines(place, row["balanced_low"], row["balanced_high"], color=color, linewidth=1.4)
    face = "white" if row["counts"] is False else color
    panel.plot(row["balanced"], place, MARKERS[index % len(MARKERS)], color=color, markerfacecolor=face, markersize=5)
    if row["published"] is not None:
        panel.plot(row["published"], place, "d", **PRINTED)
