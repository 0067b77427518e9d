"""The fold-rank test: of the models of a cross-validation, how often does the one that did not train on a patient fit him worst?

A cross-validation says for every patient which of its k models never saw him, and so brings its own references: no further
model is trained. By chance that one fits worst in 1 of k patients, in more where the model of a large fold is often the worst;
where training leaves something of its patients, more often.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import integrate, optimize, stats

from remnant.base.errors import RemnantError
from remnant.base.texts import counted_of
from remnant.measure.intervals import FEWEST_PATIENTS, Interval, clopper_pearson
from remnant.measure.membership_inference import ALL_ORDERS, RESAMPLES, dealt_again

MOST_ORDERS = 8  # models up to which all of their orders are counted: 8! are 40,320


@dataclass(frozen=True)
class FoldRank:
    """How often a patient's own model, the one that did not train on him, is the worst of `folds` models for him.

    `count` of `patients`, where models that are equally bad share him. `chance`: the share that no leak gives, by how
    large each fold is and how often its model is the worst for others than its own: 1 / `folds` of equally large folds, and more
    where the model of a large one varies more than the others. `chance_error`: its standard error. Three nulls, two-sided:

    - `p`: the patients were dealt to the folds at random, and no model knows whom. Patients are dealt anew, with all of
      their losses. Its size is right whatever models and patients differ in, as models that are good at different kinds of
      patients. `p_bound`: no deal was as extreme, so that it is at most this.
    - `p_within`: for every patient on his own, each model is equally likely to be the worst (binomial, exact).
    - `p_folds`: the models were handed to the folds at random; the folds stay whole, and all k! orders of the models are counted.
      It alone keeps its size where folds are no random deal, as one hospital each, and models happen to differ between these:
      there the other two were seen to reject 15 to 20 in 100 at a level of 0.05. It is at least 2 / k!, which three models
      cannot bring below 0.33.

    None of them tells memory of the patients from folds that differ by something else which a model has to have seen, such as a
    scanner of one hospital: for that stands a blind baseline by fold.
    """

    count: float
    patients: int
    folds: int
    p: float
    p_bound: bool
    p_within: float
    p_folds: float
    chance: float
    chance_error: float = 0.0

    def share(self, level: float = 0.95) -> Interval:
        """Of the patients, with the exact interval (Clopper and Pearson 1934) of counts that ties are rounded away from."""
        mean = self.count / self.patients
        if self.patients < FEWEST_PATIENTS:
            return Interval(mean, math.nan, math.nan, self.patients)
        # What is shared by equal models may have been any of them.
        low = clopper_pearson(math.floor(self.count + 1e-9), self.patients, level).low
        high = clopper_pearson(math.ceil(self.count - 1e-9), self.patients, level).high
        return Interval(mean, low, high, self.patients)

    def advantage(self, level: float = 0.95) -> Interval:
        """TPR - FPR of who holds that the worst of the models, and it alone, did not train on a patient.

        Of pairs of a model and a patient: he finds the one that did not train with the share s, and errs about each of the
        k - 1 others with (1 - s) / (k - 1), so that the advantage is (k s - 1) / (k - 1). What he finds by `chance` c is taken
        off in the same way: (s - c) / (1 - c), and how well it is known taken in (Zou and Donner 2008).
        """
        found, error = self.share(level), stats.norm.ppf((1 + level) / 2) * self.chance_error
        low, high = (
            found.mean + sign * math.hypot(end - found.mean, error) for sign, end in ((-1, found.low), (1, found.high))
        )
        return Interval(*map(self.beyond, (found.mean, low, min(high, 1.0))), found.n)

    def beyond(self, share: float) -> float:
        """The advantage that a `share` of patients is."""
        return (share - self.chance) / (1 - self.chance)

    def power(self, share: float, level: float = 0.05) -> float:
        """The probability that a two-sided test at this level sees that truly this `share` of patients are fit worst."""
        return float(stats.binom.sf(self._critical(level) - 1, self.patients, share))

    def detectable(self, level: float = 0.05, power: float = 0.8) -> float:
        """The share of patients that would have been seen with this power; 1 where even all would not."""
        if self.power(1.0, level) < power:
            return 1.0
        return float(optimize.brentq(lambda share: self.power(share, level) - power, self.chance, 1.0))

    def _critical(self, level: float) -> int:
        """The fewest patients that are more than chance gives."""
        counts = np.arange(self.patients + 2)
        return int(np.argmax(stats.binom.sf(counts - 1, self.patients, self.chance) <= level / 2))


def fold_rank(
    losses: np.ndarray,
    held_out: np.ndarray,
    patients: np.ndarray,
    seeds: np.random.Generator,
    resamples: int = RESAMPLES,
) -> FoldRank:
    """Test `losses` (m, k) of m cases under k models, where `held_out` (m,) is the model that did not train on a case's patient.

    `patients` (m,): whose each case is; several cases of one are one unit, by their mean. Higher losses are worse. So that a
    model that is worse altogether is not the worst of everybody, a case's mean is taken off its losses and then a model's
    median off its own: losses of which the spread grows with their size, as those in nats, are best given as logarithms.
    Raises `RemnantError` for fewer than two models, losses that are not finite, and a patient whom several models did not see:
    each of these saw other cases of him.
    """
    losses, held_out, patients = np.asarray(losses, dtype=float), np.asarray(held_out), np.asarray(patients)
    if losses.ndim != 2 or losses.shape[1] < 2 or not len(losses) == len(held_out) == len(patients) > 0:
        raise RemnantError(
            "A fold-rank test needs a loss of every case under two models or more, and who was held out. Got losses of shape "
            f"{losses.shape}, {len(held_out)} folds and {len(patients)} patients instead."
        )
    if not np.isfinite(losses).all():
        raise RemnantError(
            f"{int((~np.isfinite(losses)).sum())} losses of a fold-rank test are not finite; drop these cases."
        )
    table = pd.DataFrame({"patient": patients, "held_out": held_out}).groupby("patient", sort=False)["held_out"]
    if (several := int((table.nunique() > 1).sum())) > 0:
        raise RemnantError(
            f"{counted_of(several, table.ngroups, 'patient', 'has', 'have')} cases that different models did not train on; each "
            "of these models saw another case of his, so leave him out."
        )
    folds, worst = table.first().to_numpy(), _worst(losses, patients)
    n, k = worst.shape
    places = np.arange(n)
    count = float(worst[places, folds].sum())
    dealt = dealt_again(lambda dealt: worst[places, folds[dealt]].sum(1), n, seeds, resamples)
    # One more than was drawn: the deal that was made (Phipson and Smyth 2010).
    extra = 0 if n <= ALL_ORDERS else 1
    tails = [int((sign * (dealt.values - count) >= -1e-9).sum()) for sign in (1, -1)]
    p = min(1.0, 2 * (min(tails) + extra) / (len(dealt.values) + extra))
    within, whole = _within(count, n, k), _orders(worst, folds)
    return FoldRank(count, n, k, p, bool(extra and min(tails) == 0), within, whole, *_chance(worst, folds))


def share_of(leak: float, folds: int) -> float:
    """The share of patients whose own model is the worst of `folds`, where it fits worse by `leak` standard deviations of noise
    that is normal and independent."""

    def density(x: float) -> float:
        return float(stats.norm.pdf(x - leak) * stats.norm.cdf(x) ** (folds - 1))

    return float(integrate.quad(density, -10, 10 + leak)[0])


def _worst(losses: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """How much of each patient each model is the worst for, (n, k), rows summing to 1."""
    centred = pd.DataFrame(losses - losses.mean(1, keepdims=True)).groupby(patients, sort=False).mean().to_numpy()
    left = centred - np.median(centred, axis=0)
    near = 1e-9 * max(float(np.abs(losses).max()), 1e-300)
    most = left >= left.max(1, keepdims=True) - near
    return most / most.sum(1, keepdims=True)


def _chance(worst: np.ndarray, folds: np.ndarray) -> tuple[float, float]:
    """The share that no leak gives and its standard error, from the patients whom each model trained on: its own would take a
    leak for chance."""
    n, k = worst.shape
    sizes = np.bincount(folds, minlength=k)
    others = n - sizes
    often = np.array([worst[folds != fold, fold].sum() for fold in range(k)]) / np.maximum(others, 1)
    if often.sum() == 0:
        return 1 / k, 0.0
    chance = float(sizes @ often / often.sum() / n)
    moved = (sizes / n - chance) / often.sum()
    return chance, float(np.sqrt((moved**2 * often * (1 - often) / np.maximum(others, 1)).sum()))


def _within(count: float, patients: int, folds: int) -> float:
    above = stats.binom.sf(math.floor(count + 1e-9) - 1, patients, 1 / folds)
    below = stats.binom.cdf(math.ceil(count - 1e-9), patients, 1 / folds)
    return float(min(1.0, 2 * min(above, below)))


def _orders(worst: np.ndarray, folds: np.ndarray) -> float:
    """Over all orders of the models; NaN for so many models that they are not counted."""
    k = worst.shape[1]
    if k > MOST_ORDERS:
        return math.nan
    # How often each model is the worst of the patients of each fold.
    table = np.stack([worst[folds == fold].sum(0) for fold in range(k)])
    values = table[np.arange(k), list(itertools.permutations(range(k)))].sum(1)
    tails = [float((sign * (values - values[0]) >= -1e-9).mean()) for sign in (1, -1)]
    return min(1.0, 2 * min(tails))
