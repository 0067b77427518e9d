"""Several looks at one question: p-values that hold for all of them together."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float], weights: Sequence[float] | None = None) -> np.ndarray:
    """P-values (k,) adjusted for their number, float64, in their order (Holm 1979).

    Whoever acts on those at or below a level errs on any of the true nulls no more often than the level says, however
    the tests hang together. NaN is a test that could not be made: it stays and is not counted. `weights` (k,), positive and
    chosen before the tests were seen, divide the level unequally (the same paper): a test of twice the weight may use twice
    as much of it.
    """
    p_values = np.asarray(p_values)
    shares = np.ones(p_values.shape) if weights is None else np.asarray(weights)
    made = np.flatnonzero(np.isfinite(p_values))
    order = made[np.argsort(p_values[made] / shares[made], kind="stable")]
    left = np.cumsum(shares[order][::-1])[::-1]
    adjusted = np.full(p_values.shape, np.nan)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p_values[order] / shares[order] * left))
    return adjusted


def holm_is_bound(
    p_values: Sequence[float], bounds: Sequence[bool], weights: Sequence[float] | None = None
) -> np.ndarray:
    """Which of the adjusted p-values are no more than upper bounds, boolean (k,), where some `p_values` are (`bounds`).

    A test that deals patients anew a thousand times and sees nothing as extreme says that p is at most a thousandth; adjusted,
    it is at most what `holm` makes of that.
    """
    least = np.where(bounds, 0.0, p_values)
    return np.nan_to_num(holm(p_values, weights)) > np.nan_to_num(holm(least, weights))
