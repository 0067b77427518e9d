"""Columns that the tables of several studies have."""

from remnant.base.results import Row, number
from remnant.measure.intervals import Interval


def interval_columns(name: str, found: Interval) -> Row:
    """A value under `name`, with the ends of its interval."""
    return {name: number(found.mean), f"{name}_low": number(found.low), f"{name}_high": number(found.high)}
