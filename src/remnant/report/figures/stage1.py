"""The terms of stage 1 over its steps: whether each fell, and whether it had levelled off when the tuning stopped."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from remnant.base.results import Row
from remnant.report.figures.style import LINES, WIDTH
from remnant.report.words import label, split

ACROSS = 3  # small panels a line
SPREAD = 3  # times the least: closer together, a logarithmic axis would have a single tick


def stage1_terms(rows: list[Row]) -> Figure:
    """Each loss term of stage 1 by step, unweighted; a small panel a term, a line a target.

    `rows` are of the table `stage1`: `target`, `term`, `step`, `value`, and `name` where a target is not called by its label.
    The scale is logarithmic where all of a term's values lie above 0 and differ by more than `SPREAD`. The sum, where the rows
    hold it, is a term like the others.
    """
    parts = split(rows, "term")
    targets = [target for (target,) in split(rows, "target")]
    names = {row["target"]: row.get("name") or label(row["target"]) for row in rows}
    styles = {target: _style(place) for place, target in enumerate(targets)}
    lines = -(-len(parts) // ACROSS)
    figure = Figure(figsize=(WIDTH, 1.75 * lines + 0.45), layout="constrained")
    grid = figure.subplots(lines, ACROSS, squeeze=False).ravel()
    for spare in grid[len(parts) :]:
        spare.remove()
    for panel, ((term,), part) in zip(grid, parts.items(), strict=False):
        for (target,), line in split(part, "target").items():
            line = sorted(line, key=lambda row: row["step"])
            panel.plot(
                [row["step"] for row in line],
                [row["value"] for row in line],
                linewidth=1.2,
                **styles[target],
            )
        low, high = min(row["value"] for row in part), max(row["value"] for row in part)
        if low > 0 and high > SPREAD * low:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,), numticks=6))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.set_title(label(term), fontsize=8.5)
    for panel in grid[max(0, len(parts) - ACROSS) : len(parts)]:
        panel.set_xlabel("step")
    handles = [Line2D([], [], label=names[target], **styles[target]) for target in targets]
    figure.legend(handles=handles, loc="outside upper left", ncols=4, handlelength=1.6, columnspacing=1.6)
    return figure


def _style(place: int) -> dict[str, Any]:
    """Of the line at a place: once the colours are used up they come again dashed."""
    return {"color": LINES[place % len(LINES)], "linestyle": "-" if place < len(LINES) else (0, (3, 1.5))}
