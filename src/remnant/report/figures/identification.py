"""How often the attack finds the right patient, beside chance and beside the published share."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, GROUP_COLOURS, HALO, INK, legend_above, panels
from remnant.report.words import facet, label, split


def identification_bars(rows: list[Row]) -> Figure:
    """Share of patients (%) whose own original is ranked first, with the exact interval; one panel a network.

    `rows` are of the table `identification`. The dashed line is chance, the diamond the published share.
    """
    parts = split(rows, "network")
    kinds = list(split(rows, "metric", "decoder"))
    figure, axes = panels(len(parts), height=0.6 + 0.36 * len(kinds))
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        for row in part:
            side = -0.19 if row["group"] == "member" else 0.19
            _bar(panel, kinds.index((row["metric"], row["decoder"])) + side, row)
        # The panels share their lines, so that one column of names serves them all.
        panel.set_yticks(range(len(kinds)), [" · ".join(label(key) for key in kind) for kind in kinds])
        panel.set_ylim(len(kinds) - 0.5, -0.5)
        panel.set(title=facet(keys, parts, always=True), xlim=(0, 104), xticks=[0, 25, 50, 75, 100])
        panel.set_xlabel("patients found first, %")
        panel.grid(axis="y", visible=False)
        # A mean over patients: equal but for its last digits.
        chances = sorted({round(row["chance"], 9) for row in part if row.get("chance") is not None})
        for chance, name in zip(chances, ["chance", *[None] * len(chances)], strict=False):
            panel.axvline(100 * chance, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.2, label=name)
    legend_above(figure, axes[0])
    return figure


def _bar(panel: Axes, place: float, row: Row) -> None:
    """One bar with its interval and, where there is one, the published value."""
    share = 100 * row["rank1"]
    first = label(row["group"]) not in panel.get_legend_handles_labels()[1]
    panel.barh(place, share, 0.34, color=GROUP_COLOURS[row["group"]], label=label(row["group"]) if first else None)
    if row.get("rank1_low") is not None:
        panel.hlines(
            place,
            100 * row["rank1_low"],
            100 * row["rank1_high"],
            color=INK,
            linewidth=1.2,
            path_effects=HALO,
        )
    if row.get("published_rank1") is not None:
        first = "published" not in panel.get_legend_handles_labels()[1]
        panel.plot(
            100 * row["published_rank1"],
            place,
            "D",
            markerfacecolor="white",
            markeredgecolor=INK,
            markersize=5,
            label="published" if first else None,
        )
