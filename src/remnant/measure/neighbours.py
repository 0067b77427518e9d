"""Nearest neighbours: how like features are, and how many different ones queries have."""

from dataclasses import dataclass

import numpy as np
import torch

from remnant.base.errors import RemnantError


@dataclass(frozen=True)
class Distinct:
    """How many different neighbours the queries have, how many share the commonest, and what guessing would give.

    `expected`: different ones among as many uniform draws from the gallery.
    """

    distinct: int
    most: int
    queries: int
    expected: float


def cosine_matrix(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Cosine similarity, float32 (n, m) in [-1, 1], of features (n, d) with (m, d); 0 where one of the two is all zero."""
    left, right = (
        torch.nn.functional.normalize(torch.from_numpy(np.array(part, dtype=np.float32)), dim=1)
        for part in (queries, gallery)
    )
    return (left @ right.T).numpy()


def distinct_neighbours(neighbours: np.ndarray, gallery: int) -> Distinct:
    """Count different ones among the queries' nearest `neighbours` (q,): indices, or the names of their patients.

    `gallery` is how many there are to be found. Queries that all find the same few show the gallery's hubs, or a generator that
    draws but a few images, rather than many patients.
    """
    _, counts = np.unique(np.asarray(neighbours), return_counts=True)
    queries = int(counts.sum())
    if len(counts) > gallery:
        raise RemnantError(f"There are {len(counts)} different neighbours in a gallery of {gallery}; check its size.")
    expected = gallery * -np.expm1(queries * np.log1p(-1 / gallery)) if gallery > 1 else float(queries > 0)
    return Distinct(len(counts), int(counts.max(initial=0)), queries, float(expected))
