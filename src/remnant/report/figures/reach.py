"""How far the numbers of so many patients reach: the power of the first test, and ROC curves at low false positive rates."""

import textwrap

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from remnant.base.results import Row
from remnant.base.texts import counted
from remnant.report.figures.audit import DASHES, LEGEND, NARROW, WIDE, curve_name
from remnant.report.figures.style import INK, LINES, WIDTH
from remnant.report.words import number, split

POWER = 0.8  # of what is said to be detectable
SEEN = 0.999  # power, beyond which an AUC is as good as always seen


def auc_power(rows: list[Row]) -> Figure:
    """The chance that an AUC is seen, against its size, of so many patients and of some times as many.

    `rows`: `times`, `members`, `non_members`, `auc` and `power` in the order of the curve, `detectable` the same in each of one
    curve.
    """
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    panel = figure.subplots()
    panel.axhline(POWER, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label=f"{POWER:.0%} power")
    for place, part in enumerate(split(rows, "times").values()):
        first = part[0]
        label = f"{_patients(first)}: {number(first['detectable'])}"
        panel.plot(
            [row["auc"] for row in part],
            [row["power"] for row in part],
            color=LINES[place],
            linestyle=DASHES[place],
            linewidth=WIDE if place == 0 else NARROW,
            label=f"this audit, {label}" if first["times"] == 1 else f"{first['times']} times as many, {label}",
        )
        panel.plot(first["detectable"], POWER, "o", color=LINES[place], markersize=5)
    # Beyond it everything is seen.
    last = next((row["auc"] for row in rows if row["power"] > SEEN), 1.0)
    panel.set(xlim=(0.5, min(1.0, last + 0.02)), ylim=(-0.02, 1.02))
    panel.set(xlabel="AUC of members against non-members", ylabel="chance of being seen")
    figure.legend(loc="outside upper left", ncols=2, handletextpad=0.5)
    return figure


def auc_power_says(rows: list[Row]) -> str:
    """What would be seen, in words."""
    said = [f"{_patients(part[0])} {number(part[0]['detectable'])}" for part in split(rows, "times").values()]
    return f"AUC that is seen with {POWER:.0%} power: " + "; ".join(said) + "."


def low_roc_curves(rows: list[Row]) -> Figure:
    """ROC curves with both axes logarithmic, the first with its interval; what is told of nobody is not drawn.

    `rows`: `attack`, `view`, `fpr` above 0, `tpr` with its ends, in the order of the curve.
    """
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    panel = figure.subplots()
    low = min(row["fpr"] for row in rows)
    panel.plot([low, 1], [low, 1], color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label="chance")
    for place, (keys, part) in enumerate(split(rows, "attack", "view").items()):
        part = [row for row in part if row["tpr"]]
        color = LINES[place % len(LINES)]
        if place == 0:
            ends = [(row["fpr"], max(row["tpr_low"] or 0, low / 3), row["tpr_high"]) for row in part if row["tpr_high"]]
            if ends:
                panel.fill_between(*zip(*ends, strict=True), color=color, alpha=0.15, linewidth=0)
        panel.plot(
            [row["fpr"] for row in part],
            [row["tpr"] for row in part],
            color=color,
            linestyle=DASHES[place % len(DASHES)],
            linewidth=WIDE if place == 0 else NARROW,
            label=textwrap.fill(curve_name(keys), LEGEND, subsequent_indent="   "),
        )
    panel.set(xscale="log", yscale="log", xlim=(low, 1), ylim=(low / 3, 1.05))
    panel.set(xlabel="false positive rate", ylabel="true positive rate")
    ticks = [tick for tick in (0.0001, 0.001, 0.01, 0.1, 1.0) if tick >= low / 3]
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_locator(NullLocator())
    panel.set_xticks([tick for tick in ticks if tick >= low], [f"{tick:.4g}" for tick in ticks if tick >= low])
    panel.set_yticks(ticks, [f"{tick:.4g}" for tick in ticks])
    panel.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=1.6)
    return figure


def low_roc_says(rows: list[Row]) -> str:
    """The curves in words, at their lowest rate."""
    said = []
    for keys, part in split(rows, "attack", "view").items():
        first = min(part, key=lambda row: row["fpr"])
        said.append(f"{curve_name(keys)} {number(first['tpr'])} at {first['fpr']:.2g}")
    return "True positive rate at the lowest false positive rate: " + "; ".join(said) + "."


def _patients(row: Row) -> str:
    """ "85 members, 85 non-members"."""
    return f"{counted(row['members'], 'member')}, {counted(row['non_members'], 'non-member')}"
