"""How well the demographic model reads age and sex: both on its validation patients and wherever they are known."""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, INK, LINES, legend_above, panels
from remnant.report.words import label, split

MARKERS = "os^Dv*P"
SEXES = {"F": "women", "M": "men"}


def age_scatter(rows: list[Row]) -> Figure:
    """Predicted against actual age in years, a dot a patient, beside the line of no error; one panel a set.

    `rows` are of the table `ages`: `set`, `actual`, `predicted`. The mean absolute error of its dots stands below each panel.
    """
    parts = split(rows, "set")
    figure, axes = panels(len(parts), height=3.1)
    ages = [row[column] for row in rows for column in ("actual", "predicted")]
    ends = (min(ages) - 3, max(ages) + 3)
    for place, (panel, ((name,), part)) in enumerate(zip(axes, parts.items(), strict=True)):
        panel.plot(ends, ends, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.2, label="no error")
        panel.scatter(
            [row["actual"] for row in part],
            [row["predicted"] for row in part],
            s=11 if len(part) > 60 else 20,
            marker=MARKERS[place % len(MARKERS)],
            color=LINES[place % len(LINES)],
            alpha=0.45 if len(part) > 60 else 0.9,
            linewidth=0,
            zorder=3,
        )
        error = sum(abs(row["predicted"] - row["actual"]) for row in part) / len(part)
        panel.set(title=label(name), xlim=ends, ylim=ends, aspect="equal")
        panel.set_xlabel(f"actual age, years\nmean absolute error {error:.1f} years, n = {len(part)}")
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
    axes[0].set_ylabel("predicted age, years")
    legend_above(figure, axes[0])
    return figure


def sex_confusion(rows: list[Row]) -> Figure:
    """Patients by actual (line) and predicted sex (column), shaded by the share of their line; one panel a set.

    `rows` are of the table `sexes`: `set`, `actual`, `predicted` ("F" or "M"), `count`.
    """
    parts = split(rows, "set")
    figure, axes = panels(len(parts), height=2.1, per_row=3)
    for panel, ((name,), part) in zip(axes, parts.items(), strict=True):
        counts = {(row["actual"], row["predicted"]): row["count"] for row in part}
        lines = [[counts.get((actual, called), 0) for called in SEXES] for actual in SEXES]
        shares = [[count / (sum(line) or 1) for count in line] for line in lines]
        panel.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
        for i, (line, share) in enumerate(zip(lines, shares, strict=True)):
            for j, count in enumerate(line):
                text = f"{count}\n{share[j]:.0%}" if sum(line) else "0"
                panel.text(j, i, text, ha="center", va="center", color="white" if share[j] > 0.6 else INK)
        panel.set_xticks(range(2), SEXES.values())
        panel.set_yticks(range(2), SEXES.values(), rotation=90, va="center")
        panel.set(title=label(name), xlabel="predicted")
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
    axes[0].set_ylabel("actual")
    return figure
