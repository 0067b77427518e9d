"""How identification falls as the gallery grows: exact within the gallery measured, a stated model beyond it.

A probe with b of its M impostors at least as alike as its own original is identified among k candidates, its own and k - 1
impostors drawn at random, with the hypergeometric chance C(M - b, k - 1) / C(M, k - 1). Beyond M + 1, each probe is
taken to have its own chance p to be beaten by one more impostor, p following a beta distribution over probes: then
b is beta-binomial (Skellam 1948), which is fitted by maximum likelihood, and rank-1 among k is the mean of
(1 - p)^(k - 1), B(a, b + k - 1) / B(a, b). Its tail falls as k^-a, a straight line on doubly logarithmic axes.

Intervals are percentile bootstraps over probes, one a patient. They hold the gallery's impostors fixed.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from remnant.base.errors import RemnantError
from remnant.measure.identity import ranks
from remnant.measure.intervals import FEWEST_PATIENTS, clopper_pearson

RESAMPLES = 500  # each fits the model anew
FARTHEST = 20  # how many times the measured gallery the model is trusted for


@dataclass(frozen=True)
class Impostors:
    """Of each probe: how many impostors there are, and how many are at least as alike as its own original, int (n,)."""

    better: np.ndarray
    among: np.ndarray

    def __post_init__(self) -> None:
        if self.better.shape != self.among.shape or (self.better < 0).any() or (self.better > self.among).any():
            raise RemnantError("A probe's better impostors must be a whole number up to all of its impostors.")


@dataclass(frozen=True)
class HalfSize:
    """The gallery size at which rank-1 is one half, with its interval; infinite beyond `limit`, NaN without probes."""

    size: float
    low: float
    high: float
    limit: int

    def describe(self) -> str:
        """In words for a report."""
        if math.isnan(self.size):
            return "no patients"
        if math.isnan(self.low):
            return f"{self._text(self.size)}, one patient: no interval"
        if math.isinf(self.low):
            return f"beyond {self.limit:,}, not resolvable with this gallery"
        return f"{self._text(self.size)} [{self._text(self.low)}, {self._text(self.high)}]"

    def _text(self, size: float) -> str:
        return f"{size:,.0f}" if math.isfinite(size) else f"beyond {self.limit:,}"


def count_impostors(scores: np.ndarray, own: np.ndarray, allowed: np.ndarray | None = None) -> Impostors:
    """Impostors of every row of `scores` (n, m), arguments as in `identity`; a tie is an impostor as good."""
    place = ranks(scores, own, allowed)  # counts a tie half; raises what is to raise
    scores = np.asarray(scores)
    candidates = np.ones(scores.shape, dtype=bool) if allowed is None else np.asarray(allowed, dtype=bool)
    mine = scores[np.arange(len(place)), own][:, None] if len(place) else scores
    ties = ((scores == mine) & candidates).sum(1) - 1
    return Impostors(np.rint(place - 1 + ties / 2).astype(int), candidates.sum(1) - 1)


def chances_first(impostors: Impostors, sizes: np.ndarray) -> np.ndarray:
    """Chance of each probe to be first alone among k = `sizes` (s,) candidates, float64 (n, s); exact.

    Raises `RemnantError` for a size below 1 or above a probe's gallery.
    """
    sizes = np.asarray(sizes)
    if len(impostors.among) and len(sizes) and not (sizes.min() >= 1 and sizes.max() <= impostors.among.min() + 1):
        raise RemnantError(
            f"Gallery sizes must lie in 1 to {impostors.among.min() + 1}, the smallest gallery of a probe. "
            f"Got {sizes.min()} to {sizes.max()} instead; larger ones are the model's (`fit_tail`)."
        )
    drawn = sizes[None] - 1
    among, worse = impostors.among[:, None], (impostors.among - impostors.better)[:, None]
    log = _log_choose(worse, drawn) - _log_choose(among, drawn)
    return np.where(drawn <= worse, np.exp(np.where(drawn <= worse, log, 0)), 0.0)


def fit_tail(impostors: Impostors, weights: np.ndarray | None = None) -> tuple[float, float]:
    """The beta distribution (a, b) of being beaten, by maximum likelihood; (0, 1), never, where nobody is beaten."""
    weights = np.ones(len(impostors.better)) if weights is None else weights
    better, worse = impostors.better, impostors.among - impostors.better
    if not (weights * better).any():
        return 0.0, 1.0

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = np.exp(logs)
        value = special.betaln(better + a, worse + b) - special.betaln(a, b)
        both = special.digamma(a + b) - special.digamma(better + worse + a + b)
        slope_a = special.digamma(better + a) - special.digamma(a) + both
        slope_b = special.digamma(worse + b) - special.digamma(b) + both
        return -(weights @ value), -np.array([a * (weights @ slope_a), b * (weights @ slope_b)])

    mean = float(weights @ better) / float(weights @ (better + worse))
    start = np.log([max(mean, 1e-6) * 0.5 + 1e-9, max(1 - mean, 1e-6) * 0.5 + 1e-9])
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(-14, 14)] * 2)
    a, b = np.exp(found.x)
    return float(a), float(b)


def rank1_of_tail(tail: tuple[float, float], sizes: np.ndarray) -> np.ndarray:
    """The model's rank-1 rate at gallery sizes k (s,), float64 (s,)."""
    a, b = tail
    if a == 0:
        return np.ones(len(sizes))
    return np.exp(special.betaln(a, b + np.asarray(sizes, dtype=float) - 1) - special.betaln(a, b))


