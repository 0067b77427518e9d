"""What an audit found: all AUCs beside what controls reached, the ROC curves, and the limits of the risk appetite."""

import textwrap
from itertools import accumulate

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from remnant.base.results import Row, Value
from remnant.base.terms import called
from remnant.base.texts import short
from remnant.report.figures.style import CHANCE, FAINT, INK, LINES, MEMBER, PUBLISHED, WIDTH, beside
from remnant.report.words import number, split

FALSE_POSITIVES = 0.1  # the rate at which true positives are reported, `measure.membership_inference`'s own
LEGEND = 50  # letters of a line of a legend beside the panel
NAME = 46  # letters of a line of a name beside a row
ROW, SECOND = 0.22, 0.62  # inches of a row, and what share of it a second line of its name adds
PAGE = 9.5  # inches of a printed one
RIGHT = 1.03  # where an axis of areas ends: half of a marker at 1 is beyond 1
MARGIN = 0.84  # of the figure's width; the rest is for the numbers beside
# Colour, marker and whether it is filled: outcomes differ in a grey print, too.
OUTCOMES = {
    "exposed": (CHANCE, "D", True),
    "exposed by another statistic": (CHANCE, "D", False),
    "not shown": (MEMBER, "o", True),
    "power unknown": (PUBLISHED, "^", False),
    "attack too weak": (PUBLISHED, "v", False),
    "too few patients": (PUBLISHED, "o", False),
    "not testable": (PUBLISHED, "X", False),
}
# Of curves, in the order of their colours: the first, the strongest, is drawn below the others and wider than they.
DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (1, 1)), (0, (8, 2)), (0, (4, 1, 1, 1, 1, 1)))
WIDE, NARROW = 2.6, 1.4
RULINGS = {"outside": (CHANCE, "D", True), "within": ("#1f5f4a", "o", True), "cannot tell": ("#9a6a00", "s", False)}
CONTROL_MARKS = {
    "passed": (INK, "s", True),
    "failed": (CHANCE, "s", True),
    "nothing seen": (INK, "s", False),
    "cannot tell": (PUBLISHED, "s", False),
}


def audit_forest(rows: list[Row]) -> Figure:
    """AUC of every attack with its interval and the detectable AUC, and below a rule those of the controls.

    `rows`: `name`, `kind` ("finding" or "control"), `auc`, `low`, `high`, `detectable`, `outcome`, of a finding one
    of `OUTCOMES`.
    """
    figure, panel, places = _forest(rows, extra=0.9)
    attacks = [row for row in rows if row["kind"] == "finding"]
    for place, row in zip(places, rows, strict=True):
        style = (OUTCOMES if row["kind"] == "finding" else CONTROL_MARKS)[row["outcome"]]
        _dot(panel, place, row["auc"], row["low"], row["high"], style)
        if row["detectable"] is not None:
            panel.plot(row["detectable"], place, "|", color=INK, markersize=9, markeredgewidth=1.2)
        beside(panel, place, _interval(row["auc"], row["low"], row["high"]))
    if 0 < len(attacks) < len(rows):
        panel.axhline((places[len(attacks) - 1] + places[len(attacks)]) / 2, color="#8a94a3", linewidth=0.8)
    panel.axvline(0.5, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1)
    panel.set_xlim(min(0.4, *(row["low"] if row["low"] is not None else row["auc"] for row in rows)) - 0.01, RIGHT)
    panel.set_xlabel("AUC with 95% interval; dotted: chance")
    shown = {row["outcome"]: OUTCOMES[row["outcome"]] for row in attacks}
    shown |= {f"control {row['outcome']}": CONTROL_MARKS[row["outcome"]] for row in rows if row["kind"] == "control"}
    handles = [_key(style, name) for name, style in shown.items()]
    if any(row["detectable"] is not None for row in rows):
        handles.append(Line2D([], [], color=INK, marker="|", linestyle="none", markersize=9, label="detectable"))
    figure.legend(handles=handles, loc="outside upper left", ncols=4, handletextpad=0.4)
    return figure


def limits_held(rows: list[Row]) -> Figure:
    """Each limit of the risk appetite beside the finding that is held against it, both beyond chance.

    `rows`: `name`, `value`, `low`, `high`, how many `digits` they are told with, `limit`, `ruling`.
    """
    figure, panel, places = _forest(rows, extra=0.75)
    for place, row in zip(places, rows, strict=True):
        panel.barh(place, row["limit"], left=0, height=0.66, color=FAINT)
        panel.plot([row["limit"]] * 2, [place - 0.33, place + 0.33], color=INK, linewidth=1.6)
        _dot(panel, place, row["value"], row["low"], row["high"], RULINGS[row["ruling"]])
        beside(panel, place, _interval(row["value"], row["low"], row["high"], row["digits"]))
    panel.axvline(0, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1)
    panel.set_xlabel("beyond chance, with 95% interval; dotted: chance; grey: accepted, up to the limit")
    shown = dict.fromkeys(row["ruling"] for row in rows)
    handles = [_key(RULINGS[name], name) for name in shown]
    handles.append(
        Line2D([], [], color=INK, marker="|", linestyle="none", markersize=9, markeredgewidth=1.6, label="limit")
    )
    figure.legend(handles=handles, loc="outside upper left", ncols=4, handletextpad=0.4)
    return figure


