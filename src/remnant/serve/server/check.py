"""Whether a new version may take the old one's place: by the scans that neither was retrained on, and what so few can show."""

import math
from typing import Any

import numpy as np

from remnant.base.texts import counted, enumerated
from remnant.measure.intervals import FEWEST_PATIENTS, Interval, bootstrap_mean, permutation_p_paired
from remnant.measure.overlap import mean_dice

LEVEL = 0.95


def compared(
    old: np.ndarray, new: np.ndarray, classes: tuple[str, ...], looks: int, seeds: np.random.Generator
) -> dict[str, Any]:
    """What the Dice (n, classes) of two versions on the same n held-out scans say, NaN where neither map holds a class.

    The scans are of n people, as clients send one of each who is held out: of four scans each of ten people, a version that is
    no better passes in 18 of 100 cases in place of 2.5. `holds` where the mean of the paired differences in mean Dice of the
    foreground is above 0 with its whole interval, that is not chance by the sign-flip test either (of so few the interval alone
    passes twice as often as it should), and no class got worse with its whole interval; a class that fewer than `FEWEST_PATIENTS`
    scans hold, by the sign-flip test, which fewer than six cannot pass. Fewer scans support no interval, and never hold.

    `looks`: the how manieth version it is that these scans judge; level and test of a gain are those of 0.05 / `looks`, since of
    many tries one would pass by chance. What speaks against a version keeps its 95%: of many tries no harm becomes smaller.
    A class that one version leaves out where there is none, and the other does not, counts as 1 for the first.

    Of versions that are no better 2 to 3 in 100 pass where differences are normal, heavy-tailed (t of 3 degrees) or skewed to
    gains, of 10 to 100 people; where few lose much and most gain a little (exponential), 8 of 10 people and 4 to 5 of 20 to 40.
    """
    level = 1 - (1 - LEVEL) / looks
    old, new = _over_the_same(old, new), _over_the_same(new, old)
    before, after = mean_dice(old), mean_dice(new)
    judged = np.isfinite(before) & np.isfinite(after)
    whole = bootstrap_mean((after - before)[judged], seeds, level)
    by_class, worse, unjudged = {}, [], []
    for index, name in enumerate(classes):
        if index == 0:
            continue
        differences = new[:, index] - old[:, index]
        held = np.isfinite(differences)
        one = bootstrap_mean(differences[held], seeds, LEVEL)
        by_class[name] = {
            "difference": _plain(one.mean),
            "low": _plain(one.low),
            "high": _plain(one.high),
            "scans": one.n,
        }
        if one.n < FEWEST_PATIENTS:
            unjudged.append(name)
        if _is_worse(one, differences[held], seeds):
            worse.append(name)
    p = permutation_p_paired((after - before)[judged], seeds) if whole.n >= FEWEST_PATIENTS else math.nan
    why = _why(whole, p <= 1 - level, worse)
    return {
        "holds": not why,
        "why": why,
        "scans": whole.n,
        "dice": {"old": _mean(before[judged]), "new": _mean(after[judged])},
        "difference": _plain(whole.mean),
        "low": _plain(whole.low),
        "high": _plain(whole.high),
        "p": _plain(p),
        "level": level,
        # A mean hides whom it harmed.
        "worst": _plain(float((after - before)[judged].min())) if whole.n else None,
        "classes": by_class,
        "too_few_scans_of": unjudged,
    }


def _over_the_same(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Dice (n, classes) with 1 where NaN says that a class is rightly absent, and the other version found it nevertheless."""
    return np.where(np.isnan(values) & np.isfinite(others), 1.0, values)


def _is_worse(found: Interval, differences: np.ndarray, seeds: np.random.Generator) -> bool:
    """Whether a class got worse; of too few scans for an interval by the sign-flip test, which is exact."""
    if found.n >= FEWEST_PATIENTS:
        return found.high < 0
    return found.n > 0 and found.mean < 0 and permutation_p_paired(differences, seeds) <= 1 - LEVEL


def _why(found: Interval, beyond_chance: bool, worse: list[str]) -> str:
    """What speaks against the new version, empty where nothing does."""
    if found.n < FEWEST_PATIENTS:
        few = counted(found.n, "held-out scan shows", "held-out scans show")
        return f"{few} nothing, for it takes those of at least {FEWEST_PATIENTS} people"
    if found.high < 0:
        return "it is worse than the old version on the held-out scans"
    if not (found.low > 0 and beyond_chance):
        return "the held-out scans do not show that it is better than the old version"
    if worse:
        return f"it is better on the whole and worse at {enumerated(worse)}"
    return ""


def _mean(values: np.ndarray) -> float | None:
    return _plain(float(values.mean())) if len(values) else None


def _plain(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return round(value, 6) if math.isfinite(value) else None
