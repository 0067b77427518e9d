"""How well a model reads age and sex off radiographs, beside what guessing the mean and the majority would do.

The values passed in are one a patient: several images of a patient are averaged, or one is chosen, by the caller.
"""

import math
from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.intervals import FEWEST_PATIENTS, RESAMPLES, Interval, bootstrap_mean, clopper_pearson

AGE_SKILL = 0.5  # of R2: at least half of the ages' variance
SEX_SKILL = 0.8  # of balanced accuracy: at most one in five wrong, of women and men alike


@dataclass(frozen=True)
class AgeSkill:
    """Errors in years and R2 of predicted ages; `guess_mae` is that of one `guess` for everybody."""

    mae: Interval
    rmse: Interval
    r2: Interval
    guess: float
    guess_mae: float


@dataclass(frozen=True)
class SexSkill:
    """Shares right of predicted sexes and the AUC; `guess_accuracy` is that of the majority for everybody.

    The majority's balanced accuracy and AUC are 0.5. `confusion`: patients by actual (row) and predicted sex, women first.
    """

    accuracy: Interval
    balanced: Interval
    auc: Interval
    guess_accuracy: float
    confusion: np.ndarray


def age_skill(
    predicted: np.ndarray,
    actual: np.ndarray,
    guess: float,
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> AgeSkill:
    """Errors of `predicted` against `actual` ages in years (n,), with bootstrap intervals over patients.

    MAE and RMSE by `bootstrap_mean`, of errors and of squared errors; R2 = 1 - sum of squares / sum about the mean of `actual`,
    below 0 for worse than that mean, with the percentile bootstrap. `guess` is the mean age of the patients that the model was
    *trained* on: the validation's own mean is more than an honest guesser knows. Fewer than `FEWEST_PATIENTS`, or
    patients of one age, give an R2 without an interval or NaN. Raises `RemnantError` for ages that are not finite.
    """
    predicted, actual = np.asarray(predicted, dtype=float), np.asarray(actual, dtype=float)
    if predicted.shape != actual.shape or actual.ndim != 1 or not np.isfinite([*predicted, *actual, guess]).all():
        raise RemnantError(
            "Ages must be finite, one predicted and one actual a patient. "
            f"Got shapes {predicted.shape} and {actual.shape} instead."
        )
    errors = predicted - actual
    squares = bootstrap_mean(errors**2, seeds, level, resamples)
    rmse = Interval(*(math.sqrt(value) for value in (squares.mean, squares.low, squares.high)), squares.n)
    off = actual - guess
    return AgeSkill(
        bootstrap_mean(np.abs(errors), seeds, level, resamples),
        rmse,
        _r2(errors, actual, seeds, level, resamples),
        float(guess),
        float(np.abs(off).mean()) if len(off) else math.nan,
    )


def sex_skill(male: np.ndarray, actual: np.ndarray, level: float = 0.95, threshold: float = 0.5) -> SexSkill:
    """Predicted sexes against `actual` (n,), True for men; `male` (n,) is the model's probability, or any score, of a man.

    A score of `threshold` or above is read as a man. Accuracy has the exact interval (Clopper and Pearson); balanced
    accuracy, the mean of the shares right among women and among men, is between them by the square-and-add rule of
    Zou and Donner (2008) on theirs, so that a perfect score has a width too; AUC by `auc.mann_whitney_auc`. Without women, or
    without men, balanced accuracy and AUC are NaN. Raises `RemnantError` for scores that are not finite.
    """
    male, actual = np.asarray(male, dtype=float), np.asarray(actual)
    if male.shape != actual.shape or male.ndim != 1 or actual.dtype != bool or not np.isfinite(male).all():
        raise RemnantError(
            "Sexes need one finite score and one truth (True for a man) a patient. "
            f"Got shapes {male.shape} and {actual.shape}, {actual.dtype}, instead."
        )
    called = male >= threshold
    confusion = np.array(
        [[(called[actual == row] == column).sum() for column in (False, True)] for row in (False, True)]
    )
    women, men = (clopper_pearson(int(confusion[i, i]), int(confusion[i].sum()), level) for i in (0, 1))
    balanced = (women.mean + men.mean) / 2
    n = len(actual)
    return SexSkill(
        clopper_pearson(int(confusion.trace()), n, level),
        Interval(
            balanced,
            balanced - math.hypot(women.mean - women.low, men.mean - men.low) / 2,
            balanced + math.hypot(women.high - women.mean, men.high - men.mean) / 2,
            n,
        ),
        mann_whitney_auc(male[actual], male[~actual], level),
        max(confusion.sum(1)) / n if n else math.nan,
        confusion,
    )


def usable(skill: AgeSkill | SexSkill) -> bool:
    """Whether predictions may be shown: the lower end of the interval reaches the stated skill.

    `AGE_SKILL` of R2 for ages, `SEX_SKILL` of balanced accuracy for sexes: shares of variance and of both sexes, which no
    lopsided cohort gives away. The lower end, so that a validation too small to tell is "not usable", as is one without
    an interval.
    """
    found, least = (skill.r2, AGE_SKILL) if isinstance(skill, AgeSkill) else (skill.balanced, SEX_SKILL)
    return bool(found.low >= least)


def describe_usable(skill: AgeSkill | SexSkill) -> str:
    """ "usable" or "not usable", with the figures that decided it, in words for a report."""
    is_age = isinstance(skill, AgeSkill)
    found, least = (skill.r2, AGE_SKILL) if is_age else (skill.balanced, SEX_SKILL)
    measure = "R2" if is_age else "balanced accuracy"
    if math.isnan(found.low):
        return f"not usable: {counted(found.n, 'validation patient gives', 'validation patients give')} no interval of {measure}"
    verdict = "usable" if usable(skill) else "not usable"
    return (
        f"{verdict}: {measure} {found.mean:.2f} [{found.low:.2f}, {found.high:.2f}] on {counted(found.n, 'patient')}, "
        f"asked is {least:g} at the lower end"
    )


def _r2(errors: np.ndarray, actual: np.ndarray, seeds: np.random.Generator, level: float, resamples: int) -> Interval:
    n = len(actual)
    if n < 2 or np.ptp(actual) == 0:
        return Interval(math.nan, math.nan, math.nan, n)
    centred = actual - actual.mean()
    r2 = float(1 - errors @ errors / (centred @ centred))
    if n < FEWEST_PATIENTS:
        return Interval(r2, math.nan, math.nan, n)
    weights = seeds.multinomial(n, np.full(n, 1 / n), size=resamples).astype(float)
    spread = weights @ centred**2 - (weights @ centred) ** 2 / n
    left = (weights @ errors**2)[spread > 1e-9]  # a patient drawn n times has no spread to explain
    low, high = np.quantile(1 - left / spread[spread > 1e-9], [(1 - level) / 2, (1 + level) / 2])
    return Interval(r2, float(low), float(high), n)
