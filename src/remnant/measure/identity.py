"""Whose image is it? Ranks of the own original in a gallery, from a matrix of scores (higher is more alike).

Everywhere `scores` is (n, m), reconstructions by gallery; `own` (n,) holds the gallery index of each row's
own original; `allowed` (n, m), where given, is False for entries that a row's search leaves out, such as
other sessions of the same patient. NaN in an allowed score, or an own original that is not allowed, raises
`RemnantError`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.intervals import (
    FEWEST_PATIENTS,
    RESAMPLES,
    Interval,
    clopper_pearson,
    identification_p_value,
    numbered,
)


class _Ranked:
    """What a search comes to by the `ranks` (n,) of the own originals and the `sizes` (n,) of their galleries."""

    ranks: np.ndarray
    sizes: np.ndarray

    @property
    def gallery(self) -> int:
        """Candidates, at most."""
        return int(self.sizes.max(initial=0))

    @property
    def count(self) -> int:
        """Own originals at rank 1, alone."""
        return rank1_count(self.ranks)

    def rank1(self, level: float = 0.95) -> Interval:
        """Their share, with its exact interval."""
        return clopper_pearson(self.count, len(self.ranks), level)

    @property
    def chance(self) -> float:
        """The same share by guessing."""
        return chance_rank1(self.sizes)

    @property
    def p(self) -> float:
        """One-sided, of so many at rank 1 by guessing (`identification_p_value`)."""
        return identification_p_value(self.count, 1 / self.sizes)

    @property
    def mean_rank(self) -> float:
        """Mean of the ranks; NaN for none."""
        return mean_rank(self.ranks)

    @property
    def chance_mean_rank(self) -> float:
        """The same by guessing."""
        return chance_mean_rank(self.sizes)


@dataclass(frozen=True)
class RankedSearch(_Ranked):
    """A search of which the ranks alone are kept, float64 (n,), as `ranks` has them, and the candidates of each, int (n,)."""

    ranks: np.ndarray
    sizes: np.ndarray


@dataclass(frozen=True)
class Search(_Ranked):
    """Reconstructions that search one gallery for their own originals, and what that comes to."""

    scores: np.ndarray
    own: np.ndarray
    allowed: np.ndarray | None = None

    @property
    def own_scores(self) -> np.ndarray:
        """Of each reconstruction with its own original, (n,)."""
        return self.scores[np.arange(len(self.own)), self.own]

    @property
    def others(self) -> np.ndarray:
        """Scores (n, m), NaN for the own original and for what the search leaves out."""
        mask = np.ones(self.scores.shape, dtype=bool) if self.allowed is None else self.allowed.copy()
        mask[np.arange(len(self.own)), self.own] = False
        return np.where(mask, self.scores, np.nan)

    @cached_property
    def ranks(self) -> np.ndarray:
        """Of each own original, (n,), as `ranks` has them."""
        return ranks(self.scores, self.own, self.allowed)

    @property
    def sizes(self) -> np.ndarray:
        """Candidates of each reconstruction, int (n,)."""
        return gallery_sizes(self.scores, self.allowed)

    def auc(self, seeds: np.random.Generator) -> Interval:
        """Of own scores against all others (`own_versus_others_auc`)."""
        return own_versus_others_auc(self.scores, self.own, seeds, self.allowed)


def ranks(scores: np.ndarray, own: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """Rank of each row's own original, float64 (n,), 1 = first.

    Ties count half: the rank to be expected if they were broken at random. A reconstruction that resembles
    all alike thus gets (m + 1) / 2, which is chance, and is not first.
    """
    scores, own, allowed = _checked(scores, own, allowed)
    mine = scores[np.arange(len(own)), own][:, None]
    others = allowed & (np.arange(scores.shape[1]) != own[:, None])
    return 1 + ((scores > mine) & others).sum(1) + ((scores == mine) & others).sum(1) / 2


def gallery_sizes(scores: np.ndarray, allowed: np.ndarray | None = None) -> np.ndarray:
    """Number of candidates of each row, int (n,)."""
    n, m = np.shape(scores)
    return np.full(n, m) if allowed is None else np.asarray(allowed, dtype=bool).sum(1)


def rank1_count(ranks: np.ndarray) -> int:
    """How many own originals are first alone: a tie for the first place (rank 1.5) is no identification."""
    return int((np.asarray(ranks) == 1).sum())


def mean_rank(ranks: np.ndarray) -> float:
    """Mean of the ranks; NaN for none."""
    return float(np.mean(ranks)) if len(ranks) else math.nan


def rank_histogram(ranks: np.ndarray, gallery: int) -> np.ndarray:
    """Counts of rank 1, 2, ... `gallery`, int (gallery,). Half ranks (ties) count at the next worse rank."""
    places = np.ceil(np.asarray(ranks)).astype(int)
    if len(places) and not (places.min() >= 1 and places.max() <= gallery):
        raise RemnantError(
            f"Ranks must lie in 1 to {gallery}, the gallery. Got {places.min()} to {places.max()} instead."
        )
    return np.bincount(places, minlength=gallery + 1)[1:]


def chance_rank1(sizes: np.ndarray) -> float:
    """Fraction first by guessing: the mean of 1 / m over rows with galleries of m = `sizes` (n,)."""
    return float(np.mean(1 / np.asarray(sizes))) if len(sizes) else math.nan


def chance_mean_rank(sizes: np.ndarray) -> float:
    """Mean rank by guessing: the mean of (m + 1) / 2 over rows with galleries of m = `sizes` (n,)."""
    return float(np.mean((np.asarray(sizes) + 1) / 2)) if len(sizes) else math.nan


def own_versus_others_auc(
    scores: np.ndarray,
    own: np.ndarray,
    seeds: np.random.Generator,
    allowed: np.ndarray | None = None,
    patients: Sequence[str] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Area under the ROC curve of own scores against all other allowed ones, pooled over rows; chance is 0.5.

    It equals the chance that an own score beats another (ties half; Mann and Whitney 1947). The interval is
    the percentile bootstrap over patients: a patient drawn brings all its rows, own scores and others
    together. `patients` (n,) names each row's; without it each row is a patient. `Interval.n` counts
    patients; fewer than `FEWEST_PATIENTS` have no interval (NaN), and without any row or any other candidate the AUC itself is
    NaN.
    """
    scores, own, allowed = _checked(scores, own, allowed)
    n, m = scores.shape
    mine = scores[np.arange(n), own]
    others = allowed & (np.arange(m) != own[:, None])
    people, patient = numbered(np.arange(n) if patients is None else patients)
    if len(patient) != n:
        raise RemnantError(f"The 'patients' must name one patient a row. Got {len(patient)} for {n} rows instead.")
    # Wins of each patient's own scores over each patient's others: a resample only weighs this table.
    wins = np.zeros((people, people))
    rows = np.zeros(people)
    rivals = np.zeros(people)
    for row in range(n):
        rows[patient[row]] += 1
        pool = np.sort(scores[row, others[row]])
        rivals[patient[row]] += len(pool)
        beaten = (np.searchsorted(pool, mine, "left") + np.searchsorted(pool, mine, "right")) / 2
        np.add.at(wins[:, patient[row]], patient, beaten)
    if rivals.sum() == 0:
        return Interval(math.nan, math.nan, math.nan, people)
    auc = float(wins.sum() / (rows.sum() * rivals.sum()))
    if people < FEWEST_PATIENTS:
        return Interval(auc, math.nan, math.nan, people)
    weights = seeds.multinomial(people, np.full(people, 1 / people), size=resamples).astype(float)
    drawn = np.einsum("ri,ij,rj->r", weights, wins, weights, optimize=True)
    pairs = (weights @ rows) * (weights @ rivals)
    low, high = np.quantile(drawn[pairs > 0] / pairs[pairs > 0], [(1 - level) / 2, (1 + level) / 2])
    return Interval(auc, float(low), float(high), people)


def _checked(
    scores: np.ndarray, own: np.ndarray, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    scores, own = np.asarray(scores), np.asarray(own)
    if scores.ndim != 2 or own.shape != scores.shape[:1]:
        raise RemnantError(
            "Scores must be (reconstructions, gallery) with one own index a row. Got shapes "
            f"{scores.shape} and {own.shape} instead."
        )
    n, m = scores.shape
    allowed = np.ones((n, m), dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    if allowed.shape != scores.shape:
        raise RemnantError(f"'allowed' must have the shape of the scores, {scores.shape}. Got {allowed.shape} instead.")
    if n == 0:
        return scores, own.astype(int), allowed
    if not np.issubdtype(own.dtype, np.integer) or own.min() < 0 or own.max() >= m:
        raise RemnantError(f"Own indices must be integers that point into the gallery of {m}. Got {own!r} instead.")
    if not allowed[np.arange(n), own].all():
        raise RemnantError("A row's own original must be among its allowed candidates; check the mask.")
    if np.isnan(scores[allowed]).any():
        raise RemnantError("The scores contain NaN; a similarity that is undefined must be given a value first.")
    return scores, own, allowed
