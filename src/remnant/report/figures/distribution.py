"""How generated images spread beside the real ones: kurtosis along principal components, entropy of grey levels."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, LINES, legend_above, panels
from remnant.report.words import facet, label, split

DASHES = ("-", (0, (5, 2)), (0, (1, 1)), (0, (5, 1, 1, 1)))


def kurtosis_curves(rows: list[Row]) -> Figure:
    """Excess kurtosis of each principal component with its 95% band; a panel a target, a line a set of images.

    `rows` are of the table `kurtosis`: `target`, `set`, `component` (from 1, largest variance first), `kurtosis`, `low`,
    `high`. Dashed is 0, the normal distribution. The scale is logarithmic beyond 1.
    """
    parts = split(rows, "target")
    sets = [name for (name,) in split(rows, "set")]
    figure, axes = panels(len(parts), height=2.5)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        for (name,), line in split(part, "set").items():
            place = sets.index(name)
            color = LINES[place % len(LINES)]
            line = sorted((row for row in line if row["kurtosis"] is not None), key=lambda row: row["component"])
            panel.plot(
                [row["component"] for row in line],
                [row["kurtosis"] for row in line],
                color=color,
                linewidth=1.4,
                linestyle=DASHES[place % len(DASHES)],
                label=label(name),
            )
            known = [row for row in line if row.get("low") is not None]
            ends = [row["low"] for row in known], [row["high"] for row in known]
            panel.fill_between([row["component"] for row in known], *ends, color=color, alpha=0.18, linewidth=0)
        panel.axhline(0, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.1, label="normal distribution")
        panel.set_yscale("symlog", linthresh=1, linscale=0.6)
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−")))
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        panel.set(title=facet(keys, parts), xlabel="principal component of the real images")
    for panel in axes[::2]:
        panel.set_ylabel("excess kurtosis")
    legend_above(figure, axes[0])
    return figure


def entropy_histogram(rows: list[Row]) -> Figure:
    """Share of images (%) by the entropy of their grey levels in bits; a panel a target, a step line a set of images.

    `rows` are of the table `entropy`: `target`, `set`, the bin's ends `low` and `high` in bits, `count` of images. A mark
    above a panel is the mean of a set, from its bins.
    """
    parts = split(rows, "target")
    sets = [name for (name,) in split(rows, "set")]
    figure, axes = panels(len(parts), height=2.3)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        for (name,), line in split(part, "set").items():
            place = sets.index(name)
            color = LINES[place % len(LINES)]
            line = sorted(line, key=lambda row: row["low"])
            total = sum(row["count"] for row in line)
            shares = [100 * row["count"] / total for row in line]
            edges = [row["low"] for row in line] + [line[-1]["high"]]
            panel.stairs(shares, edges, color=color, fill=True, alpha=0.15)
            panel.stairs(
                shares, edges, color=color, linewidth=1.4, linestyle=DASHES[place % len(DASHES)], label=label(name)
            )
            mean = sum(row["count"] * (row["low"] + row["high"]) / 2 for row in line) / total
            panel.plot(mean, 1.03, "v", color=color, markersize=5, transform=panel.get_xaxis_transform(), clip_on=False)
        panel.set(xlabel="entropy of grey levels, bits", ylim=(0, None))
        panel.set_title(facet(keys, parts), pad=9)
    for panel in axes[::2]:
        panel.set_ylabel("share of images, %")
    axes[0].plot([], [], "v", color="#5c5c5c", markersize=5, linestyle="none", label="mean")
    legend_above(figure, axes[0])
    return figure
