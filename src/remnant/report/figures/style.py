"""The house style of every chart: colours that the colour-blind and a grey printer tell apart, quiet axes."""

import contextlib
import io
import re
from collections.abc import Iterator

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

# From the colour-blind safe palette of Okabe and Ito (2008); their greys differ too, so that print keeps them
# apart.
MEMBER = "#0b4f8a"
NON_MEMBER = "#e69f00"
PUBLISHED = "#8a8f98"
CHANCE = "#b3263a"
INK = "#1d2733"
FAINT = "#d9dee5"
GROUP_COLOURS = {"member": MEMBER, "non_member": NON_MEMBER}
LINES = ("#0b4f8a", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#5c5c5c", "#8c6d1f")

WIDTH = 7.4  # inches: the text width of a printed A4 page
HALO = [withStroke(linewidth=3, foreground="white")]  # keeps an interval visible upon its bar

_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.edgecolor": "#8a94a3",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    # Text stays text: it can be selected, searched and read aloud, and takes the font of the page.
    "svg.fonttype": "none",
    # A dollar sign in a name is no formula.
    "text.parse_math": False,
}


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Inside, matplotlib draws in the house style, whatever the user's own settings are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def panels(count: int, *, height: float, per_row: int = 2, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure of the house width with `count` panels, each `height` inches high."""
    columns = min(count, per_row)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, rows * height + 0.45), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y).ravel()
    for spare in grid[count:]:
        spare.remove()
    return figure, list(grid[:count])


def legend_above(figure: Figure, axes: Axes) -> None:
    """One legend for the whole figure, above its panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=4, handlelength=1.6, columnspacing=1.6)


def patient_dots(
    panel: Axes, place: float, values: np.ndarray, sideways: np.ndarray, group: str, *, name: str | None, size: float
) -> None:
    """A strip of patients of a `group` (a key of `GROUP_COLOURS`) around `place`: a dot each, moved `sideways`, and their median.

    `values` and `sideways` are (n,); `name` stands in the legend, None in none; `size` of a dot in square points.
    """
    panel.scatter(
        place + sideways,
        values,
        s=size,
        marker="o" if group == "member" else "^",
        color=GROUP_COLOURS[group],
        alpha=0.75,
        linewidth=0,
        label=name,
    )
    half = float(np.abs(sideways).max()) + 0.03
    panel.hlines(np.median(values), place - half, place + half, color=INK, linewidth=1.6)


def line_label(panel: Axes, text: str) -> None:
    """Text beside a line of pictures, left of its first `panel`."""
    panel.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=7.5, labelpad=6)


def to_svg(figure: Figure, name: str) -> str:
    """The figure as a stand-alone SVG document, the same bytes each time.

    Ids start with `name`, so that several figures can live in one page.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        # Drawn once; `savefig` draws another time before it, for the layout, which this does, too.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = buffer.getvalue()
    svg = re.sub(r"^.*?(?=<svg)", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', lambda found: f"{found[1]}{name}-", svg)
    return svg.replace("xlink:href", "href").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as PNG, the same bytes each time."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def beside(panel: Axes, place: float, text: str, *, bold: bool = False) -> None:
    """Text right of the panel, on the line of `place`."""
    panel.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        in_layout=False,
        annotation_clip=False,
        weight="bold" if bold else "normal",
    )
