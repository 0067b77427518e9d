"""The threshold from which on a pair is called the same: the best one on some pairs, and what that choice alone gives.

Scores and patients of pairs as in `measure.scored_pairs`. Accuracy is balanced: the mean of the shares right among the pairs of
one patient and among those of two.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from remnant.measure.auc import TOGETHER
from remnant.measure.scored_pairs import checked_pairs

DEALS = 400  # of kinds to tied scores: the mean of their best is then known to 0.003


def best_threshold(scores: np.ndarray, patients: Sequence[tuple[str, str]]) -> float:
    """The threshold of the highest balanced accuracy on these pairs, in the middle between two scores.

    Of equally good ones the one in the widest gap. Scores that are worse than none get one that calls all pairs the same.
    """
    scores, _, same = checked_pairs(scores, patients)
    order = np.argsort(scores)
    ordered = scores[order]
    reached = _balanced_by_cut(ordered, same[order][None])[0]
    gaps = np.concatenate([[0.0], np.diff(ordered), [0.0]])
    cut = int(np.lexsort((-gaps, -reached.round(12)))[0])
    if cut == 0:
        return float(ordered[0])
    below = ordered[cut - 1]
    middle = (below + ordered[cut]) / 2 if cut < len(ordered) else below
    return float(max(middle, np.nextafter(below, math.inf)))


def best_by_chance(scores: np.ndarray, same: np.ndarray, seeds: np.random.Generator) -> float:
    """Mean of the best balanced accuracy of `scores` (n,) when the kinds, `same` (n,), are dealt to the pairs anew.

    Exact where no two scores are equal, and of `DEALS` deals otherwise. From cut to cut accuracy takes a step that its pair's
    kind decides, and in every order alike the mean of the highest sum of steps is that of S+ / k over all k, S being the sum
    of k steps (Spitzer 1956, theorem 2.2). How many of k pairs are of two patients is hypergeometric.
    """
    if len(np.unique(scores)) < len(scores):
        ordered, total = np.sort(scores), 0.0
        for start in range(0, DEALS, TOGETHER):
            dealt = seeds.permuted(np.tile(same, (min(TOGETHER, DEALS - start), 1)), axis=1)
            total += _balanced_by_cut(ordered, dealt).max(1).sum()
        return float(total / DEALS)
    n, ones = len(same), int(same.sum())
    cuts = np.arange(1, n + 1)
    # Of two patients among the lowest, the first number above its mean: sum over it and all beyond of (x - mean) P(x) telescopes.
    above = cuts * (n - ones) // n + 1
    chance = np.exp(_log_choose(n - ones, above) + _log_choose(ones, cuts - above) - _log_choose(n, cuts))
    beyond = above * (ones - cuts + above) / n * chance
    return float(0.5 + (1 / ones + 1 / (n - ones)) / 2 * (beyond / cuts).sum())


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    """Logarithm of the binomial coefficients; -inf outside of 0 to n."""
    return -special.betaln(k + 1, n - k + 1) - math.log(n + 1)


def _balanced_by_cut(ordered: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Balanced accuracy, float64 (r, n + 1), when the k lowest scores are called different, k = 0 ... n.

    `ordered` scores (n,) rise; `same` (r, n) is in their order. -1 where k would part equal scores.
    """
    reached = np.full((len(same), len(ordered) + 1), 0.5)
    gain = np.where(same, -1 / same.sum(1, keepdims=True), 1 / (~same).sum(1, keepdims=True))
    reached[:, 1:] += np.cumsum(gain, axis=1) / 2
    reached[:, np.flatnonzero(np.diff(ordered) == 0) + 1] = -1
    return reached
