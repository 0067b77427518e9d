"""Cohorts of label maps without images: who there is, and what the values mean and look like."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.table import read_schemes, read_table

COLUMNS = ("label", "subject_id")
LABEL_COLUMNS = ("label", "name", "tissue5", "lpba3")
# Mean brightness and spread, 0 to 255, of what is left of a stripped head where labels.csv has no columns of a contrast. CT shows
# 0 to 80 Hounsfield units, of which a brain takes up few.
AIR = (5, 3)
TISSUES: dict[str, dict[str, tuple[float, float]]] = {
    "t2": {
        "wm": (85, 12),
        "gm": (130, 14),
        "nuclei": (100, 12),
        "csf_int": (230, 12),
        "csf_ext": (220, 18),
        "none": (60, 25),
    },
    "ct": {
        "wm": (90, 10),
        "gm": (118, 10),
        "nuclei": (122, 10),
        "csf_int": (25, 10),
        "csf_ext": (35, 12),
        "none": (140, 15),
    },
}


@dataclass(frozen=True)
class MapCohort:
    """`people`: id and label map of each person; the rest has one entry a structure, in the order of `values`.

    `means` and `spreads`: suggested brightness and its standard deviation, 0 to 255.
    """

    people: tuple[tuple[str, Path], ...]
    values: tuple[int, ...]
    names: tuple[str, ...]
    tissue5: tuple[str, ...]
    lpba3: tuple[str, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]


def read_maps(directory: Path, contrast: str = "t1", *, skull: bool = True) -> MapCohort:
    """Read DIR/manifest.csv (label, subject_id) and DIR/labels.csv (label, name, tissue5, lpba3, t1_mean, t1_std).

    Another `contrast` has columns of its own name; without a `skull` that of `TISSUES` will do. Raises `RemnantError` for
    missing tables, columns and maps, two maps of one person, and brightness that is no number.
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
    means, spreads = _brightness(path, table, contrast, skull=skull)
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


def _brightness(
    path: Path, table: pd.DataFrame, contrast: str, *, skull: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of each row of `table`, by its own columns or by tissue."""
    mean, spread = columns = (f"{contrast}_mean", f"{contrast}_std")
    if not {*columns} <= {*table.columns}:
        if contrast not in TISSUES:
            raise RemnantError(
                f"{path} lacks the column '{mean}' or '{spread}'; add both, or choose a contrast of "
                f"{', '.join(('t1', *TISSUES))}."
            )
        if skull:
            raise RemnantError(
                f"{path} lacks the column '{mean}' or '{spread}', and how skull and skin look under '{contrast}' is not "
                "known without; add both, or draw stripped heads."
            )
        seen = {**TISSUES[contrast], "0": AIR}
        rows = zip(table["label"], table["tissue5"], strict=True)
        means, spreads = zip(*(seen[value if value == "0" else tissue] for value, tissue in rows), strict=True)
        return means, spreads
    try:
        means, spreads = (tuple(float(entry) for entry in table[name]) for name in columns)
    except ValueError as error:
        raise RemnantError(f"{path} holds a {mean} or {spread} that is no number ({error}); mend it.") from None
    if not np.isfinite([*means, *spreads]).all() or min(spreads) < 0:
        raise RemnantError(f"{path} holds a {mean} or {spread} that is infinite, or a {spread} below 0; mend it.")
    return means, spreads