def gallery_curve(
    impostors: Impostors, random: np.random.Generator, *, level: float = 0.95, points: int = 40
) -> list[dict]:
    """Rank-1 against gallery size, a row a size: `size`, `rank1`, `low`, `high`, `chance`, `extrapolated`, `n`.

    Sizes are spaced evenly on a logarithmic axis, exact up to the smallest gallery of a probe, then the model's up to
    `FARTHEST` times that. Where nobody is beaten there is nothing to model: the curve ends with the gallery, and its lower
    bound is the exact one (Clopper and Pearson 1934). No probes give no rows; fewer than `FEWEST_PATIENTS` no interval (NaN).
    """
    if len(impostors.better) == 0:
        return []
    largest = int(impostors.among.min()) + 1
    sizes = np.unique(np.geomspace(1, largest, points).round().astype(int))
    beyond = np.unique(np.geomspace(largest, FARTHEST * largest, points).round().astype(int))
    chances = chances_first(impostors, sizes)
    weights = _resampled(len(chances), random)
    tails = [fit_tail(impostors, weight) for weight in weights]
    exact = (chances.mean(0), weights @ chances / len(chances))
    model = (rank1_of_tail(fit_tail(impostors), beyond), np.array([rank1_of_tail(tail, beyond) for tail in tails]))
    beaten = impostors.better.any()
    rows = []
    for extrapolated, where, (means, drawn) in ((False, sizes, exact), (True, beyond, model))[: 2 if beaten else 1]:
        low, high = np.full((2, len(where)), math.nan)
        if len(chances) >= FEWEST_PATIENTS:
            low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
            if not beaten:
                low = np.where(where > 1, clopper_pearson(len(chances), len(chances), level).low, low)
        for size, mean, below, above in zip(where.tolist(), means, low, high, strict=True):
            row = {"size": size, "rank1": float(mean), "low": float(below), "high": float(above)}
            rows.append(row | {"chance": 1 / size, "extrapolated": extrapolated, "n": len(chances)})
    return rows


def half_size(impostors: Impostors, random: np.random.Generator, *, level: float = 0.95) -> HalfSize:
    """The gallery size at which the model's rank-1 is one half, with its bootstrap interval.

    Where the fit or an end of its interval lies beyond `FARTHEST` times the measured gallery it is infinite: so much
    says the sample, and no more. Fewer than `FEWEST_PATIENTS` probes have no interval (NaN).
    """
    n = len(impostors.better)
    if n == 0:
        return HalfSize(math.nan, math.nan, math.nan, 0)
    limit = FARTHEST * (int(impostors.among.min()) + 1)
    size = _half(fit_tail(impostors), limit)
    if n < FEWEST_PATIENTS:
        return HalfSize(size, math.nan, math.nan, limit)
    drawn = [_half(fit_tail(impostors, weight), limit) for weight in _resampled(n, random)]
    # Order statistics, not interpolation, since some are infinite.
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return HalfSize(size, float(low), float(high), limit)


def _half(tail: tuple[float, float], limit: int) -> float:
    def excess(log_size: float) -> float:
        return float(rank1_of_tail(tail, np.exp([log_size]))[0]) - 0.5

    if excess(math.log(limit)) > 0:
        return math.inf
    return float(np.exp(optimize.brentq(excess, 0, math.log(limit))))


def _resampled(n: int, random: np.random.Generator) -> np.ndarray:
    """How often each of n probes is drawn in each resample, float64 (resamples, n)."""
    return random.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)


def _log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    k = np.minimum(k, n)
    return special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
