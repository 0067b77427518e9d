"""Rows of how the share of patients at rank 1 falls as the gallery grows."""

import math

from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.gallery import count_impostors, gallery_curve, half_size
from remnant.measure.identity import Search

# Of fewer candidates a curve would be a handful of steps.
FEWEST = 16


def gallery_size(key: Row, found: Search, seeds: Seeds) -> tuple[list[Row], list[Row]]:
    """Rank-1 against the gallery's size, and the size at which it is one half; none for a small gallery."""
    impostors = count_impostors(found.scores, found.own, found.allowed)
    if impostors.among.min() + 1 < FEWEST:
        return [], []
    curve = gallery_curve(impostors, seeds.child("curve").numpy())
    half = half_size(impostors, seeds.child("half").numpy())
    rows = [{**key, **row, "low": number(row["low"]), "high": number(row["high"])} for row in curve]
    ends = {name: _size(getattr(half, name)) for name in ("size", "low", "high")}
    return rows, [{**key, **ends, "limit": half.limit, "in_words": half.describe()}]


def _size(value: float) -> float | None:
    """A size; None where it lies beyond what this gallery can say."""
    return value if math.isfinite(value) else None
