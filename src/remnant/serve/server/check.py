"""Whether a new version may take the old one's place: by the scans that neither was retrained on, and what so few can show."""

import math
from typing import Any

import numpy as np

from remnant.base.texts import counted, enumerated
from remnant.measure.intervals import FEWEST, Interval, bootstrap_mean, permutation_p_paired
from remnant.measure.overlap import mean_dice

LEVEL = 0.95


def compared(
    old: np.ndarray, new: np.ndarray, classes: tuple[str, ...], looks: int, seeds: np.random.Generator
) -> dict[str, Any]:
    """What the Dice (n, classes) of two versions on the same n held-out scans say, NaN where neither map holds a class.

    The scans are of n people, as clients send one of each who is held out: of four scans each of ten people, a version that is
    no better passes in 18 of 100 cases in place of 2.5. `holds` where the mean of the paired differences in mean Dice of the
    foreground is above 0 with its whole interval, that is not chance by the sign-flip test either (of so few the interval alone
    passes twice as often as it should), and no class got worse with its whole interval. Fewer than `FEWEST` scans support no
    interval, and never hold. `looks`: the how manieth version it is that these scans judge; level and test are those of
    0.05 / `looks`, since of many tries one would pass by chance.
    """
    level = 1 - (1 - LEVEL) / looks
    before, after = mean_dice(old), mean_dice(new)
    judged = np.isfinite(before) & np.isfinite(after)
    whole = bootstrap_mean((after - before)[judged], seeds, level)
    by_class, worse, unjudged = {}, [], []
    for index, name in enumerate(classes):
        if index == 0:
            continue
        differences = new[:, index] - old[:, index]
        held = np.isfinite(differences)
        one = bootstrap_mean(differences[held], seeds, level)
        by_class[name] = {
            "difference": _plain(one.mean),
            "low": _plain(one.low),
            "high": _plain(one.high),
            "scans": one.n,
        }
        if one.n < FEWEST:
            unjudged.append(name)
        elif one.high < 0:
            worse.append(name)
    p = permutation_p_paired((after - before)[judged], seeds) if whole.n >= FEWEST else math.nan
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
        "classes": by_class,
        "too_few_scans_of": unjudged,
    }


def _why(found: Interval, beyond_chance: bool, worse: list[str]) -> str:
    """What speaks against the new version, empty where nothing does."""
    if found.n < FEWEST:
        few = counted(found.n, "held-out scan shows", "held-out scans show")
        return f"{few} nothing, for it takes those of at least {FEWEST} people"
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
