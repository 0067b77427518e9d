"""Members against non-members by the reconstruction nearest to each: their groups' scores, and the areas beside the nulls."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from remnant.base.results import Row
from remnant.report.figures.style import (
    CHANCE,
    GROUP_COLOURS,
    INK,
    LINES,
    PUBLISHED,
    WIDTH,
    beside,
    legend_above,
    panels,
)
from remnant.report.words import facet, label, number, split

MARKERS = "os^Dv*P"
SOURCES = (LINES[0], PUBLISHED, *LINES[1:])  # the attack first, its nearest null in grey
MARGIN = 0.83  # of the figure's width; the rest is for the numbers beside the forest


def score_groups(rows: list[Row]) -> Figure:
    """Similarity of the nearest reconstruction, members beside non-members, for each source of images.

    `rows` are of the table `score_groups`: `target`, `space` (of the features), `source` (the attack, or a null such as the
    untuned prior), `group`, `mean`, `sd`, `q25`, `median`, `q75`; empty values are not drawn. One panel a target and space. A
    box from quartile to quartile with the median, a diamond at the mean and a thin line over one standard deviation either way.
    """
    parts = split(rows, "target", "space")
    sources = [source for (source,) in split(rows, "source")]
    figure, axes = panels(len(parts), height=2.5, share_y=False)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        for row in part:
            if row["median"] is None:
                continue
            place = sources.index(row["source"]) + (-0.2 if row["group"] == "member" else 0.2)
            color = GROUP_COLOURS[row["group"]]
            if row["sd"] is not None:
                style = {"fmt": "D", "color": INK, "mfc": "white", "markersize": 4, "linewidth": 0.9, "zorder": 4}
                panel.errorbar(place, row["mean"], row["sd"], **style)
            height = row["q75"] - row["q25"]
            panel.bar(place, height, 0.3, bottom=row["q25"], color=color, alpha=0.6, edgecolor=color, zorder=2)
            panel.hlines(row["median"], place - 0.15, place + 0.15, color=INK, linewidth=1.6, zorder=3)
        panel.set_xticks(range(len(sources)), [label(source).replace(" ", "\n", 1) for source in sources], fontsize=7.5)
        panel.set_xlim(-0.5, len(sources) - 0.5)
        panel.grid(axis="x", visible=False)
        panel.set_title(facet(keys, parts))
    for panel in axes[::2]:
        panel.set_ylabel("similarity of the nearest")
    for group, color in GROUP_COLOURS.items():
        axes[0].plot([], [], "s", color=color, markersize=7, label=label(group))
    legend_above(figure, axes[0])
    return figure


def auc_forest(rows: list[Row]) -> Figure:
    """Area under the ROC curve of members against non-members with its interval: the attack and each null, by target.

    `rows` are of the table `leak`: `target`, `space`, `source`, `auc`, `auc_low`, `auc_high`, and `detectable_auc`, the
    area that 80% power would have shown. The attack is the first source. One block a target and space; the dotted line is
    chance, the small tick the detectable area.
    """
    parts = split(rows, "target", "space")
    sources = [source for (source,) in split(rows, "source")]
    figure = Figure(figsize=(WIDTH, 0.75 + 0.2 * len(rows) + 0.13 * len(parts)), layout="constrained")
    figure.get_layout_engine().set(rect=(0, 0, MARGIN, 1))
    panel = figure.subplots()
    places, names, place = [], [], 0.0
    for keys, part in parts.items():
        names.append(facet(keys, parts))
        places.append(place + (len(part) - 1) / 2)
        for row in part:
            index = sources.index(row["source"])
            color = SOURCES[index % len(SOURCES)]
            if row.get("auc_low") is not None:
                panel.hlines(place, row["auc_low"], row["auc_high"], color=color, linewidth=2.2 if index == 0 else 1.4)
            panel.plot(row["auc"], place, MARKERS[index % len(MARKERS)], color=color, markersize=5.5)
            if row.get("detectable_auc") is not None:
                panel.plot(row["detectable_auc"], place, "|", color=INK, markersize=7, markeredgewidth=0.9)
            beside(panel, place, _interval(row), bold=index == 0)
            place += 1
        place += 0.65
    panel.axvline(0.5, color=CHANCE, linestyle=(0, (1, 1.5)), linewidth=1.2)
    panel.set_yticks(places, names)
    panel.set_ylim(place - 0.9, -0.8)
    panel.set_xlim(right=1.03)  # half of a marker at 1 is beyond 1
    panel.grid(axis="y", visible=False)
    panel.set_xlabel("area under the ROC curve, members against non-members; 95% interval")
    handles = [
        Line2D(
            [],
            [],
            color=SOURCES[index % len(SOURCES)],
            marker=MARKERS[index % len(MARKERS)],
            markersize=5.5,
            label=label(source),
        )
        for index, source in enumerate(sources)
    ]
    handles.append(Line2D([], [], color=CHANCE, linestyle=(0, (1, 1.5)), label="chance"))
    handles.append(Line2D([], [], color=INK, marker="|", linestyle="none", label="detectable"))
    figure.legend(handles=handles, loc="outside upper left", ncols=5, handlelength=1.8, columnspacing=1.4)
    return figure


def membership_forest(rows: list[Row]) -> Figure:
    """AUC of members against non-members by each signal of a model's own output, and of the blind baseline, by target.

    `rows` are of the table `membership`: `target`, `signal`, `auc`, `auc_low`, `auc_high`, and `detectable`, the AUC that 80%
    power would have shown. Drawn as by `auc_forest`.
    """
    return auc_forest([{**row, "source": row["signal"], "detectable_auc": row["detectable"]} for row in rows])


def _interval(row: Row) -> str:
    if row.get("auc_low") is None:
        return number(row["auc"])
    return f"{number(row['auc'])} [{number(row['auc_low'])}, {number(row['auc_high'])}]"
