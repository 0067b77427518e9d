"""How likely the fold-rank test sees a leak, by its size, and what this cohort would have shown."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.audit import OUTCOMES
from remnant.report.figures.style import INK, LINES, WIDTH
from remnant.report.words import number

POWER = 0.8  # of what is said to be detectable


def fold_power(rows: list[Row]) -> Figure:
    """The chance of being seen against the share of patients whose own model fits worst.

    `rows`: `share` and `power`, both in [0, 1], from no leak on; `detectable`, `found` and `outcome` the same in each: the share
    that is seen with a chance of `POWER`, and the one that was found and with what outcome, None where they are not told.
    """
    figure = Figure(figsize=(WIDTH, 2.8), layout="constrained")
    panel = figure.subplots()
    first = rows[0]
    shares, powers = ([row[name] for row in rows] for name in ("share", "power"))
    panel.plot(shares, powers, color=LINES[0], marker="o", markersize=3, label="chance of being seen")
    panel.axvline(first["share"], color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label="by chance")
    if first["detectable"] is not None:
        label = f"this cohort would have shown: {number(first['detectable'])}"
        panel.plot([first["detectable"]], [POWER], "|", color=INK, markersize=16, markeredgewidth=2, label=label)
    if first["found"] is not None:
        # A line over all heights: what was found has a share, and no power.
        color = OUTCOMES[first["outcome"]][0] if first["outcome"] else INK
        panel.axvline(first["found"], color=color, linestyle=(0, (5, 1.5)), linewidth=1.4, label=_found(first))
    panel.set(ylim=(-0.02, 1.02), xlabel="share of patients whose own model fits worst", ylabel="chance of being seen")
    figure.legend(loc="outside upper left", ncols=2, handletextpad=0.4)
    return figure


def power_says(rows: list[Row]) -> str:
    """The curve in words."""
    first = rows[0]
    said = [f"{number(row['share'])} {number(row['power'])}" for row in rows]
    if first["detectable"] is not None:
        said.append(f"with a chance of {POWER:.0%} this cohort would have shown {number(first['detectable'])}")
    if first["found"] is not None:
        said.append(_found(first))
    return (
        f"Share of patients whose own model fits worst, and the chance of being seen; {number(first['share'])} without a leak: "
        + "; ".join(said)
        + "."
    )


def _found(row: Row) -> str:
    outcome = f" ({row['outcome']})" if row["outcome"] else ""
    return f"found: {number(row['found'])}{outcome}"
