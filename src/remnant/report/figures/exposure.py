"""How exposed single patients are, each with his interval, and how exposed groups of them are."""

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from remnant.base.results import Row
from remnant.report.figures.style import CHANCE, INK, LINES, MEMBER, WIDTH
from remnant.report.words import number

MOST_DRAWN = 400  # patients, of more of whom the intervals are one blot
NONE = 0.5  # of a patient of whom nothing is told


def exposed_patients(rows: list[Row]) -> Figure:
    """A dot a patient with his interval, the most exposed first, marked where he is exposed at the false discovery rate.

    `rows`, in that order: `exposure`, `low`, `high`, `adjusted_p`, `flagged`; of the first also `corrected` with its ends, what
    the most exposed are if other networks choose them than measure them, None where that is not told.
    """
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    panel = figure.subplots()
    shown = rows[:MOST_DRAWN]
    thin = 1.4 if len(shown) < 100 else 0.8
    for flagged, color, marker in ((False, MEMBER, "o"), (True, CHANCE, "D")):
        part = [(place, row) for place, row in enumerate(shown, 1) if bool(row["flagged"]) == flagged]
        if not part:
            continue
        places, low, high, found = zip(
            *((place, row["low"], row["high"], row["exposure"]) for place, row in part), strict=True
        )
        panel.vlines(places, low, high, color=color, alpha=0.35, linewidth=thin)
        told = any(row["adjusted_p"] is not None for row in rows)
        name = (
            "exposed at a false discovery rate of 5%" if flagged else "not shown to be exposed" if told else "patients"
        )
        panel.plot(places, found, marker, color=color, markersize=3.2, markeredgewidth=0, label=f"{name} ({len(part)})")
    panel.axhline(NONE, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1, label="no exposure")
    first = rows[0]
    if first["corrected"] is not None:
        # Before the first: it is of whoever is chosen, and not of him.
        panel.vlines(-len(shown) / 60, first["corrected_low"], first["corrected_high"], color=INK, linewidth=1.8)
        label = f"the most exposed, without the winner's curse: {number(first['corrected'])}"
        panel.plot(-len(shown) / 60, first["corrected"], "s", color=INK, mfc="white", markersize=6, label=label)
    panel.set(ylim=(-0.02, 1.02), xlim=(-len(shown) / 25 - 0.5, len(shown) + len(shown) / 60 + 0.5))
    panel.set_xticks([tick for tick in panel.get_xticks() if 1 <= tick <= len(shown)])
    panel.set(xlabel="patients, the most exposed first", ylabel="exposure with 95% interval")
    panel.grid(axis="x", visible=False)
    figure.legend(loc="outside upper left", ncols=2, handletextpad=0.4)
    return figure


def patients_say(rows: list[Row]) -> str:
    """How many are how exposed, in words."""
    flagged = sum(bool(row["flagged"]) for row in rows)
    said = [f"{len(rows)} patients, {flagged} of them exposed at a false discovery rate of 5%"]
    said.append(f"exposure from {number(rows[-1]['exposure'])} to {number(rows[0]['exposure'])}")
    if rows[0]["corrected"] is not None:
        said.append(f"the most exposed without the winner's curse {number(rows[0]['corrected'])}")
    return "; ".join(said) + "."


def exposed_ranks(rows: list[Row]) -> Figure:
    """Exposure of groups of patients, by how exposed half of the networks say that they are, as measured by the other half.

    `rows`: `rank`, from 1, of so many `ranks`; `patients`; `exposure` with its ends.
    """
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    panel = figure.subplots()
    panel.axhline(NONE, color=INK, linestyle=(0, (1, 1.5)), linewidth=1.1)
    places = [row["rank"] for row in rows]
    panel.vlines(
        places,
        [row["exposure_low"] for row in rows],
        [row["exposure_high"] for row in rows],
        color=LINES[0],
        linewidth=2,
    )
    panel.plot(places, [row["exposure"] for row in rows], "o", color=LINES[0], markersize=6)
    for row in rows:
        panel.annotate(
            number(row["exposure"]),
            (row["rank"], row["exposure_high"]),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
            color=INK,
        )
    panel.set_xticks(places, [f"{row['rank']}\n{row['patients']}" for row in rows])
    panel.set_xlim(0.4, len(rows) + 0.6)
    low, high = min(row["exposure_low"] for row in rows), max(row["exposure_high"] for row in rows)
    panel.set_ylim(min(0.4, low - 0.03), min(1.08, high + 0.09))
    panel.set(xlabel="groups, the most exposed first, and patients in each", ylabel="mean exposure")
    panel.grid(axis="x", visible=False)
    handles = [
        Line2D([], [], color=LINES[0], marker="o", linewidth=2, label="mean exposure with 95% interval"),
        Line2D([], [], color=INK, linestyle=(0, (1, 1.5)), label="no exposure"),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def ranks_say(rows: list[Row]) -> str:
    """The groups in words."""
    said = [
        f"group {row['rank']} {number(row['exposure'])} [{number(row['exposure_low'])}, {number(row['exposure_high'])}]"
        for row in rows
    ]
    return "Mean exposure with 95% interval, 0.50 without a leak: " + "; ".join(said) + "."
