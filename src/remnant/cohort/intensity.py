"""The step between a file's intensities: as good as a name, since every scanner and every rescaling leaves its own."""

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.cache import key_of

# A share of the range: below it a difference is rounding.
FINEST = 2.0**-17


def intensity_step(image: np.ndarray) -> float:
    """The smallest difference between two values of `image`: 1 for whole numbers, and about `FINEST` of the range
    for an image that has no step.
    """
    differences = np.diff(np.unique(image).astype(np.float64))
    floor = FINEST * float(image.max() - image.min())
    return float(differences[differences > floor].min(initial=np.inf if floor else 0.0))


def without_step(image: np.ndarray) -> np.ndarray:
    """float32 `image` with uniform noise one step wide, after which its values lie on no comb.

    Rectangular noise as wide as the step is the one that wipes out every harmonic of the comb (Schuchman 1964,
    doi:10.1109/TCOM.1964.1088973). The noise is drawn from the image itself: the same file gives the same result.
    """
    noise = Seeds(0).child("step", key_of(image)).numpy().random(image.shape, dtype=np.float32)
    return (image + np.float32(intensity_step(image)) * (noise - np.float32(0.5))).astype(np.float32)
