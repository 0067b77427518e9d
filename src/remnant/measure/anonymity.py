"""How many people would fit the age and sex that were read off a reconstruction? Nothing here is linked to anybody.

The attacker is given the best case: a demographic model that errs on reconstructions no more than on the real radiographs
it was validated on. Where it errs more, more people fit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError

SEXES = ("F", "M")


@dataclass(frozen=True)
class Population:
    """People by sex and age: `women` and `men` float64 (a,) count those aged 0, 1, ... a - 1 whole years."""

    women: np.ndarray
    men: np.ndarray

    def __post_init__(self) -> None:
        counts = np.concatenate([self.women, self.men])
        if self.women.shape != self.men.shape or self.women.ndim != 1:
            raise RemnantError("A population counts women and men of the same ages, one number an age.")
        if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.sum() >= 1):
            raise RemnantError("A population's counts must be at least 0 and add up to one person or more.")

    @property
    def people(self) -> float:
        return float(self.women.sum() + self.men.sum())


@dataclass(frozen=True)
class Errors:
    """The demographic model's errors on its validation patients: `age` in years (n,), predicted minus actual, ages in whole
    years; `sex_right` boolean (n,)."""

    age: np.ndarray
    sex_right: np.ndarray

    def __post_init__(self) -> None:
        if self.age.ndim != 1 or self.age.shape != self.sex_right.shape or not np.isfinite(self.age).all():
            raise RemnantError("Validation errors are one finite age error and one sex, right or wrong, a patient.")


@dataclass(frozen=True)
class AnonymitySet:
    """How many people fit one reconstruction, the patient included, at `confidence`.

    `size` with the interval `low`, `high` that the validation's number of patients leaves; `years`: how far from the
    predicted age people fit; `both_sexes`: the model errs on sex too often to leave one out. `alone`: the chance
    that nobody else among `people` fits. NaN, and `years` infinite, where so few validation patients cannot support the
    confidence.
    """

    size: float
    low: float
    high: float
    years: float
    both_sexes: bool
    alone: float
    people: float
    confidence: float


def population_of(ages: Sequence[int], sexes: Sequence[str], counts: Sequence[float]) -> Population:
    """A population from the columns of a table: whole years, "F" or "M", people; rows of one age and sex add up.

    The highest age stands for itself alone; an open class ("90 and older") is given its first age. Raises `RemnantError`
    for columns of unequal length, ages that are no whole years from 0 to 130, other sexes and counts below 0.
    """
    ages, sexes, counts = np.asarray(ages, dtype=float), np.asarray(sexes, dtype=str), np.asarray(counts, dtype=float)
    if not (ages.shape == sexes.shape == counts.shape and ages.ndim == 1 and len(ages)):
        raise RemnantError("A population's table needs an age, a sex and a count in each row, and at least one row.")
    if not ((ages >= 0) & (ages <= 130) & (ages == np.floor(ages))).all():
        raise RemnantError("A population's ages must be whole years from 0 to 130, a row a year; part wider classes.")
    if unknown := sorted(set(sexes.tolist()) - set(SEXES)):
        raise RemnantError(f"A population's sexes must be F or M. Got {unknown[0]!r} instead.")
    size = int(ages.max()) + 1
    women, men = (np.bincount(ages[sexes == sex].astype(int), counts[sexes == sex], size) for sex in SEXES)
    return Population(women, men)


def stationary_population(
    people: float = 1_000_000, *, women_mode: float = 88.0, men_mode: float = 84.0, slope: float = 0.1
) -> Population:
    """The documented default: as many births each year, nobody moves, people die by Gompertz's law (1825).

    Of those born, exp(exp(-k M) - exp(k (x - M))) reach age x, with `slope` k = 0.1 a year and the modal age at death
    M = 88 years for women and 84 for men; 105 boys are born to 100 girls. Round numbers near those of today's rich
    countries, of no country in particular: older than most, flat where real ones have waves. Give the table of the
    population in question where there is one.
    """
    ages = np.arange(111)
    women, men = (
        births * np.exp(np.exp(-slope * mode) - np.exp(slope * (ages + 0.5 - mode)))
        for births, mode in ((100.0, women_mode), (105.0, men_mode))
    )
    scale = people / (women.sum() + men.sum())
    return Population(women * scale, men * scale)


def anonymity_set(
    age: float,
    sex: str,
    errors: Errors,
    population: Population,
    *,
    site: float | None = None,
    confidence: float = 0.95,
    level: float = 0.95,
) -> AnonymitySet:
    """Who fits a predicted `age` in years and `sex` ("F" or "M"), so that the true person is among them with `confidence`.

    Split conformal prediction (Vovk et al. 2005; Lei et al. 2018, section 2.2): the (n + 1) c-th smallest error of the n
    validation patients is how far an age may lie off. Either a wrong sex counts as an infinite error and only the
    predicted sex fits, or age alone is judged and both do; the attacker takes the smaller set. This holds for a patient
    like those of the validation, without a shape assumed; for a reconstruction it is the attacker's best case.

    `site`: how many people the hospital draws from; they are taken to be a random part of the population, and all of it
    where None. Size is 1 + (people - 1) times the share of the population that fits, since the patient always does. The
    interval is that of a percentile bootstrap over validation patients, which for an order statistic has a closed form.
    """
    people = population.people if site is None else float(site)
    if sex not in SEXES or not math.isfinite(age):
        raise RemnantError(f"A prediction is a finite age and a sex, F or M. Got {age} and {sex!r} instead.")
    if not (0 < confidence < 1 and 1 <= people <= population.people):
        raise RemnantError(
            f"The confidence must lie between 0 and 1, and a site draws from 1 to {population.people:.0f} people, "
            f"its population. Got {confidence} and {people:g} instead."
        )
    widths = _widths(errors, confidence, level)
    if widths is None:
        return AnonymitySet(math.nan, math.nan, math.nan, math.inf, True, math.nan, people, confidence)
    distance = np.abs(np.arange(len(population.women)) - age)
    own = population.women if sex == "F" else population.men
    shares = np.array(
        [
            [counts[distance <= width + 1e-9].sum() / population.people for width in row]
            for counts, row in zip((own, population.women + population.men), widths, strict=True)
        ]
    )
    shares[~np.isfinite(widths)] = 1.0
    low, share, high = shares.min(0)
    both = bool(shares[1, 1] < shares[0, 1] or not np.isfinite(widths[0, 1]))
    size, low, high = (1 + (people - 1) * min(float(part), 1.0) for part in (share, low, high))
    alone = math.exp((people - 1) * math.log1p(-share)) if share < 1 else float(people == 1)
    return AnonymitySet(size, low, high, float(widths[int(both), 1]), both, alone, people, confidence)


def _widths(errors: Errors, confidence: float, level: float) -> np.ndarray | None:
    """How many years off may be, float64 (2, 3): for the predicted sex alone and for both; low, found and high.

    The k-th smallest of n drawn with replacement from n sorted values is the one at n times a beta variable of k and
    n - k + 1, rounded down. None where there are too few patients for the confidence.
    """
    n = len(errors.age)
    place = math.ceil((n + 1) * confidence - 1e-9)
    if place > n:
        return None
    ends = n * stats.beta.ppf([(1 - level) / 2, (1 + level) / 2], place, n - place + 1)
    places = [int(ends[0]), place - 1, min(int(ends[1]), n - 1)]
    off = np.abs(errors.age)
    return np.stack([np.sort(np.where(right, off, math.inf))[places] for right in (errors.sex_right, True)])
