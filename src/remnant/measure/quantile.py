"""Quantiles of a value by what is known of each: a linear regression with the pinball loss."""

import numpy as np
from scipy import optimize, sparse

from remnant.base.errors import RemnantError
from remnant.measure.sides import LEAST

# Of the sum of absolute slopes of standardised features, in spreads of the value.
PENALTIES = (0.01, 0.05, 0.2)
PARTS = 5
FEWEST = 40  # values, of fewer of which no tail is learned
MIDDLE, TAIL = 0.5, 0.9


def pinball(left: np.ndarray, level: float) -> float:
    """The mean pinball loss of residuals `left`, value less prediction, at this level (Koenker and Bassett 1978)."""
    return float(np.maximum(level * left, (level - 1) * left).mean())


def quantile_regression(features: np.ndarray, values: np.ndarray, level: float, penalty: float) -> np.ndarray:
    """Intercept and slopes (1 + d,) that minimise the pinball loss of `values` (n,) on `features` (n, d) and `penalty` times the
    sum of absolute slopes, by linear programming."""
    n, d = features.shape
    # The intercept and the slopes each as the difference of two numbers above 0, then what lies above and below.
    cost = np.concatenate([[0.0, 0.0], np.full(2 * d, penalty), np.full(n, level / n), np.full(n, (1 - level) / n)])
    one = np.ones((n, 1))
    design = sparse.csc_matrix(np.hstack([one, -one, features, -features]))
    equal = sparse.hstack([design, sparse.identity(n), -sparse.identity(n)], format="csc")
    found = optimize.linprog(cost, A_eq=equal, b_eq=values, method="highs")
    assert found.success, found.message
    return np.concatenate([[found.x[0] - found.x[1]], found.x[2 : 2 + d] - found.x[2 + d : 2 + 2 * d]])


def beyond_quantile(
    own_features: np.ndarray, own_values: np.ndarray, features: np.ndarray, values: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """How far `values` (m,) lie above what is usual of images with such `features` (m, d); (m,), higher for more member-like.
    What is usual tell others whom no training saw, `own_values` (n,) with `own_features` (n, d).

    It is (value - q50) / (q90 - q50) by two regressions, after Bertran et al. 2023 (arXiv 2307.03694), who learn one quantile for
    each false positive rate by a network. The penalty is that of `PENALTIES` which suits others in `PARTS` parts best, whole
    `groups` (n,), such as patients, apart. Raises `RemnantError` for fewer than `FEWEST` of them.
    """
    if len(own_values) < FEWEST:
        raise RemnantError(f"Quantiles are learned of {FEWEST} images or more. Got {len(own_values)} instead.")
    centre, scale = own_features.mean(0), own_features.std(0)
    usable = scale > LEAST
    known, asked = ((one[:, usable] - centre[usable]) / scale[usable] for one in (own_features, features))
    spread = max(float(own_values.std()), LEAST)
    part = np.unique(groups, return_inverse=True)[1] % PARTS

    def missed(level: float, penalty: float) -> float:
        losses = []
        for one in range(PARTS):
            here = part == one
            found = quantile_regression(known[~here], own_values[~here] / spread, level, penalty)
            losses.append(pinball(own_values[here] / spread - found[0] - known[here] @ found[1:], level) * here.mean())
        return sum(losses)

    quantiles = []
    for level in (MIDDLE, TAIL):
        penalty = min(PENALTIES, key=lambda one, level=level: missed(level, one))
        found = quantile_regression(known, own_values / spread, level, penalty)
        quantiles.append(found[0] + asked @ found[1:])
    # Where few others are like an image the two may cross; nobody's tail is shorter than a tenth of the usual one.
    usual = float(np.quantile(own_values, TAIL) - np.quantile(own_values, MIDDLE)) / spread
    tail = np.maximum(quantiles[1] - quantiles[0], max(usual / 10, LEAST))
    return (values / spread - quantiles[0]) / tail
