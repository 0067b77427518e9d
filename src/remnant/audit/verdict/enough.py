"""About how many patients an audit needs so that silence is within its limits, from the size of its groups alone."""

import math
from collections.abc import Sequence

import numpy as np

from remnant.audit.verdict.needed import round_up
from remnant.base.findings import Limit
from remnant.base.texts import counted
from remnant.measure.advantage import membership_advantage
from remnant.measure.intervals import FEWEST_PATIENTS
from remnant.measure.membership_inference import FALSE_POSITIVES
from remnant.measure.tpr import true_positive_rate

SIMULATED = 400  # patients; ends of intervals narrow with the square root of their number
DRAWS = 12
PLAINLY = 4  # times as many patients as there are: silence of these is hardly ever within


def too_few_sentence(members: int, non_members: int, limits: Sequence[Limit]) -> list[str]:
    """That groups of so many are plainly too small for what the `limits` on membership allow, in a sentence; none where they are
    not, and none of groups too small for any interval."""
    if min(members, non_members) < FEWEST_PATIENTS:
        return []
    needed = patients_for(members, non_members, limits)
    if not needed or needed < PLAINLY * (members + non_members):
        return []
    groups = f"{counted(members, 'member')} and {counted(non_members, 'non-member')}"
    return [
        f"{groups} are too few to be within these limits, even if nothing is found: about {needed:,} patients would do."
    ]


def patients_for(members: int, non_members: int, limits: Sequence[Limit]) -> int | None:
    """How many patients, dealt to groups as these, bring the upper end of a silent attack's interval to the strictest limit on
    membership that is asked: the mean end of scores that tell nothing. None where none is asked, or one accepts nothing."""
    shrunk = min(1.0, SIMULATED / (members + non_members))
    m, n = (max(FEWEST_PATIENTS, round(shrunk * count)) for count in (members, non_members))
    draw = np.random.default_rng(0)
    needed = []
    for limit in limits:
        if not limit.asked or limit.statistic not in ("advantage", "tpr_at_10_fpr"):
            continue
        if limit.value <= 0:
            return None
        ends = [_end(limit, draw.normal(size=m), draw.normal(size=n), draw) for _ in range(DRAWS)]
        needed.append((m + n) * (float(np.mean(ends)) / limit.value) ** 2)
    return round_up(math.ceil(max(needed))) if needed else None


def _end(limit: Limit, members: np.ndarray, others: np.ndarray, draw: np.random.Generator) -> float:
    """The upper end beyond chance."""
    if limit.statistic == "advantage":
        return membership_advantage(members, others, draw).interval().high
    return true_positive_rate(members, others, FALSE_POSITIVES).high - FALSE_POSITIVES
