"""Which similarity finds the patient, and how each answers to graded damage."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, INK, LINES, MEMBER, WIDTH, legend_above, panels
from remnant.report.words import label, split

MARKERS = "os^Dv*P"


def metric_match(rows: list[Row]) -> Figure:
    """Share of patients (%) found first by each metric and its AUC, both with 95% intervals; a line a metric.

    `rows` are of the table `metrics`, as `measure.response.compare` writes them, best first as drawn. Dashed is chance.
    """
    rows = sorted(rows, key=lambda row: (-row["rank1"], -row["auc"]))
    figure = Figure(figsize=(WIDTH, 1.1 + 0.3 * len(rows)), layout="constrained")
    shares, areas = figure.subplots(1, 2, sharey=True)
    for panel, column, scale in ((shares, "rank1", 100), (areas, "auc", 1)):
        for place, row in enumerate(rows):
            if row.get(f"{column}_low") is not None:
                ends = scale * row[f"{column}_low"], scale * row[f"{column}_high"]
                panel.hlines(place, *ends, color=MEMBER, linewidth=1.8)
            panel.plot(scale * row[column], place, "o", color=INK, markersize=5)
        panel.grid(axis="y", visible=False)
    for chance in sorted({row["chance"] for row in rows}):
        shares.axvline(100 * chance, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.2, label="chance")
    areas.axvline(0.5, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.2)
    shares.set_yticks(range(len(rows)), [f"{label(row['metric'])} (n = {row['n']})" for row in rows])
    shares.set_ylim(len(rows) - 0.5, -0.5)
    shares.set(title="Match rate", xlim=(-2, 104), xticks=[0, 25, 50, 75, 100], xlabel="patients found first, %")
    areas.set(title="Own against others", xlim=(None, 1.02), xlabel="area under the ROC curve")
    legend_above(figure, shares)
    return figure


def response_curves(rows: list[Row]) -> Figure:
    """How alike each metric finds image and original as the image is damaged: a panel a damage, a line a metric.

    `rows` are of the table `response`, as `measure.response.response` writes them: 1 is the undamaged image, 0 the mean
    of other patients. The shade is the 95% interval; a hollow mark where fewer than all patients are still found first.
    """
    parts = split(rows, "degradation")
    metrics = [metric for (metric,) in split(rows, "metric")]
    figure, axes = panels(len(parts), height=2.4)
    for panel, ((name,), part) in zip(axes, parts.items(), strict=True):
        for (metric,), line in split(part, "metric").items():
            place = metrics.index(metric)
            color, marker = LINES[place % len(LINES)], MARKERS[place % len(MARKERS)]
            line = sorted(line, key=lambda row: row["level"])
            levels = [row["level"] for row in line]
            panel.plot(levels, [row["own"] for row in line], color=color, linewidth=1.3)
            known = [row for row in line if row.get("own_low") is not None]
            ends = [row["own_low"] for row in known], [row["own_high"] for row in known]
            panel.fill_between([row["level"] for row in known], *ends, color=color, alpha=0.15, linewidth=0)
            for row in line:
                fill = color if row["rank1"] == 1 else "white"
                panel.plot(
                    row["level"], row["own"], marker, color=color, markerfacecolor=fill, markersize=4.5, clip_on=False
                )
            panel.plot([], [], color=color, marker=marker, markersize=4.5, label=label(metric))
        panel.axhline(0, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.2, label="mean of other patients")
        panel.set(title=label(name), xlabel=part[0]["unit"])
    axes[0].set_ylabel("likeness to the own original")
    legend_above(figure, axes[0])
    return figure
