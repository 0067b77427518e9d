"""Dice of each class, under each variant of a defence."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.families import PRINTED, family_handles, looks_of
from remnant.report.figures.style import panels
from remnant.report.words import label, split

ACROSS = 3


def class_dice(rows: list[Row]) -> Figure:
    """Dice with its interval: a panel a class, a line a variant.

    `rows` are of the table `segmentation`: `class`, `name`, `family`, `dice`, `dice_low`, `dice_high`, `published`.
    """
    parts = split(rows, "class")
    variants, looks = [name for (name,) in split(rows, "name")], looks_of(rows)
    figure, axes = panels(len(parts), height=0.6 + 0.19 * len(variants), per_row=ACROSS)
    for panel, ((name,), part) in zip(axes, parts.items(), strict=True):
        for row in part:
            place = variants.index(row["name"])
            if row["published"] is not None:
                panel.plot(row["published"], place, "d", **PRINTED)
            if row["dice"] is None:
                continue
            style = looks[row["family"]]
            if row["dice_low"] is not None:
                panel.hlines(place, row["dice_low"], row["dice_high"], color=style["color"], linewidth=1.6)
            panel.plot(row["dice"], place, markersize=5, **style)
        panel.set_yticks(range(len(variants)), variants)
        panel.set_ylim(len(variants) - 0.5, -0.5)
        panel.set_xlim(-0.02, 1.02)
        panel.grid(axis="y", visible=False)
        panel.set_title(label(name))
    for panel in axes[max(0, len(axes) - ACROSS) :]:
        panel.set_xlabel("Dice; 95% interval")
    printed = any(row["published"] is not None for row in rows)
    figure.legend(handles=family_handles(rows, printed=printed), loc="outside upper left", ncols=4, columnspacing=1.4)
    return figure
