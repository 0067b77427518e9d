"""Training curves of the segmenters and of the inversion decoders."""

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from remnant.base.results import Row
from remnant.report.figures.style import LINES, legend_above, panels
from remnant.report.words import facet, split


def training_curves(rows: list[Row]) -> Figure:
    """Loss by epoch, one line a fold: solid on the training images, dashed on those held out.

    `rows` are of the table `training`; one panel per network, kind and, of decoders, attack. The scale is logarithmic where all
    losses are above zero. What is solved in closed form has a single loss and no curve: it has no panel, unless nothing else
    was trained.
    """
    curves = {row["cell"] for row in rows if row["epoch"] > 1} or {row["cell"] for row in rows}
    parts = split(
        [{**row, "attack": _attack(row)} for row in rows if row["cell"] in curves], "network", "kind", "attack"
    )
    figure, axes = panels(len(parts), height=2.2, share_y=False)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        folds = sorted({row["fold"] for row in part})
        for (_, fold), run in split(part, "cell", "fold").items():
            color = LINES[folds.index(fold) % len(LINES)]
            run = sorted(run, key=lambda row: row["epoch"])
            panel.plot(*_line(run, "loss"), color=color, linewidth=1.3, label=f"fold {fold}")
            panel.plot(*_line(run, "validation"), color=color, linewidth=1.1, linestyle=(0, (3, 2)))
        losses = [row[key] for row in part for key in ("loss", "validation") if row.get(key) is not None]
        if min(losses) > 0:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
            panel.yaxis.set_minor_locator(NullLocator())
        # Small enough for a network, its kind and the longest name of an attack.
        panel.set_title(facet(tuple(filter(None, keys)), parts, always=True), fontsize=8)
        panel.set(xlabel="epoch", ylabel="loss")
    legend_above(figure, axes[0])
    return figure


def _attack(row: Row) -> str:
    """What the name of the cell says after its fold: nothing for a segmenter."""
    return str(row["cell"]).rpartition(f"fold{row['fold']}")[2].lstrip("-")


def _line(run: list[Row], column: str) -> tuple[list, list]:
    known = [row for row in run if row.get(column) is not None]
    return [row["epoch"] for row in known], [row[column] for row in known]
