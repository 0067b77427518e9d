"""The rank histogram: how many patients have their own original first, second, ... among all."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.base.texts import counted
from remnant.report.figures.style import FAINT, GROUP_COLOURS, PUBLISHED, legend_above, panels
from remnant.report.words import facet, label, split

SHOWN = 8  # ranks drawn one by one; those beyond share the last bar


def rank_histogram(rows: list[Row]) -> Figure:
    """Share of patients (%) at each rank for members and non-members, beside the published counts.

    `rows` are of the table `ranks`; one panel per network, decoder and metric. Shares, since the published
    cohort has another size; the number above each bar is its count of patients.
    """
    parts = split(rows, "network", "decoder", "metric")
    figure, axes = panels(len(parts), height=2.3)
    last = max(row["rank"] for row in rows if row["count"] or row.get("published"))
    shown = max(min(last, SHOWN + 1), 3)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        series = [
            (label(group), color, _counts(part, "count", group), "") for group, color in GROUP_COLOURS.items()
        ] + [("published", PUBLISHED, _counts(part, "published", None), "////")]
        series = [one for one in series if sum(one[2].values())]
        width = 0.82 / len(series)
        for place, (name, color, counts, hatch) in enumerate(series):
            total = sum(counts.values())
            left = (place - (len(series) - 1) / 2) * width
            heights = [100 * counts.get(rank, 0) / total for rank in range(1, shown + 1)]
            bars = panel.bar(
                [rank + left for rank in range(1, shown + 1)],
                heights,
                width * 0.92,
                label=f"{name} ({counted(total, 'patient')})",
                color="white" if hatch else color,
                edgecolor=color,
                hatch=hatch,
                linewidth=0.8,
            )
            panel.bar_label(
                bars,
                [str(counts[rank]) if counts.get(rank) else "" for rank in range(1, shown + 1)],
                padding=1.5,
                fontsize=6.5,
            )
        names = [str(rank) for rank in range(1, shown + 1)]
        if last > SHOWN:
            names[-1] = f"{shown}+"
        panel.set_xticks(range(1, shown + 1), names)
        panel.grid(axis="x", visible=False)
        panel.set(title=facet(keys, parts), ylim=(0, 112), yticks=[0, 25, 50, 75, 100])
        panel.set_xlabel("rank of the patient's own original (1 = found)")
        panel.axvspan(0.5, 1.5, color=FAINT, alpha=0.45, zorder=0, linewidth=0)
    axes[0].set_ylabel("share of patients, %")
    legend_above(figure, axes[0])
    return figure


def _counts(rows: list[Row], column: str, group: str | None) -> dict[int, int]:
    """Patients at each rank, the tail gathered; published counts, repeated for each group, count once."""
    counts: dict[int, int] = {}
    for rank, count in {
        (row["rank"], row["group"] if group else None): row[column]
        for row in rows
        if row.get(column) is not None and (group is None or row["group"] == group)
    }.items():
        place = min(rank[0], SHOWN + 1)
        counts[place] = counts.get(place, 0) + count
    return counts
