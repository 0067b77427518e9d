"""Are a generator's images like real ones at all? A gross check, made before anything is concluded from what it draws."""

from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError

SIDE = 16  # pixels a side that images are averaged to: layout and contrast, not texture
QUANTILE = 0.95  # of the real images' own nearest distances: farther than that is untypical
TYPICAL = 0.25  # share of the drawn images that must be typical; radiographs of another hospital are to 0.6 or 0.7
VARIED = 0.25  # of the spread of real images that drawn ones must have


@dataclass(frozen=True)
class Likeness:
    """`typical`: share of the drawn images as near to a real one as real ones are to each other; `spread`: the median distance
    between two drawn images, as a share of that between two real ones."""

    typical: float
    spread: float
    drawn: int
    real: int

    @property
    def varied(self) -> bool:
        """Whether the drawn images differ among themselves."""
        return self.spread >= VARIED

    @property
    def alike(self) -> bool:
        """Whether an attack that draws such images could show a real one."""
        return self.varied and self.typical >= TYPICAL


def likeness(drawn: np.ndarray, real: np.ndarray) -> Likeness:
    """Hold images `drawn` (n, N, N) against `real` ones (m, M, M), both in [0, 1]; n and m at least 2, else `RemnantError`.

    Euclidean distances of images averaged to 16 x 16 pixels, nearest neighbours as for precision and recall of generators
    (Kynkaanniemi et al. 2019), with a quantile of the real images' nearest distances in place of a ball around each: one
    odd radiograph must not make room for anything. A blank image, noise and another anatomy are untypical; a blurred radiograph
    is typical, as it should be.
    """
    if len(drawn) < 2 or len(real) < 2:
        raise RemnantError(f"Two images of each kind are needed to compare. Got {len(drawn)} and {len(real)} instead.")
    ours, theirs = _coarse(drawn), _coarse(real)
    among_real, among_drawn = _distances(theirs, theirs), _distances(ours, ours)
    apart = among_real + np.diag(np.full(len(theirs), np.inf))
    bound = float(np.quantile(apart.min(1), QUANTILE))
    typical = float((_distances(ours, theirs).min(1) <= bound).mean())
    spread = float(_median_apart(among_drawn) / max(_median_apart(among_real), 1e-12))
    return Likeness(typical, spread, len(ours), len(theirs))


def _coarse(images: np.ndarray) -> np.ndarray:
    """float64 (n, SIDE^2): means over blocks, the sides cut to a multiple of SIDE."""
    images = np.asarray(images, dtype=float)
    block = images.shape[-1] // SIDE
    if images.ndim != 3 or images.shape[1] != images.shape[2] or block == 0:
        raise RemnantError(f"Images must be square, (n, N, N) with N of at least {SIDE}. Got {images.shape} instead.")
    cut = images[:, : block * SIDE, : block * SIDE]
    return cut.reshape(len(cut), SIDE, block, SIDE, block).mean((2, 4)).reshape(len(cut), -1)


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.sqrt(np.maximum(squares, 0))


def _median_apart(distances: np.ndarray) -> float:
    return float(np.median(distances[np.triu_indices(len(distances), 1)]))
