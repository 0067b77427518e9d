"""The most exposed patients without the winner's curse: chosen by some of the networks, and measured by the others.

Whoever seems most exposed of many is so by chance as well. With 170 patients and 16 networks he seems to be exposed with 0.9
where everybody is with 0.55.
"""

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.advantage import wilson
from remnant.measure.exposure import standardised
from remnant.measure.intervals import Interval

MOST_SPLITS = 140  # of the swaps, each both ways round


def by_rank(differences: np.ndarray, sizes: Sequence[int], seeds: np.random.Generator) -> list[Interval]:
    """The mean exposure of the most exposed, of those who come next, and so on: of groups of so many patients (`sizes`).

    `differences` (n, swaps) of `exposure.pair_differences`. Half of the swaps rank the patients, and the share of the other
    swaps in which the network with a patient fits him better is his exposure; so both ways round, on average over all ways to
    part the swaps, or `MOST_SPLITS` drawn ones. Complementary networks stay together. No patient is ranked by what he is
    measured by, so that the mean has no bias whatever values are distributed like: it is of those whom half of the networks rank
    so.

    The interval is Wilson's (1927) of as many observations as its variance is worth: splits that choose the same patient count
    as one, and what swaps differ by in all patients together is added. Raises `RemnantError` for more patients than there are,
    and fewer than two swaps.
    """
    n, swaps = differences.shape
    if sum(sizes) > n or min(sizes, default=0) < 1 or swaps < 2:
        raise RemnantError(f"Groups of {list(sizes)} need as many patients and two swaps. Got {n} and {swaps} instead.")
    ends = np.cumsum([0, *sizes])
    higher = differences > 0
    taken = np.zeros((len(sizes), n))
    found = []
    for ranking, measuring in splits(swaps, seeds):
        order = np.argsort(-standardised(differences[:, ranking])[0], kind="stable")
        shares = higher[:, measuring].mean(1)
        groups = [order[start:end] for start, end in itertools.pairwise(ends)]
        found.append([shares[group].mean() for group in groups])
        for own, group in zip(taken, groups, strict=True):
            own[group] += 1
    weights = taken / taken.sum(1, keepdims=True)
    counted = (swaps / 2) / (weights**2).sum(1)
    between = _between_swaps(higher)
    return [
        _share(mean, float(count), between, size)
        for mean, count, size in zip(np.mean(found, axis=0).tolist(), counted, sizes, strict=True)
    ]


def mean_exposure(differences: np.ndarray) -> Interval:
    """The mean exposure of a group of patients, with an interval for patients like these and trainings like these, NaN below two
    of either; `differences` (n, swaps) are theirs. It is the share of patients and swaps in which the network with the patient
    fits him better."""
    n, swaps = differences.shape
    higher = differences > 0
    mean = float(higher.mean())
    if min(n, swaps) < 2:
        return Interval(mean, math.nan, math.nan, n)
    between_patients = float(higher.mean(1).var(ddof=1))
    count = n * mean * (1 - mean) / between_patients if between_patients > 0 else float(n)
    return _share(mean, count, _between_swaps(higher), n)


def _share(mean: float, count: float, more: float, n: int) -> Interval:
    """A share of `n` patients with Wilson's interval: of as many observations as `count` and a variance `more` come to."""
    one = mean * (1 - mean)
    if one > 0:
        count = one / (one / count + more)
    return Interval(mean, *wilson(count * mean, count, 0.95), n)


def _between_swaps(higher: np.ndarray) -> float:
    """Variance of the mean by what swaps differ in of all patients together, beyond what single ones do: `higher` (n, swaps)."""
    within = float(higher.var(1, ddof=1).mean()) / len(higher)
    return max(0.0, float(higher.mean(0).var(ddof=1)) - within) / higher.shape[1]


def splits(swaps: int, seeds: np.random.Generator) -> Iterator[tuple[list[int], list[int]]]:
    """Which of so many swaps rank patients and which measure them: every half or, of many, drawn ones, each both ways round."""
    half = swaps // 2
    # Of an even number the other half of each is among them.
    ways = math.comb(swaps, half) // (2 - swaps % 2)
    if 2 * ways <= MOST_SPLITS:
        chosen = [list(one) for one in itertools.islice(itertools.combinations(range(swaps), half), ways)]
    else:
        chosen = [seeds.permutation(swaps)[:half].tolist() for _ in range(MOST_SPLITS // 2)]
    for one in chosen:
        other = [swap for swap in range(swaps) if swap not in one]
        yield one, other
        yield other, one
