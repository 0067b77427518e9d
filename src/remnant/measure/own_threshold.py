"""A threshold of each patient's own: how often a network without him would fit him as well as this one does.

One threshold for all is passed by whoever is easy for every network, so that a false positive rate that holds on average does not
hold for him (per-sample calibration, arXiv 2605.25819).
"""

import numpy as np
from scipy import stats

from remnant.measure.sides import side_of, variance_prior

RATES = (0.1, 0.01, 0.001)  # false positive rates
SUPPORT = 10  # false positives among all patients and networks without them, which a rate has to let expect


def own_p(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray, without: np.ndarray) -> np.ndarray:
    """The chance (n,) that a network without a patient fits him at least as well as the model does, by his own networks without
    him.

    `fit` (n,) of the model and `fits` (n, k) of networks that each of the patients `trained` (n, k) or did not, nearly normal and
    higher for a better fit. It is of the predictive Student's t of one more value, with a variance drawn towards that of all
    patients (Smyth 2004). At or below a rate the patient is told to be a member, with that false positive rate for everybody. How
    good each network came out is taken off first, as the mean over all patients, and of the model over those whom it is known to
    be `without`, bool (n,). Raises `RemnantError` for a patient who trained all networks.
    """
    apart = fits - fits.mean(1, keepdims=True)
    out = side_of(fits - apart.mean(0), ~trained)
    degrees, within = variance_prior(out, wider=1.0)
    variance = (degrees * within + out.squares) / (degrees + out.degrees)
    above = fit - out.mean
    above = above - above[without].mean()
    return stats.t.sf(above / np.sqrt(variance * (1 + 1 / out.count)), degrees + out.degrees)


def own_p_of_networks(fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """`own_p` (n, networks) of every network as the model, by those of the other swaps (`measure.swaps`)."""
    swaps = np.arange(fits.shape[1]) // 2
    found = [
        own_p(fits[:, k], fits[:, swaps != swap], trained[:, swaps != swap], ~trained[:, k])
        for k, swap in enumerate(swaps)
    ]
    return np.stack(found, axis=1)


def rate_carried(rate: float, patients: int, networks_without: int) -> bool:
    """Whether so many networks without each of the `patients` could show a false positive rate to be another: `SUPPORT` are
    expected."""
    return rate * patients * networks_without >= SUPPORT - 1e-9
