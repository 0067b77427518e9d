"""What a code gives away beyond its own segmentation: the yardstick that no code can undercut, with its interval."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.families import family_handles, looks_of
from remnant.report.figures.style import INK, panels
from remnant.report.words import label, split


def beyond_map(rows: list[Row]) -> Figure:
    """AUC of an attack on the code minus that of the same attack on the segmentation, with its interval: a panel an attack.

    `rows` are of the table `difference`: `name`, `family`, `attack`, `difference`, `low`, `high`. Filled where the interval
    leaves zero out. Right of zero the code tells more than the segmentation.
    """
    parts = split(rows, "attack")
    variants, looks = [name for (name,) in split(rows, "name")], looks_of(rows)
    figure, axes = panels(len(parts), height=0.85 + 0.24 * len(variants))
    widest = max(
        (abs(bound) for row in rows for bound in (row["low"], row["high"], row["difference"]) if bound), default=0
    )
    for panel, ((attack,), part) in zip(axes, parts.items(), strict=True):
        for row in part:
            if row["difference"] is None:
                continue
            place, style = variants.index(row["name"]), looks[row["family"]]
            clear = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
            if row["low"] is not None:
                panel.hlines(place, row["low"], row["high"], color=style["color"], linewidth=1.8)
            face = style["color"] if clear else "white"
            panel.plot(row["difference"], place, markersize=5.5, markerfacecolor=face, **style)
        panel.axvline(0, color=INK, linewidth=0.9)
        panel.set_yticks(range(len(variants)), variants)
        # Room above the first for what each side means.
        panel.set_ylim(len(variants) - 0.4, -1.1)
        panel.set_xlim(-1.1 * widest - 0.01, 1.1 * widest + 0.01)
        panel.grid(axis="y", visible=False)
        panel.set(title=label(attack), xlabel="AUC on the code minus AUC on the segmentation")
        style = {"xycoords": "axes fraction", "xytext": (0, -3), "textcoords": "offset points", "fontsize": 7}
        panel.annotate("← the segmentation tells more", (0.01, 1), va="top", **style)
        panel.annotate("the code tells more →", (0.99, 1), va="top", ha="right", **style)
    figure.legend(handles=family_handles(rows), loc="outside upper left", ncols=4, columnspacing=1.4)
    return figure
