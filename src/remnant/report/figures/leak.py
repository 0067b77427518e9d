"""The leak: what members lose beyond non-members, beside the smallest difference that could be seen."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, FAINT, MEMBER, WIDTH
from remnant.report.words import label, number

NOTES = (50, 86)  # right ends of the two columns of numbers, in points from the panel
MARGIN = 0.835  # of the figure's width; the rest is for these numbers, which the layout does not know of


def leak_forest(rows: list[Row]) -> Figure:
    """Paired member minus non-member difference with its interval, one line per network, metric, decoder and statistic.

    `rows` are of the table `leak`. The grey band of a line reaches to plus and minus the detectable
    difference: a true leak smaller than that would probably not have been seen with so many patients.
    """
    figure = Figure(figsize=(WIDTH, 1.05 + 0.3 * len(rows)), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, MARGIN, 1))
    panel = figure.subplots()
    names = []
    for place, row in enumerate(rows):
        names.append(" · ".join(label(row[key]) for key in ("network", "metric", "decoder", "statistic")))
        if row.get("detectable") is not None:
            panel.barh(
                place,
                2 * row["detectable"],
                left=-row["detectable"],
                height=0.62,
                color=FAINT,
            )
        clear = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
        color = CHANCE if clear else MEMBER
        if row["low"] is not None:
            panel.hlines(place, row["low"], row["high"], color=color, linewidth=1.8)
        panel.plot(row["difference"], place, "D" if clear else "o", color=color, markersize=5)
        notes = (number(row["difference"], "difference", "+.3f"), _p(row.get("p")))
        for right, note in zip(NOTES, notes, strict=True):
            _beside(panel, right, place, note)
    panel.axvline(0, color="#1d2733", linewidth=0.9)
    panel.set_yticks(range(len(rows)), names)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.set_xlabel("exposed: member minus non-member, the same patients; 95% interval")
    for right, heading in zip(NOTES, ("difference", "p"), strict=True):
        _beside(panel, right, -0.85, heading, weight="bold")
    style = {"xycoords": "axes fraction", "xytext": (0, 3), "textcoords": "offset points", "fontsize": 7.5}
    panel.annotate("← non-members more", (0, 1), **style)
    panel.annotate("members more →", (1, 1), ha="right", **style)
    figure.legend(
        handles=[
            Patch(color=FAINT, label="too small for these patients to show"),
            Line2D([], [], color=MEMBER, marker="o", markersize=5, label="interval holds zero"),
            Line2D([], [], color=CHANCE, marker="D", markersize=5, label="interval leaves zero out"),
        ],
        loc="outside upper left",
        ncols=3,
    )
    return figure


def _p(value: float | None) -> str:
    return "–" if value is None else number(value, "p")


def _beside(panel: Axes, right: float, place: float, text: str, weight: str = "normal") -> None:
    """Text right of the panel, on the line of `place`."""
    panel.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(right, 0),
        textcoords="offset points",
        in_layout=False,
        ha="right",
        va="center",
        fontsize=7.5,
        weight=weight,
        annotation_clip=False,
    )
