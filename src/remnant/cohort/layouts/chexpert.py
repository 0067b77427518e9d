"""CheXpert (Irvin 2019, arXiv:1901.07031): train.csv and valid.csv beside train/patient00001/study1/view1_frontal.jpg.

Patient and study are read from the path; a table's paths begin with the folder's name at its release, which is left out.
Lateral views are not read. Of the 14 observations 1 is a finding, -1 is uncertain, 0 and blank are neither. A column `split` of
one's own says what a radiograph was used for; the names of the tables do not.
"""

import re
from pathlib import Path

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, read_table

LOOKED_FOR = "CheXpert (train.csv or valid.csv with the columns Path and Frontal/Lateral)"
TABLES = ("train.csv", "valid.csv")
OBSERVATIONS = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *OBSERVATIONS)
PLACE = re.compile(r"((?:train|valid)/.*?(patient\d+)/(study\d+)/[^/]+)$")


def recognises(directory: Path) -> bool:
    """A table of the name with any of its own columns: other data sets have a train.csv, too."""
    telling = {"Path", "Frontal/Lateral", "AP/PA", *OBSERVATIONS[1:]}
    return any(telling & set(_header(directory / name)) for name in TABLES)


def read(directory: Path) -> Cohort:
    """Read the frontal views of the tables that are there; raise `RemnantError` where there is none."""
    cases, notes = [], []
    for name in TABLES:
        if (directory / name).is_file():
            table = read_table(directory / name, COLUMNS, ("split",))
            notes += unread(directory / name, table["Age"], table["Sex"])
            cases += [_case(row, directory, name) for row in table[_frontal(table)].to_dict("records")]
    if not cases:
        raise RemnantError(f"The tables of {directory} list no frontal view; Frontal/Lateral must be 'Frontal'.")
    return make_cohort(directory, cases, {}, "train.csv", notes)


def _frontal(table: pd.DataFrame) -> pd.Series:
    return table["Frontal/Lateral"].str.strip().str.lower() == "frontal"


def _case(row: dict[str, str], directory: Path, name: str) -> Case:
    place = PLACE.search(row["Path"])
    if not place:
        raise RemnantError(
            f"{directory / name} lists a path that is not train/patient00001/study1/view1_frontal.jpg or the like: "
            f"{row['Path']!r}; mend its row."
        )
    values = {observation: row[observation].strip() for observation in OBSERVATIONS}
    return Case(
        patient=place[2],
        session=place[3],
        image=directory / place[1],
        age=parse_age(row["Age"]),
        sex=parse_sex(row["Sex"]),
        findings=tuple(observation for observation, value in values.items() if value in ("1", "1.0")),
        uncertain=tuple(observation for observation, value in values.items() if value in ("-1", "-1.0")),
        view=row["AP/PA"].strip() or None,
        split=row.get("split") or None,
    )


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [column.strip().strip('"') for column in file.readline(10_000).split(",")]
    except OSError:
        return []
