"""Rows of what depends on the gallery: which metric finds the patient, and how that falls as the gallery grows."""

import math

from remnant.base.results import Row, matching, number
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


def metrics_compared(identification: list[Row], network: str, experiment: str) -> list[Row]:
    """How well each metric finds members and non-members: the rows that the figure of metrics is drawn from."""
    kept = ("metric", "group", "n", "gallery", "rank1_count", "rank1", "rank1_low", "rank1_high", "mean_rank", "chance")
    areas = ("auc", "auc_low", "auc_high")
    return [
        {"network": network, **{name: row[name] for name in (*kept, *areas)}}
        for row in matching(identification, {"network": network, "decoder": experiment})
    ]


def _size(value: float) -> float | None:
    """A size; None where it lies beyond what this gallery can say."""
    return value if math.isfinite(value) else None
