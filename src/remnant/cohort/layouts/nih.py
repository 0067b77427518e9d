"""NIH ChestX-ray14 (Wang 2017, doi:10.1109/CVPR.2017.369): Data_Entry_2017*.csv and images_001/images or images.

The table of 2017 writes ages like 058Y, that of 2020 like 58; some copies call the column of sex Patient Sex. It always
lists the whole release: the images that are there are read, so that a part of it can be used. A column `split` of one's own says
what a radiograph was used for.
"""

import re
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.layouts.people import parse_age, parse_sex, unread
from remnant.cohort.layouts.table import make_cohort, read_table

LOOKED_FOR = "NIH ChestX-ray14 (Data_Entry_2017*.csv and images_001/images or images)"
TABLES = "Data_Entry_2017*.csv"
COLUMNS = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "View Position")
SEX = ("Patient Gender", "Patient Sex")
FOLDERS = ("images", "images_*/images", "images_*")


def recognises(directory: Path) -> bool:
    return next(directory.glob(TABLES), None) is not None


def read(directory: Path) -> Cohort:
    """Read every image of the table that is there; raise `RemnantError` for none, and for two tables."""
    tables = sorted(directory.glob(TABLES))
    if len(tables) > 1:
        raise RemnantError(f"{directory} holds {tables[0].name} and {tables[1].name}; move one of them away.")
    table = read_table(tables[0], COLUMNS, ("split",))
    sex = next((column for column in SEX if column in table.columns), None)
    if sex is None:
        raise RemnantError(f"{tables[0]} lacks the column {SEX[0]!r} (or {SEX[1]!r}); it needs {', '.join(COLUMNS)}.")
    images = {path.name: path for folder in FOLDERS for path in directory.glob(f"{folder}/*.png")}
    cases = [
        Case(
            patient=_padded(row["Patient ID"], 8),
            session=f"followup{_padded(row['Follow-up #'], 3)}",
            image=images[row["Image Index"]],
            age=parse_age(row["Patient Age"]),
            sex=parse_sex(row[sex]),
            findings=tuple(part.strip() for part in row["Finding Labels"].split("|") if part.strip()),
            view=row["View Position"].strip() or None,
            split=row.get("split") or None,
        )
        for row in table.to_dict("records")
        if row["Image Index"] in images
    ]
    if not cases:
        raise RemnantError(
            f"{directory} holds none of the images that {tables[0].name} lists; put them into images_001/images or images."
        )
    there = table[table["Image Index"].isin(list(images))]
    notes = unread(tables[0], there["Patient Age"], there[sex])
    return make_cohort(directory, cases, {}, "Data_Entry_2017.csv", notes)


def _padded(text: str, digits: int) -> str:
    """Numbers as the names of the images write them."""
    text = text.strip()
    return f"{int(text):0{digits}d}" if re.fullmatch(r"[0-9]{1,18}", text) else text
