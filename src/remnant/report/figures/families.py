"""How a defence's variants look in every figure: a colour and a marker a family, and an order that all figures keep."""

from matplotlib.lines import Line2D

from remnant.base.results import Row
from remnant.report.figures.style import INK, LINES, PUBLISHED
from remnant.report.words import split

# By the column `family`: colour, marker, and what a legend says.
_FAMILIES = {
    "none": (INK, "s", "raw scan"),
    "published": (LINES[0], "o", "after Kim 2019"),
    "kim2019": (LINES[6 % len(LINES)], "P", "recipe of Kim 2019"),
    "entropy": (LINES[1], "^", "entropy"),
    "inversion": (LINES[2], "v", "inversion"),
    "deformation": (LINES[3], "D", "secret deformation"),
    "both": (LINES[5], "h", "deformation, then encoder"),
}
PRINTED = {"markerfacecolor": "white", "markeredgecolor": PUBLISHED, "linestyle": "none", "markersize": 5}


def look(row: Row) -> dict[str, str]:
    """Colour and marker of a row's `family`."""
    color, marker, _ = _FAMILIES[str(row["family"])]
    return {"color": color, "marker": marker}


def family_handles(rows: list[Row], *, printed: bool = False) -> list[Line2D]:
    """What a legend says of the families that the rows hold, and of the paper's numbers where they are `printed`."""
    held = [family for (family,) in split(rows, "family")]
    handles = [
        Line2D([], [], linestyle="none", markersize=5.5, label=words, **look({"family": family}))
        for family, (_, _, words) in _FAMILIES.items()
        if family in held
    ]
    return [*handles, *([Line2D([], [], marker="d", label="the paper's", **PRINTED)] if printed else [])]
