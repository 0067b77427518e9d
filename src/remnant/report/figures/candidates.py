"""The candidates of a checkpoint-only attack by their two scores, and the cut-offs that make some of them likely."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, FAINT, MEMBER, PUBLISHED, legend_above, panels
from remnant.report.words import facet, split

SPREAD = 20  # of the largest over the smallest score: from here on a linear scale would crowd the likely ones


def scores_scatter(rows: list[Row]) -> Figure:
    """Mahalanobis distance against stage-1 score, a dot a candidate, lower is better in both; a panel a target.

    `rows` are of the table `candidates`: `target`, `stage1`, `mahalanobis`, the cut-offs `stage1_cut`, `mahalanobis_cut`
    (the same in all rows of a target) and `likely`, true for those at or below both. Stage-1 scores are on a logarithmic
    scale where all lie above 0 and spread far.
    """
    parts = split(rows, "target")
    figure, axes = panels(len(parts), height=2.9, share_y=False)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        scores = [row["stage1"] for row in part]
        if min(scores) > 0 and max(scores) > SPREAD * min(scores):
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter(FuncFormatter(lambda score, _: f"{score:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
        for likely, marker, size, color, name in (
            (False, "o", 9, PUBLISHED, "candidate"),
            (True, "D", 26, MEMBER, "likely: within both"),
        ):
            chosen = [row for row in part if bool(row["likely"]) == likely]
            panel.scatter(
                [row["stage1"] for row in chosen],
                [row["mahalanobis"] for row in chosen],
                s=size,
                marker=marker,
                color=color,
                alpha=1 if likely else 0.55,
                edgecolor="white" if likely else "none",
                linewidth=0.6 if likely else 0,
                zorder=3 if likely else 2,
                label=name,
            )
        x, y = part[0]["stage1_cut"], part[0]["mahalanobis_cut"]
        (left, _), (bottom, _) = panel.get_xlim(), panel.get_ylim()
        panel.fill_between([left, x], bottom, y, color=FAINT, alpha=0.7, linewidth=0, zorder=0)
        panel.set_xlim(left=left)
        panel.set_ylim(bottom=bottom)
        panel.axvline(x, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.1, label="cut-off")
        panel.axhline(y, color=CHANCE, linestyle=(0, (4, 2)), linewidth=1.1)
        likely = sum(bool(row["likely"]) for row in part)
        panel.set(title=f"{facet(keys, parts)}: {likely} of {len(part)} likely", xlabel="stage-1 score")
    for panel in axes[::2]:
        panel.set_ylabel("Mahalanobis distance")
    legend_above(figure, axes[0])
    return figure
