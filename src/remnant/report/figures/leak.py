"""The leak: what members lose beyond non-members, beside the smallest difference the cohort could have shown."""

from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, FAINT, MEMBER, WIDTH
from remnant.report.words import label, number


def leak_forest(rows: list[Row]) -> Figure:
    """Paired member minus non-member difference with its interval, one line per network, metric and decoder.

    `rows` are of the table `leak`. The grey band of a line reaches to plus and minus the detectable difference: a true
    leak smaller than that would probably not have been seen with so many patients.
    """
    figure = Figure(figsize=(WIDTH, 0.75 + 0.3 * len(rows)), layout="constrained")
    panel = figure.subplots()
    names = []
    for place, row in enumerate(rows):
        names.append(f"{label(row['network'])} · {label(row['metric'])} · {label(row['decoder'])}")
        if row.get("detectable") is not None:
            panel.barh(
                place,
                2 * row["detectable"],
                left=-row["detectable"],
                height=0.62,
                color=FAINT,
                label="smaller than these patients could show",
            )
        clear = row["low"] is not None and (row["low"] > 0 or row["high"] < 0)
        color = CHANCE if clear else MEMBER
        if row["low"] is not None:
            panel.hlines(place, row["low"], row["high"], color=color, linewidth=1.8)
        panel.plot(row["difference"], place, "D" if clear else "o", color=color, markersize=5)
        p = row.get("p")
        note = f"{number(row['difference'], 'difference', '+.3f')}" + (
            "" if p is None else f"   p {'' if p < 0.001 else '= '}{number(p, 'p')}"
        )
        panel.annotate(
            note, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=7.5, annotation_clip=False
        )
    panel.axvline(0, color="#1d2733", linewidth=0.9)
    panel.set_yticks(range(len(rows)), names)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.set_xlabel("similarity to the own original: member minus non-member, same patient, 95% interval")
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        figure.legend(handles[:1], labels[:1], loc="outside upper left")
    return figure
