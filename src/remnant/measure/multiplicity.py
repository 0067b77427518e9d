"""Several looks at one question: p-values that hold for all of them together."""

from collections.abc import Sequence

import numpy as np

# Within which p-values are equal: those of deals are kept in single precision, which is off by 6e-8. A score of few values, or a
# count, often has the very p that was seen; to miss these ties would call one test in two more telling than it is.
TIED = 1e-6


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


def step_down(
    p_values: Sequence[float],
    weights: Sequence[float],
    dealt: np.ndarray,
    together: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """P-values (k,) adjusted as by `holm`, float64, where some of the tests are known to hang together, and which of them no deal
    reached, boolean (k,): these are at most so large, or were bounds before.

    `together` (j,): the places of tests that were made of the same patients, and `dealt` (deals, j) p-values of each of them when
    the patients are dealt to their groups anew, on the scale of their own `p_values`. Of a test with p over weight r the
    adjusted p is the chance that any of those still in question falls to r (Westfall and Young 1993, algorithm 2.8: the step-down
    min-p, which is max-T of p), and for the others their weights times r as by Holm. So nobody errs on any of the true nulls more
    often than the level says, whatever the p-values of `dealt` are on the way, and Holm's sum is the largest that this can be.
    """
    p_values, weights = np.asarray(p_values, dtype=float), np.asarray(weights, dtype=float)
    ratios = p_values / weights
    order = np.argsort(ratios, kind="stable")
    column = {place: number for number, place in enumerate(together)}
    own = [place for place in order if place in column]
    # Of each of them the least of all deals among it and those that come later.
    least = dealt / weights[list(together)]
    falling = np.minimum.accumulate(least[:, [column[place] for place in own[::-1]]], axis=1)[:, ::-1]
    found, unreached = np.empty(len(p_values)), np.zeros(len(p_values), dtype=bool)
    largest, passed, others = 0.0, 0, float(np.delete(weights, list(together)).sum())
    for place in order:
        hits = int((falling[:, passed] <= ratios[place] * (1 + TIED)).sum()) if passed < len(own) else 0
        chance = (hits + 1) / (len(dealt) + 1) if passed < len(own) else 0.0
        largest = max(largest, min(1.0, chance + others * ratios[place]))
        found[place], unreached[place] = max(largest, p_values[place]), passed < len(own) and hits == 0
        if place in column:
            passed += 1
        else:
            others -= weights[place]
    return found, unreached
