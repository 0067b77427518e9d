"""How families of variants look in every figure: a colour and a marker each, in the order in which the rows name them."""

from matplotlib.lines import Line2D

from remnant.base.results import Row, Value
from remnant.report.figures.style import INK, LINES, PUBLISHED
from remnant.report.words import label, split

# What hides nothing, and what all others are held against.
NONE = "none"
MARKERS = ("o", "^", "v", "D", "h", "P", "X", "d")
PRINTED = {"markerfacecolor": "white", "markeredgecolor": PUBLISHED, "linestyle": "none", "markersize": 5}
Looks = dict[Value, dict[str, str]]


def looks_of(rows: list[Row]) -> Looks:
    """Colour and marker of each `family` of the rows."""
    families = [family for (family,) in split(rows, "family") if family != NONE]
    drawn = {
        family: {"color": LINES[i % len(LINES)], "marker": MARKERS[i % len(MARKERS)]}
        for i, family in enumerate(families)
    }
    return {NONE: {"color": INK, "marker": "s"}, **drawn}


def family_handles(rows: list[Row], *, printed: bool = False) -> list[Line2D]:
    """What a legend says of the families that the rows hold, and of the paper's numbers where they are `printed`."""
    looks, held = looks_of(rows), {family for (family,) in split(rows, "family")}
    handles = [
        Line2D([], [], linestyle="none", markersize=5.5, label=label(family), **look)
        for family, look in looks.items()
        if family in held
    ]
    return [*handles, *([Line2D([], [], marker="d", label="the paper's", **PRINTED)] if printed else [])]
