"""Columns that the tables of several studies have."""

import math
from collections.abc import Sequence
from typing import Protocol

from remnant.base.results import Row, number
from remnant.measure.intervals import Interval
from remnant.measure.multiplicity import holm, holm_is_bound


class Difference(Protocol):
    """What a test of a difference found: it, its interval, p (an upper bound where `p_bound`), and what 80% power had shown."""

    @property
    def difference(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def p(self) -> float: ...
    @property
    def p_bound(self) -> bool: ...
    @property
    def detectable(self) -> float: ...


def interval_columns(name: str, found: Interval) -> Row:
    """A value under `name`, with the ends of its interval."""
    return {name: number(found.mean), f"{name}_low": number(found.low), f"{name}_high": number(found.high)}


def difference_columns(found: Difference) -> Row:
    """A difference with its interval, its p-value and what of it was detectable."""
    return {
        "difference": number(found.difference),
        "low": number(found.low),
        "high": number(found.high),
        "p": number(found.p),
        "p_bound": found.p_bound,
        "detectable": number(found.detectable),
    }


def with_holm(rows: Sequence[Row]) -> list[Row]:
    """The rows with `holm_p`, their p-values `p` for all of them together (Holm 1979), and `holm_p_bound`, whether it is one.

    None where `p` is None: what could not be tested does not count.
    """
    p_values = [math.nan if row["p"] is None else float(row["p"]) for row in rows]
    bounds = holm_is_bound(p_values, [bool(row["p_bound"]) for row in rows])
    return [
        {**row, "holm_p": number(p), "holm_p_bound": bool(bound)}
        for row, p, bound in zip(rows, holm(p_values), bounds, strict=True)
    ]
