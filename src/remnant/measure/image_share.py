"""Several queries of an image as one signal: how much the image itself weighs beside the mean over its shifts.

A training with augmentation leaves the shifts of an image as well known as the image, and their mean is steadier; one that learns
every pixel by heart leaves the image alone. Which of the two a training is, its own networks say.
"""

import numpy as np
from scipy import stats

from remnant.measure.hierarchical import hierarchical
from remnant.measure.swaps import beyond_other_swaps

SHARES = (0.5, 1.0, 0.0)  # of equally good ones the first
# A number, or of several ways to deal the images to the models (..., 1).
Share = float | np.ndarray
FEWEST_NETWORKS = 4  # two swaps: each network is held against those of another


def as_one(queries: np.ndarray, share: Share) -> np.ndarray:
    """`queries` (..., q), the first of which is the image as it is, as one signal (...): the `share` of the image itself and the
    rest of the mean over all."""
    return share * queries[..., 0] + (1 - share) * queries.mean(-1)


def image_share(fits: np.ndarray, trained: np.ndarray) -> Share:
    """Which of `SHARES` tells best who trained each of k networks, from what they fit, `fits` (n, k, q), and who `trained` them,
    (n, k): by the mean AUC of what each fits better than those of the other swaps do (`swaps.beyond_other_swaps`).

    Networks 2r and 2r + 1 have the halves of one swap. Of fewer than `FEWEST_NETWORKS`, and where all images or none trained one
    of them, it is one half. Of several ways to deal the images to the models, (..., n, k), come (..., 1).
    """
    inside = trained.sum(-2)
    usable = ((inside > 0) & (inside < len(fits))).all(-1, keepdims=True)
    if fits.shape[1] < FEWEST_NETWORKS or not usable.any():
        return SHARES[0]

    def told(share: float) -> np.ndarray:
        ranks = stats.rankdata(beyond_other_swaps(as_one(fits, share), trained), axis=-2)
        areas = ((ranks * trained).sum(-2) / inside - (inside + 1) / 2) / (len(fits) - inside)
        return areas.mean(-1, keepdims=True)

    with np.errstate(invalid="ignore", divide="ignore"):
        areas = np.array([told(share) for share in SHARES])
    best = np.where(usable, np.array(SHARES)[np.argmax(areas, axis=0)], SHARES[0])
    return float(best[0]) if best.ndim == 1 else best


def weighed(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """`hierarchical` of several queries as one signal, (n,), of `fit` (n, q) and `fits` (n, k, q) weighed by `image_share`.

    What the audited model says of anybody has no part in that choice, so that p of patients who are dealt anew holds. `trained`
    as of `image_share`.
    """
    share = image_share(fits, trained)
    # An image has one weight under all models.
    of_models = share if isinstance(share, float) else share[..., None]
    return hierarchical(as_one(fit, share), as_one(fits, of_models), trained)
