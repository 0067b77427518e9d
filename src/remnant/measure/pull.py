"""Do images that claim to show nobody in particular lie nearer to a model's members than to others?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.linalg import block_diag

from remnant.base.errors import RemnantError
from remnant.measure.auc import few
from remnant.measure.intervals import RESAMPLES

THINNINGS = 50  # random subsets of each set of candidates
DEALS = 2000  # and at least `PER_LEVEL` / alpha, so that the smallest p-value lies well below the level
PER_LEVEL = 5
MISSES = 12  # natural logarithm of how seldom none of the nearest is chosen
TOGETHER = 64  # deals that are counted at a time
HITS = 20  # deals as extreme as what was seen, after which no more are made
NEAREST = 1e-6  # a distance is no smaller: single precision knows no nearer


@dataclass(frozen=True)
class Pull:
    """`difference` between the nearest member's and the nearest non-member's similarity, averaged over `drawn` images.

    `p`: one-sided, how often as much comes of dealing the same patients to the two groups anew; `detectable`: what it
    would have had to be to fall below p = 0.05.
    """

    difference: float
    p: float
    detectable: float
    drawn: int
    members: int
    non_members: int


def membership_pull(
    scores: np.ndarray,
    member: np.ndarray,
    seeds: np.random.Generator,
    control: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> Pull:
    """The pull of `scores` (k, m), images against patients (higher is more alike), where `member` (m,) is boolean.

    With `control` (l, m), what those images are pulled is taken off. The patient is dealt anew, not the image, since the
    images share the patients. p is (hits + 1) / (resamples + 1) (Phipson and Smyth 2010). Raises `RemnantError` for
    scores that are not finite and where a group is empty.
    """
    scores, member = np.asarray(scores, dtype=float), np.asarray(member, dtype=bool)
    parts = [scores] if control is None else [scores, np.asarray(control, dtype=float)]
    if not all(part.ndim == 2 and part.shape[1:] == member.shape and np.isfinite(part).all() for part in parts):
        raise RemnantError(
            "The pull needs finite scores (images, patients) and a group for each patient. Got shapes "
            f"{[part.shape for part in parts]} and {member.shape} instead."
        )
    if not (member.any() and (~member).any()) or not all(len(part) for part in parts):
        raise RemnantError("The pull needs images, members and non-members; one of them is missing.")

    def pull(members: np.ndarray) -> float:
        pulls = [(part[:, members].max(1) - part[:, ~members].max(1)).mean() for part in parts]
        return float(pulls[0] - sum(pulls[1:]))

    observed = pull(member)
    dealt = np.array([pull(seeds.permutation(member)) for _ in range(resamples)])
    hits = int((dealt >= observed - 1e-12).sum())
    return Pull(
        observed,
        (hits + 1) / (resamples + 1),
        float(np.quantile(dealt, 0.95)),
        len(scores),
        int(member.sum()),
        int((~member).sum()),
    )


@dataclass(frozen=True)
class Gain:
    """By which share members' distance to the nearest candidate fell more than non-members' did, from a control to an attack.

    0 where both groups gain alike, negative where non-members gain more. `low`, `high`, the one-sided `p` that members gain more,
    and the `detectable` gain (80% power) take in that other patients and other draws of candidates would have given another; NaN
    where these cannot be told. `candidates`: so many of either were compared. `p_bound`: p is at most this, since no deal was as
    extreme. `least`: the lower end of the interval at 1 - alpha, which holds for all that is looked at together.
    """

    gain: float
    low: float
    high: float
    p: float
    detectable: float
    candidates: int
    p_bound: bool = False
    least: float = math.nan


def gain_beyond(
    attack: tuple[np.ndarray, np.ndarray],
    control: tuple[np.ndarray, np.ndarray],
    seeds: np.random.Generator,
    *,
    patients: tuple[Sequence[str], Sequence[str]] | None = None,
    level: float = 0.95,
    alpha: float = 0.025,
    thinnings: int = THINNINGS,
) -> Gain:
    """The gain of an attack's candidates on those of a control that never saw what the attack is said to use.

    Each is a pair of similarities of its candidates (rows) with the same images of members (columns) and of non-members; at
    most 1. `patients` are whom these show; None: every column is somebody else. A patient's score is -log of the distance,
    1 - similarity, of the nearest of k candidates, mean over his images and over random subsets of k, the same k on both
    sides: whoever draws more comes nearer. His gain is the attack's score less the control's, and the
    gain 1 - exp(-d), d being the members' mean less the non-members'. The logarithm, since candidates who all lie nearer, or a
    group that lies apart from everything, change distances by a factor, which then falls out.

    p is the larger of two exact ones, since an attack that knows nobody may be one of two things. Either its candidates are
    further draws of the control: then as many, taken at random from those of both, pull members beyond the rest as much, however
    far members stand apart. Or they are other images, but no patient is special to them: then the patients' gains may be dealt to
    the two groups anew. Each alone errs under the other: dealing patients alone flags 12% of simulated audits where members stand
    apart. Random deals end at `HITS` hits (Besag and Clifford 1991), or when they are enough for a p below `alpha`: the one-sided
    level that a single p must reach among all that is looked at together. Where few members
    are copied among many candidates it has little power after Holm over many rows: its silence is no clearance.

    The interval is by t with Welch's degrees of freedom. Var(d) = s_m^2 / m + s_n^2 / n + t^2 (k / a + k / c): the patients'
    variances in both groups, and that of drawing k candidates, t^2, from the control's subsets (corrected for a finite pool), for
    `a` and `c` candidates. k is at most half of the control's candidates, so that t can be told. `detectable` is what that
    t-test would have shown at `alpha`. With a group of fewer than `intervals.FEWEST` the interval is NaN: t is no exact one.

    Raises `RemnantError` for similarities that are not finite or do not have the same patients.
    """
    (a, b), (c, d) = (tuple(np.asarray(part, dtype=float) for part in pair) for pair in (attack, control))
    if not all(part.ndim == 2 and np.isfinite(part).all() for part in (a, b, c, d)) or (
        (a.shape[1], b.shape[1]) != (c.shape[1], d.shape[1]) or len(a) != len(b) or len(c) != len(d)
    ):
        raise RemnantError(
            "A gain needs finite similarities (candidates, images), the same images under both attacks. Got shapes "
            f"{[part.shape for part in (a, b, c, d)]} instead."
        )
    means = [_by_patient(whose) for whose in patients or (range(a.shape[1]), range(b.shape[1]))]
    if [len(part) for part in means] != [a.shape[1], b.shape[1]]:
        raise RemnantError(f"Each image needs its patient. Got {[len(part) for part in means]} names instead.")
    (m, n), size = (part.shape[1] for part in means), min(len(a), len(c) // 2)
    if min(m, n, size) == 0:
        return Gain(*[math.nan] * 5, size)
    both = block_diag(*means)
    own, other = (_thinned(np.hstack(pair), size, seeds, thinnings) @ both for pair in ((a, b), (c, d)))
    gains = own.mean(0) - other.mean(0)
    shift = float(gains[:m].mean() - gains[m:].mean())
    if min(m, n) == 1:
        return Gain(-math.expm1(-shift), *[math.nan] * 4, size)
    parts = _variances(gains, m)
    by_draws = _of_a_draw(other, m) / (1 - size / len(c)) * (size / len(a) + size / len(c))
    variance = sum(parts) + by_draws
    if variance == 0:
        return Gain(-math.expm1(-shift), *[math.nan] * 4, size)
    groups, deals = np.where(np.arange(m + n) < m, 1 / m, -1 / n), max(DEALS, math.ceil(PER_LEVEL / alpha))
    drawn = np.arange(len(a) + len(c)) < len(a)
    beyond = _beyond(_distances(np.vstack([np.hstack([a, b]), np.hstack([c, d])])), both @ groups)
    p, exact = max(
        _dealt(shift, groups, lambda dealt: dealt @ gains, seeds, deals),
        _dealt(float(beyond(drawn[None])[0]), drawn, beyond, seeds, deals),
    )
    freedom = variance**2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (n - 1) + by_draws**2 / (thinnings - 1))
    error, t = math.sqrt(variance), stats.t(freedom)
    reach, farthest = (math.nan if few(m, n) else t.ppf((1 + one) / 2) * error for one in (level, 1 - alpha))
    return Gain(
        *(-math.expm1(-end) for end in (shift, shift - reach, shift + reach)),
        p,
        -math.expm1(-(t.ppf(1 - alpha) + t.ppf(0.8)) * error),
        size,
        not exact,
        -math.expm1(-(shift - farthest)),
    )


def _dealt(
    seen: float,
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seeds: np.random.Generator,
    deals: int,
) -> tuple[float, bool]:
    """One-sided p of what was `seen` among random deals of `values` (n,), and whether it is exact: without a hit it is no more
    than a bound. `statistic`: of several deals (r, n), (r,)."""
    hits = 0
    for made in range(0, deals, TOGETHER):
        before = seeds.bit_generator.state
        dealt = np.array([seeds.permutation(values) for _ in range(min(TOGETHER, deals - made))])
        reached = hits + np.cumsum(statistic(dealt) >= seen - 1e-12)
        hits = int(reached[-1])
        if hits >= HITS:
            last = int(np.searchsorted(reached, HITS)) + 1
            # As if no more had been drawn: how many are dealt together changes nothing that is drawn later.
            seeds.bit_generator.state = before
            for _ in range(last):
                seeds.permutation(values)
            return HITS / (made + last), True
    return (hits + 1) / (deals + 1), hits > 0


def _beyond(logs: np.ndarray, weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """How much more the candidates of each mask (r, candidates) pull than all others do, (r,): weighted sums over images of the
    nearest of `logs` (candidates, images)."""
    order, columns = np.argsort(-logs, axis=0), np.arange(logs.shape[1])

    def nearest(taken: np.ndarray) -> np.ndarray:
        # Of many, some of the nearest of all are among them for every image, but for rare misses.
        top = min(math.ceil(MISSES * len(logs) / taken[0].sum()), len(logs))
        hits = taken[:, order[:top].T]
        found = logs[order[hits.argmax(2), columns], columns]
        for missed in np.flatnonzero(~hits.any(2).all(1)):
            found[missed] = logs[taken[missed]].max(0)
        return found

    return lambda taken: (nearest(taken) - nearest(~taken)) @ weights


def _distances(similarities: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the distances: higher is nearer."""
    return -np.log(np.maximum(1 - similarities, NEAREST))


