"""Nearest neighbours of a few images among very many, in memory that does not grow with the many."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from remnant.base.errors import RemnantError

BLOCK_BYTES = 32 * 2**20  # of similarities at one time
ROWS = 2048  # of the gallery at one time, at most

Matrix = Callable[[np.ndarray, np.ndarray], np.ndarray]
Gallery = np.ndarray | Iterable[np.ndarray]


@dataclass(frozen=True)
class Neighbours:
    """Of each query the k nearest, nearest first: `indices` int64 (q, k) in the gallery, `similarities` float64 (q, k).

    Equally near ones come in the gallery's order. k is less than was asked for where the gallery is smaller.
    """

    indices: np.ndarray
    similarities: np.ndarray


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


def nearest(queries: np.ndarray, gallery: Gallery, k: int = 1, matrix: Matrix = cosine_matrix) -> Neighbours:
    """The `k` gallery entries that are most similar to each of `queries` (q, ...), by `matrix`, higher for more alike.

    `gallery`: an array (m, ...), which may be memory-mapped, or an iterator of such arrays, a batch each; it is read once,
    a block at a time, so that memory grows with q and k and not with m. `matrix(queries, block)` gives (q, block):
    features by `cosine_matrix`, images (n, h, w) by `ssim_matrix` or another of `similarity.MATRICES`, a crop by
    `functools.partial(ssim_matrix, box=centre_box(...))`. The search is exhaustive, hence exact. Raises
    `RemnantError` for an empty gallery, shapes that do not fit and similarities that are NaN.
    """
    queries = np.asarray(queries)
    if len(queries) == 0 or k < 1:
        raise RemnantError(f"A search needs at least one query and one neighbour. Got {len(queries)} and {k} instead.")
    rows = max(1, min(ROWS, BLOCK_BYTES // (4 * len(queries))))
    indices = np.empty((len(queries), 0), dtype=np.int64)
    similarities = np.empty((len(queries), 0))
    start = 0
    for block in _blocks(gallery, rows):
        if block.shape[1:] != queries.shape[1:]:
            raise RemnantError(
                f"The gallery's entries must have the queries' shape {queries.shape[1:]}. Got {block.shape[1:]} instead."
            )
        found = matrix(queries, block)
        if np.isnan(found).any():
            raise RemnantError(f"A similarity of entries {start} to {start + len(block) - 1} of the gallery is NaN.")
        indices, similarities = _merged(indices, similarities, found, start, k)
        start += len(block)
    if start == 0:
        raise RemnantError("The gallery is empty, so there is no nearest neighbour in it.")
    return Neighbours(indices, similarities)


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


def _blocks(gallery: Gallery, rows: int) -> Iterator[np.ndarray]:
    for batch in [gallery] if isinstance(gallery, np.ndarray) else gallery:
        for start in range(0, len(batch), rows):
            yield np.asarray(batch[start : start + rows])


def _merged(
    indices: np.ndarray, similarities: np.ndarray, found: np.ndarray, start: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best `k` of those known (q, up to k) and those `found` (q, block), whose first has the index `start`."""
    q, block = found.shape
    known = similarities.shape[1]
    if known == k:
        enters = found > similarities[:, -1:]  # few do once the search has gone on for a while
    elif block > k:
        enters = found >= np.partition(found, block - k, axis=1)[:, block - k, None]
    else:
        enters = np.ones(found.shape, dtype=bool)
    rows, columns = np.nonzero(enters)
    if not len(rows):
        return indices, similarities
    rows = np.concatenate([np.repeat(np.arange(q), known), rows])
    columns = np.concatenate([indices.ravel(), columns + start])
    values = np.concatenate([similarities.ravel(), found[enters]])
    order = np.lexsort((-values, rows))  # stable: the equally near stay in the gallery's order
    place = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    kept = order[place < k]
    width = min(k, known + block)
    return columns[kept].reshape(q, width), values[kept].reshape(q, width)
