"""Findings on the two yardsticks: the paper's own adversaries, and the one who compares a code with its own segmentation."""

from remnant.base.results import Row, matching
from remnant.base.texts import counted
from remnant.report.words import label, number
from remnant.studies.kim2019.described import is_control
from remnant.studies.kim2019.difference_tables import STRONGEST
from remnant.studies.kim2019.identity_tables import primary_kind
from remnant.studies.kim2019.measured_findings import counted_people, listed
from remnant.studies.kim2019.records import RAW
from remnant.studies.kim2019.summary_tables import MOST_ACCURATE, MOST_LOST, Tables


def yardsticks(tables: Tables) -> list[str]:
    """Which variants reach each yardstick, and how near the nearest comes where none does."""
    return [text for text in (_of_paper(tables), _of_map(tables), _the_map(tables)) if text]


def _of_paper(tables: Tables) -> str:
    rows = [
        row
        for row in matching(tables["trade_off"], {"against": "paper"})
        if not is_control(row) and row["loss"] is not None
    ]
    if not rows:
        return ""
    asked = (
        f"Yardstick 1, the paper's own adversaries: the strongest at most {MOST_ACCURATE:.2f} balanced accuracy, "
        f"for at most {MOST_LOST:.2f} of overall Dice."
    )
    reached = [row for row in rows if row["reached"]]
    if reached:
        return f"{asked} Reached by {'; '.join(_reached(row) for row in reached)}."
    untold = [row for row in rows if row["reached"] is None]
    if untold:
        return (
            f"{asked} No conclusion about {listed(untold)}: what lies within it counts for nothing, since the fresh adversaries "
            "failed their control on raw scans, so that it is not known to be reached."
        )
    told = [row for row in rows if row["counts"] is not False]
    if not told:
        return f"{asked} Not reached; of no code did the strongest of these succeed, nor did it pass its control on raw scans."
    nearest = min(told, key=lambda row: max(0, row["value"] - MOST_ACCURATE) + max(0, row["loss"] - MOST_LOST))
    return f"{asked} Not reached; nearest comes {_reached(nearest)}."


def _reached(row: Row) -> str:
    bounds = "" if row["low"] is None else f" [{number(row['low'])}, {number(row['high'])}]"
    return (
        f"{row['name']} ({counted_people(row)}: {label(row['attack'])} {number(row['value'], spec='.3f')}{bounds}, Dice "
        f"{number(-row['loss'], spec='+.3f')})"
    )


def _of_map(tables: Tables) -> str:
    kind = primary_kind(tables["identity"])
    rows = [row for row in matching(tables["difference"], {"kind": kind}) if not is_control(row)]
    if not rows:
        return ""
    if all(row["beyond"] is None for row in rows):
        return f"Yardstick 2, a code held against its own segmentation, needs more test patients than {rows[0]['patients']}."
    asked = (
        "Yardstick 2, a code held against its own segmentation, which whoever holds the segmenter can make of "
        "it: an attack on the code should tell no more."
    )
    beyond = [row for row in rows if row["beyond"]]
    within = [
        name for name in dict.fromkeys(row["name"] for row in rows) if name not in {row["name"] for row in beyond}
    ]
    said = [asked]
    if beyond:
        worst = {}
        for row in beyond:
            if row["name"] not in worst or row["difference"] > worst[row["name"]]["difference"]:
                worst[row["name"]] = row
        said.append(f"It tells more for {'; '.join(_difference(row) for row in worst.values())}.")
    if within:
        strongest = [row for row in rows if row["attack"] == STRONGEST and row["name"] in within]
        least = max((row["detectable"] for row in strongest if row["detectable"] is not None), default=None)
        seen = "" if least is None else f" (a difference of {number(least)} would have been seen)"
        said.append(f"No more was seen for {'; '.join(map(str, within))}{seen}.")
    return " ".join(said)


def _difference(row: Row) -> str:
    return (
        f"{row['name']} ({counted_people(row)}, {label(row['attack'])}: AUC {number(row['auc_code'])} on the code, "
        f"{number(row['auc_map'])} on the segmentation, difference {number(row['difference'], spec='+.2f')} "
        f"[{number(row['low'], spec='+.2f')}, {number(row['high'], spec='+.2f')}])"
    )


def _the_map(tables: Tables) -> str:
    rows = [row for row in tables["headline"] if row["map"] is not None]
    raw = next((row for row in rows if row["variant"] == RAW), None)
    hidden = [row for row in rows if not is_control(row)]
    if not hidden:
        return ""
    most, least = (choose(hidden, key=lambda row: row["map"]) for choose in (max, min))
    people = counted(int(most["map_patients"]), "patient")
    beside = f"; made of raw scans {number(raw['map'])}" if raw else ""
    between = (
        f"{number(most['map'])} for {most['name']}"
        if most is least
        else f"from {number(least['map'])} ({least['name']}) to {number(most['map'])} ({most['name']})"
    )
    return (
        f"The segmentation that comes back is a fingerprint itself: of {people} two visits are distinguished from two patients "
        f"by segmentations alone with an AUC {'of ' if most is least else ''}{between}{beside}. No encoder can hide what its "
        "own segmentation shows."
    )
