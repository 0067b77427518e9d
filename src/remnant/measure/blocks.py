"""A search of a large gallery in blocks: of the pairs that are looked at nothing is kept but ranks."""

from collections.abc import Callable

import numpy as np

from remnant.base.progress import Task
from remnant.measure.identity import RankedSearch, ranks

# Of a block's images in double precision, one side: two sides and what is made of a pair of them are held at a time.
BLOCK_BYTES = 64 * 2**20
FEWEST_IN_BLOCK = 32  # below this, images are prepared more often than they are compared
# Sums in another order differ in the fifteenth decimal of a correlation, by which equals would not be equal.
DECIMALS = 12

# Scores (a, b) of the rows and columns of two slices of all pairs.
Scores = Callable[[slice, slice], np.ndarray]


def images_a_block(voxels: int) -> int:
    """How many images of so many voxels are held against as many at a time."""
    return max(FEWEST_IN_BLOCK, BLOCK_BYTES // (8 * max(1, voxels)))


def ranked_in_blocks(scores: Scores, own: np.ndarray, gallery: int, block: int, *, quiet: bool = True) -> RankedSearch:
    """The ranks, as `identity.ranks` has them, of n reconstructions among `gallery` images, of which `own` (n,) are theirs.

    `scores(rows, columns)` are those of a block, higher for more alike, of at most `block` images each way; they are rounded to
    `DECIMALS`. What is held at a time are the images of two blocks and `block` times `gallery` scores, however many
    reconstructions there are. Raises `RemnantError` for NaN.
    """
    own, found = np.asarray(own), np.empty(len(own))
    columns = _slices(gallery, block)
    rows = _slices(len(own), block)
    with Task("searching the gallery", len(rows) * len(columns), quiet=quiet) as task:
        for row in rows:
            whole = np.empty((row.stop - row.start, gallery))
            for column in columns:
                whole[:, column] = np.round(scores(row, column), DECIMALS)
                task.advance()
            found[row] = ranks(whole, own[row])
    return RankedSearch(found, np.full(len(own), gallery))


def _slices(total: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, total)) for start in range(0, total, block)]