def roc_curves(rows: list[Row]) -> Figure:
    """ROC curves, one an attack and view, with the false positive rate at which the true positive rate is reported.

    `rows`: `attack`, `view`, `fpr`, `tpr`, both in [0, 1], in the order of the curve.
    """
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    panel = figure.subplots()
    panel.axvline(FALSE_POSITIVES, color=CHANCE, linewidth=1.1)
    # Above the panel: inside it the curves are anywhere.
    panel.annotate(
        f"{FALSE_POSITIVES:.0%} FPR",
        (FALSE_POSITIVES, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        annotation_clip=False,
    )
    panel.plot([0, 1], [0, 1], color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label="chance")
    for place, (keys, part) in enumerate(split(rows, "attack", "view").items()):
        panel.plot(
            [row["fpr"] for row in part],
            [row["tpr"] for row in part],
            color=LINES[place % len(LINES)],
            # One that runs along another shows through the gaps of that one.
            linestyle=DASHES[place % len(DASHES)],
            linewidth=WIDE if place == 0 else NARROW,
            drawstyle="steps-post",
            label=textwrap.fill(curve_name(keys), LEGEND, subsequent_indent="   "),
        )
    panel.set(xlim=(-0.005, 1.005), ylim=(-0.005, 1.005), xlabel="false positive rate", ylabel="true positive rate")
    panel.set_aspect("equal", anchor="W")
    panel.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), handlelength=1.6)
    return figure


def curve_name(keys: tuple[Value, ...]) -> str:
    """The attack and the view of a curve, as a text has them."""
    attack, view = map(str, keys)
    return f"{called(attack)} · {view}"


def forest_says(rows: list[Row]) -> str:
    """The forest in words."""
    said = [
        f"{row['name']} {_interval(row['auc'], row['low'], row['high'])}"
        + (f", detectable {number(row['detectable'])}" if row["detectable"] is not None else "")
        + f" ({row['outcome']})"
        for row in rows
    ]
    return "AUC with 95% interval, chance 0.50: " + "; ".join(said) + "."


def limits_say(rows: list[Row]) -> str:
    """The limits in words."""
    said = []
    for row in rows:
        found = _interval(row["value"], row["low"], row["high"], row["digits"])
        said.append(f"{row['name']} {found}, limit {number(row['limit'])} ({row['ruling']})")
    return "Beyond chance, with 95% interval: " + "; ".join(said) + "."


def roc_says(rows: list[Row]) -> str:
    """The ROC curves in words."""
    said = []
    for keys, part in split(rows, "attack", "view").items():
        at_rate = max((row for row in part if row["fpr"] <= FALSE_POSITIVES + 1e-9), key=lambda row: row["fpr"])["tpr"]
        said.append(f"{curve_name(keys)} {number(at_rate)}")
    return f"True positive rate at {FALSE_POSITIVES:.0%} false positive rate: " + "; ".join(said) + "."


def _forest(rows: list[Row], extra: float) -> tuple[Figure, Axes, list[float]]:
    """A panel with a line for each row, the first on top, room at the right, and where each row is: apart as its name's lines.

    Where whole names would take more than a page, each has one line.
    """
    names = [textwrap.wrap(row["name"], NAME) for row in rows]
    if extra + ROW * sum(map(_height, names)) > PAGE:
        names = [[short(row["name"], NAME)] for row in rows]
    heights = [_height(lines) for lines in names]
    ends = list(accumulate(heights))
    figure = Figure(figsize=(WIDTH, extra + ROW * ends[-1]), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, MARGIN, 1))
    panel = figure.subplots()
    places = [end - (height + 1) / 2 for end, height in zip(ends, heights, strict=True)]
    panel.set_yticks(places, [""] * len(places))
    for place, lines in zip(places, names, strict=True):
        _name(panel, place, lines)
    panel.set_ylim(ends[-1] - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    return figure, panel, places


def _name(panel: Axes, place: float, lines: list[str]) -> None:
    """The lines left of the panel, each by its own right end: of one text of several lines another font moves all ends."""
    apart = 72 * ROW * SECOND
    for i, line in enumerate(lines):
        panel.annotate(
            line,
            (0, place),
            xycoords=("axes fraction", "data"),
            xytext=(-6, ((len(lines) - 1) / 2 - i) * apart),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=rcParams["ytick.labelsize"],
            annotation_clip=False,
        )


def _height(lines: list[str]) -> float:
    """Of a row in rows of one line."""
    return 1 + SECOND * (len(lines) - 1)


def _dot(panel: Axes, place: int, value: float | None, low: float | None, high: float | None, style: tuple) -> None:
    color, marker, filled = style
    if low is not None and high is not None:
        panel.hlines(place, low, high, color=color, linewidth=1.8)
    if value is not None:
        panel.plot(value, place, marker, color=color, markersize=5.5, mfc=color if filled else "white")


def _key(style: tuple, name: str) -> Line2D:
    color, marker, filled = style
    return Line2D([], [], color=color, marker=marker, markersize=5.5, mfc=color if filled else "white", label=name)


def _interval(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    if value is None:
        return "not measured"
    told = [number(end, spec=f".{digits}f") for end in (value, low, high) if end is not None]
    return told[0] + (f" [{told[1]}, {told[2]}]" if len(told) == 3 else "")
