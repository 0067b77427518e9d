"""Do generated images spread as the real ones do? Entropy of their grey levels, kurtosis along principal components.

Lee 2025's two summaries of a set of images. Both depend on the size of the images and the kurtosis on their number,
so that sets are comparable only at one size, and best at one number.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.measure.images import Images, as_stack
from remnant.measure.intervals import FEWEST_PATIENTS, Interval, numbered

LEVELS = 256  # of the histogram whose entropy is taken: 8 bits, so that entropy lies in [0, 8]
SIDE = 64  # of the images whose principal components are taken
SHARE = 0.9  # of the variance, which the components are to hold
RESAMPLES = 2000


def pixel_entropy(images: Images) -> np.ndarray:
    """Shannon entropy of each image's grey levels in bits, float64 (n,) in [0, 8], of images (n, h, w) in [0, 1].

    H = -sum p log2 p over the histogram of round(255 x), 256 levels (Shannon 1948). A uniform image has 0. It sees no
    arrangement: shuffling the pixels changes nothing. Raises `RemnantError` for values outside [0, 1] and NaN.
    """
    stack = as_stack(images, "images").cpu().numpy()
    if stack.size and not (stack.min() >= 0 and stack.max() <= 1):
        raise RemnantError(
            f"Entropy needs images in [0, 1]. Got [{stack.min():.4g}, {stack.max():.4g}] instead; clamp what was drawn."
        )
    found = np.zeros(len(stack))
    for index, image in enumerate(stack):
        counts = np.bincount(np.rint(image * (LEVELS - 1)).astype(int).ravel(), minlength=LEVELS)
        shares = counts[counts > 0] / image.size
        found[index] = shares @ np.log2(1 / shares)
    return found


def at_side(images: Images, side: int = SIDE) -> torch.Tensor:
    """Images (n, h, w) as float32 (n, side, side), bilinear and antialiased."""
    stack = as_stack(images, "images")
    return torch.nn.functional.interpolate(
        stack[:, None], (side, side), mode="bilinear", align_corners=False, antialias=True
    )[:, 0]


@dataclass(frozen=True)
class Components:
    """Principal components of a set of images: `mean` (p,), orthonormal `axes` (k, p), largest variance first.

    `shares` (k,): of the set's variance that each holds.
    """

    mean: np.ndarray
    axes: np.ndarray
    shares: np.ndarray

    def project(self, images: Images) -> np.ndarray:
        """Coordinates float64 (n, k) of images whose pixels number p."""
        flat = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
        if flat.shape[1] != len(self.mean):
            raise RemnantError(
                f"The components are of images of {len(self.mean)} pixels. Got {flat.shape[1]} instead; "
                "bring all sets to one size (`at_side`)."
            )
        return (flat - self.mean) @ self.axes.T


def fit_components(images: Images, share: float = SHARE) -> Components:
    """As many principal components of images (n, h, w) as hold `share` of their variance; at most n - 1.

    Fitted on the real training images and applied to every set, so that all columns of a table have the same ones. Where
    there are fewer images than pixels, the components suit the images they were fitted on better than any others: hold
    generated images with those of other real patients, too. Raises `RemnantError` for fewer than two different images.
    """
    flat = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
    if len(flat) < 2 or not np.isfinite(flat).all() or np.ptp(flat, axis=0).max() == 0:
        raise RemnantError(
            f"Principal components need at least two images that differ and are finite. Got {len(flat)} images."
        )
    mean = flat.mean(0)
    centred = flat - mean
    wide = centred.shape[0] < centred.shape[1]
    variances, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    variances, vectors = variances[::-1].clip(0), vectors[:, ::-1]
    shares = variances / variances.sum()
    count = int(np.searchsorted(shares.cumsum(), share - 1e-12)) + 1
    axes = vectors[:, :count].T
    if wide:
        axes = axes @ centred
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Components(mean, axes, shares[:count])


@dataclass(frozen=True)
class Kurtosis:
    """Excess kurtosis of each component, float64 (k,), its band `low`, `high`, and their mean over the components."""

    components: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mean: Interval


def component_kurtosis(
    coordinates: np.ndarray,
    seeds: np.random.Generator,
    patients: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Kurtosis:
    """Excess kurtosis m4 / m2^2 - 3 along each of `coordinates` (n, k), 0 for a normal distribution (Pearson 1905).

    The band is the percentile bootstrap over patients, `patients` (n,) naming each row's; without it each row is its own,
    as are generated images. The population's moments are used, without a correction for n: such a kurtosis cannot
    exceed n - 5 + 1 / (n - 1), and small sets of long tails come out too low, the band with them. NaN where a component has no
    spread (every image alike), and for the bands of fewer than `FEWEST_PATIENTS`. `mean.n` counts patients.
    """
    coordinates = np.asarray(coordinates, dtype=np.float64)
    n, patient = numbered(np.arange(len(coordinates)) if patients is None else patients)
    if coordinates.ndim != 2 or not np.isfinite(coordinates).all() or patient.shape != coordinates.shape[:1]:
        raise RemnantError(
            f"Kurtosis needs finite coordinates (images, components), and a patient for each image if at all. "
            f"Got shapes {coordinates.shape} and {patient.shape} instead."
        )
    count = coordinates.shape[1]
    unknown = np.full(count, math.nan)
    if n == 0:
        return Kurtosis(unknown, unknown, unknown, Interval(math.nan, math.nan, math.nan, 0))
    spread = coordinates.std(0)
    flat = spread <= 1e-12 * np.abs(coordinates).max(0)
    standard = (coordinates - coordinates.mean(0)) / np.where(flat, 1, spread)  # powers of such numbers do not cancel
    standard[:, flat] = math.nan
    found = (standard**4).mean(0) - 3
    if n < FEWEST_PATIENTS:
        return Kurtosis(found, unknown, unknown, Interval(float(found.mean()), math.nan, math.nan, n))
    drawn = _excess(standard, seeds.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)[:, patient])
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, ends, axis=0)
    mean = Interval(float(found.mean()), *(float(end) for end in np.quantile(drawn.mean(1), ends)), n)
    return Kurtosis(found, low, high, mean)


def _excess(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Excess kurtosis (resamples, k) of values (n, k) drawn `weights` (resamples, n) times; drawings of one value fall out."""
    total = weights.sum(1, keepdims=True)
    first, second, third, fourth = (weights @ values**power / total for power in (1, 2, 3, 4))
    variance = second - first**2
    centred = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
    spread = (variance > 1e-9).all(1) | np.isnan(variance).any(1)
    return centred[spread] / variance[spread] ** 2 - 3
