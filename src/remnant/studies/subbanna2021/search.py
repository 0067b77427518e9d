"""Reconstructions that search a gallery for their patient, and how the share at rank 1 falls as it grows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.measure.gallery import count_impostors, gallery_curve, half_size
from remnant.measure.identity import Search

# Of fewer candidates a curve would be a handful of steps.
FEWEST = 16


@dataclass(frozen=True, kw_only=True)
class FoldsSearch(Search):
    """A search by the reconstructions of all folds, and whose they are.

    `mean_image` (n, m) is the same search by the attacker's mean image, which knows nothing of the patient; `folds` (n,) whose
    networks each row is from.
    """

    mean_image: np.ndarray
    pseudonyms: list[str]
    folds: list[int]

    @property
    def margins(self) -> np.ndarray:
        """Of each own original over the best other one, (n,)."""
        return self.own_scores - np.nanmax(self.others, axis=1)


def search(cells: Sequence[dict[str, Any]], metric: str, group: str, session: int, sought: int) -> FoldsSearch:
    """Of `cells`, one a fold, the reconstructions of `group`'s scans of one session, seeking the same patient's session `sought`.

    The candidates are every other patient's first session and the sought image; the patient's remaining sessions are
    left out. Patients without either session take no part.
    """
    scores, own, allowed, means, pseudonyms, folds = [], [], [], [], [], []
    for fold, cell in enumerate(cells):
        gallery = [tuple(entry) for entry in cell["gallery"]]
        who = zip(cell["pseudonyms"], cell["groups"], cell["sessions"], strict=True)
        for i, (pseudonym, own_group, own_session) in enumerate(who):
            if own_group != group or own_session != session or (pseudonym, sought) not in gallery:
                continue
            scores.append(cell["similarity"][metric][i])
            means.append(cell["mean_image"][metric])
            own.append(gallery.index((pseudonym, sought)))
            allowed.append(
                [(other == pseudonym and n == sought) or (other != pseudonym and n == 1) for other, n in gallery]
            )
            pseudonyms.append(pseudonym)
            folds.append(fold)
    shape = (len(own), len(cells[0]["gallery"]))
    return FoldsSearch(
        np.array(scores).reshape(shape),
        np.array(own, dtype=int),
        np.array(allowed, dtype=bool).reshape(shape),
        mean_image=np.array(means).reshape(shape),
        pseudonyms=pseudonyms,
        folds=folds,
    )


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
