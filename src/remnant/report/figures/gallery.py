"""How identification falls as the gallery grows."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from remnant.base.results import Row
from remnant.base.texts import counted
from remnant.report.figures.style import CHANCE, LINES, PUBLISHED, legend_above, panels
from remnant.report.words import label, split


def gallery_size(rows: list[Row]) -> Figure:
    """Share of patients (%) found first against the size of the gallery, with its 95% band; one line a metric.

    `rows` are of the table `gallery_size`, as `measure.gallery.gallery_curve` writes them, with a `metric`. Dashed where the
    model extrapolates beyond the gallery measured; the dotted line is one half.
    """
    figure, (panel,) = panels(1, height=3.0)
    for place, ((metric,), part) in enumerate(split(rows, "metric").items()):
        color = LINES[place % len(LINES)]
        for (extrapolated,), line in split(part, "extrapolated").items():
            line = sorted(line, key=lambda row: row["size"])
            sizes = [row["size"] for row in line]
            panel.plot(
                sizes,
                [100 * row["rank1"] for row in line],
                color=color,
                linewidth=1.5,
                linestyle=(0, (4, 2)) if extrapolated else "-",
                label=None if extrapolated else f"{label(metric)} ({counted(line[0]['n'], 'patient')})",
            )
            known = [row for row in line if row.get("low") is not None]
            ends = [100 * row["low"] for row in known], [100 * row["high"] for row in known]
            shade = 0.1 if extrapolated else 0.2
            panel.fill_between([row["size"] for row in known], *ends, color=color, alpha=shade, linewidth=0)
    guesses = sorted({(row["size"], 100 * row["chance"]) for row in rows})
    panel.plot(*zip(*guesses, strict=True), color=CHANCE, linewidth=1.2, linestyle=(0, (1, 1)), label="chance")
    panel.axhline(50, color=PUBLISHED, linewidth=1, linestyle=(0, (1, 2)))
    panel.plot([], [], color=PUBLISHED, linestyle=(0, (4, 2)), label="extrapolated")
    panel.set(xscale="log", ylim=(0, 104), xlabel="patients in the gallery", ylabel="patients found first, %")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    panel.xaxis.set_minor_locator(NullLocator())
    legend_above(figure, panel)
    return figure
