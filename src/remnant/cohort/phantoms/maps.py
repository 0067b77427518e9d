"""Cohorts of label maps without images: who there is, and what the values mean and look like."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.cohort.table import read_schemes, read_table

COLUMNS = ("label", "subject_id")
LABEL_COLUMNS = ("label", "name", "tissue5", "lpba3", "t1_mean", "t1_std")


@dataclass(frozen=True)
class MapCohort:
    """`people`: id and label map of each person; the rest has one entry a structure, in the order of `values`.

    `means` and `spreads`: suggested brightness in T1 and its standard deviation, 0 to 255.
    """

    people: tuple[tuple[str, Path], ...]
    values: tuple[int, ...]
    names: tuple[str, ...]
    tissue5: tuple[str, ...]
    lpba3: tuple[str, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]


def read_maps(directory: Path) -> MapCohort:
    """Read DIR/manifest.csv (label, subject_id) and DIR/labels.csv (label, name, tissue5, lpba3, t1_mean, t1_std).

    Raises `RemnantError` for missing tables, columns and maps, two maps of one person, and brightness that is no
    number.
    """
    directory = Path(directory)
    people: dict[str, Path] = {}
    for row in read_table(directory / "manifest.csv", COLUMNS).itertuples():
        # BIDS has only letters and digits in an id.
        name = "".join(letter for letter in row.subject_id if letter.isascii() and letter.isalnum())
        path = directory / row.label
        if not name or name in people:
            raise RemnantError(
                f"{directory / 'manifest.csv'} gives the person {row.subject_id!r} twice or not at all; one label map a "
                f"person is needed, its id of letters and digits."
            )
        if not path.is_file():
            raise RemnantError(f"{path} does not exist, though {directory / 'manifest.csv'} lists it; copy it there.")
        people[name] = path
    path = directory / "labels.csv"
    table = read_table(path, LABEL_COLUMNS)
    schemes = read_schemes(path, "label")
    values = tuple(int(value) for value in table["label"])
    if 0 not in values:
        raise RemnantError(f"{path} has no row for the label 0, the background; add it.")
    try:
        means, spreads = (tuple(float(entry) for entry in table[name]) for name in ("t1_mean", "t1_std"))
    except ValueError as error:
        raise RemnantError(f"{path} holds a t1_mean or t1_std that is no number ({error}); mend it.") from None
    if not np.isfinite([*means, *spreads]).all() or min(spreads) < 0:
        raise RemnantError(f"{path} holds a t1_mean or t1_std that is infinite, or a t1_std below 0; mend it.")
    classes = {
        name: tuple(schemes[name].classes[schemes[name].mapping[value]] for value in values)
        for name in ("tissue5", "lpba3")
    }
    return MapCohort(
        tuple(people.items()),
        values,
        tuple(table["name"]),
        classes["tissue5"],
        classes["lpba3"],
        means,
        spreads,
    )