def _thinned(similarities: np.ndarray, size: int, seeds: np.random.Generator, thinnings: int) -> np.ndarray:
    """Each image's score (subsets, images) by subsets of `size` candidates; where that is all of them, by the one."""
    logs = _distances(similarities)
    if size == len(logs):
        return logs.max(0, keepdims=True)
    return np.stack([logs[seeds.permutation(len(logs))[:size]].max(0) for _ in range(thinnings)])


def _by_patient(whose: Sequence) -> np.ndarray:
    """What takes the mean over each patient's images: (images, patients), patients in the order of their first image."""
    names = {name: place for place, name in enumerate(dict.fromkeys(whose))}
    found = np.zeros((len(whose), len(names)))
    found[np.arange(len(whose)), [names[name] for name in whose]] = 1
    return found / np.maximum(found.sum(0), 1)


def _variances(scores: np.ndarray, members: int) -> tuple[float, float]:
    """Of the members' mean, and of the others', as far as patients (..., p) do not hang together."""
    m, n = members, scores.shape[-1] - members
    own, others = scores[..., :m].var(-1, ddof=1) / m, scores[..., m:].var(-1, ddof=1) / n
    return float(own.mean()), float(others.mean())


def _of_a_draw(scores: np.ndarray, members: int) -> float:
    """Variance of the members' mean less the others' over draws (subsets, p) that is more than single patients' luck."""
    pulls = scores[:, :members].mean(1) - scores[:, members:].mean(1)
    return max(0.0, float(pulls.var(ddof=1)) - sum(_variances(scores - scores.mean(0), members)))
