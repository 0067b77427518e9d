"""The age-sex table of a population, among which people are counted who would fit a reconstruction."""

from pathlib import Path

import numpy as np
import pandas as pd

from remnant.base.errors import RemnantError
from remnant.cohort.layouts.people import parse_sex
from remnant.cohort.layouts.table import read_table, refuse
from remnant.measure.anonymity import Population, population_of

COLUMNS = ("age", "sex", "count")


def read_population(path: Path) -> Population:
    """A population from a CSV or TSV with the columns age (whole years), sex (F or M, female or male) and count (people).

    Rows of one age and sex add up. Raises `RemnantError`, naming the file and the row, for a table that is missing or lacks a
    column, ages that are no whole years from 0 to 130, sexes that are neither, and counts that are no number or below 0.
    """
    path = Path(path)
    table = read_table(path, COLUMNS)
    ages, counts = (
        pd.to_numeric(table[name].str.strip(), errors="coerce").to_numpy(float) for name in ("age", "count")
    )
    sexes = [parse_sex(text) for text in table["sex"]]
    faults = [
        *_faults(
            path, table["age"], (ages >= 0) & (ages <= 130) & (ages == np.floor(ages)), "a whole year from 0 to 130"
        ),
        *_faults(path, table["sex"], np.array([sex is not None for sex in sexes]), "F or M"),
        *_faults(path, table["count"], np.isfinite(counts) & (counts >= 0), "a number of people, 0 or more"),
    ]
    refuse(path, faults)
    try:
        return population_of(ages, sexes, counts)
    except RemnantError as error:
        raise RemnantError(f"{path} is not the table of a population: {error}") from None


def _faults(path: Path, column: pd.Series, sound: np.ndarray, wanted: str) -> list[str]:
    return [
        f"{path} has {text!r} as the {column.name} in line {line}; it must be {wanted}. Write a row for each age and sex."
        for line, text in column[~sound].items()
    ]
