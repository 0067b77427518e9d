"""The blind baseline: a classifier of members against non-members that never sees the target.

Where it succeeds, the two groups differ by themselves (another scanner, other ages), and what a signal of the target
distinguishes may be that difference and no membership (Das, Zhang and Tramèr 2024, arXiv 2406.16201).
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.blind_ways import RidgeColumns, SingleColumns, fewest_columns, held_out, kernel_columns
from remnant.measure.membership_inference import ALL_ORDERS, MembershipTest, aucs_of, membership_test, orders
from remnant.measure.roles import MEMBER, NON_MEMBER

PARTS = 5  # of the cross-validation
PARTITIONS = 2  # whose out-of-fold scores are averaged
WAYS = 3  # in which a difference is looked for
RESAMPLES = 500
TOGETHER = 2**17  # numbers of the deals that are reckoned together: more do not stay near the processor


def blind_test(
    features: np.ndarray,
    roles: np.ndarray,
    seeds: np.random.Generator,
    resamples: int = RESAMPLES,
    matched: np.ndarray | None = None,
) -> MembershipTest:
    """How well `features` (p, d) of one target's patients, or (targets, p, d), distinguish `roles` (p,) or (targets, p). What is
    NaN is not known: at the mean in the regressions, and left out of its single column.

    A difference is looked for in `WAYS`: by a ridge regression, by one with a kernel, both out of fold in a cross-validation
    stratified by role, in which a patient is in one part alone, and by the single column that differs most. p is of the most
    telling of the three among deals of the patients, in each of which all three are made anew (min-p, Westfall and Young 1993),
    so that it holds whatever the features. One-sided, since with an AUC below 0.5 a regression has found nothing.

    The AUC is of all three together, each out of fold; a difference that one of them sees may leave it near 0.5. Its interval
    is as wide as it is spread in these deals, which is wider than that of independent scores.

    `matched`, int (p,): a number that patients share of whom a design dealt some to either group, such as a pair. Patients held
    out would otherwise leave a surplus of their kind in the other group, so that groups that are alike by design came out below
    0.5. Those of one number are held out together and dealt among each other alone. What pairs leave unlike and a design
    balances on the whole still leans a little, to the safe side of p. Raises `RemnantError` for a group of fewer than two
    patients.
    """
    features = features if features.ndim == 3 else features[None]
    roles = np.atleast_2d(roles)
    if roles.shape != features.shape[:2]:
        raise RemnantError(
            f"Blind features need one role a patient and target. Got {features.shape[:2]} and {roles.shape} instead."
        )
    patients = roles.shape[1]
    matched = np.zeros(patients, dtype=int) if matched is None else np.asarray(matched)
    parts = [np.stack([_parts(own, matched, seeds) for _ in range(PARTITIONS)]) for own in roles]
    ways = [
        (
            RidgeColumns(fewest_columns(full)),
            RidgeColumns(kernel_columns(full, seeds)),
            SingleColumns(own, role, matched),
        )
        for own, full, role in zip(features, np.nan_to_num(features), roles, strict=True)
    ]

    outs = [held_out(role, part) for role, part in zip(roles, parts, strict=True)]

    def told(dealt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of orders (deals, p): how telling each way is, (deals, WAYS), and the scores of all together, (deals, targets, p)."""
        found, largest = [], np.full(len(dealt), -np.inf)
        # The patients stay where they are, and roles and parts are dealt to them.
        place = np.argsort(dealt, axis=1)
        for (linear, kernel, columns), role, out in zip(ways, roles, outs, strict=True):
            own, held = role[place], out[:, place].swapaxes(0, 1)
            scores = [way.scores(own, held) for way in (linear, kernel, columns)]
            found.append(np.stack([np.take_along_axis(each, dealt, axis=1) for each in scores], axis=1))
            largest = np.maximum(largest, columns.largest(own))
        each = np.stack(found, axis=2)  # (deals, WAYS, targets, p)
        together = each / np.maximum(each.std(axis=3, keepdims=True), 1e-12)
        return np.stack([aucs_of(each[:, 0], roles), aucs_of(each[:, 1], roles), largest], axis=1), together.sum(1)

    dealt = np.array([np.arange(patients), *orders(patients, seeds, resamples, matched)])
    width = max(columns.shape[1] for linear, kernel, _ in ways for columns in (linear.columns, kernel.columns))
    side = max(1, min(width, -(-patients // PARTS)))  # of the systems of equations
    at_once = max(1, TOGETHER // (max(patients, side * PARTS) * side))
    batches = np.array_split(dealt, -(-len(dealt) // at_once))
    telling, scores = (np.concatenate(one) for one in zip(*map(told, batches), strict=True))
    found = _telling(telling)
    hits = int((found[1:] <= found[0]).sum())
    m, n = int((roles == MEMBER).sum()), int((roles == NON_MEMBER).sum())
    alone = (m + n + 1) / (12 * m * n)  # of independent scores (Mann and Whitney 1947)
    # Where every deal has the same AUC the features tell nothing, and nothing is known of its spread.
    effect = float(((aucs_of(scores[1:], roles) - 0.5) ** 2).mean()) / alone or 1.0
    test = membership_test(scores[0], roles, seeds, resamples=1, design_effect=effect)
    if patients <= ALL_ORDERS:
        return replace(test, p=hits / (len(dealt) - 1), p_bound=False)
    return replace(test, p=(hits + 1) / (resamples + 1), p_bound=hits == 0)


def _telling(values: np.ndarray) -> np.ndarray:
    """Of `values` (deals, WAYS), higher for more telling, the smallest p of each deal among all, ties by the mean of its p."""
    p = np.stack([stats.rankdata(-column.round(10), "max") for column in values.T], axis=1) / len(values)
    return p.min(1) + 1e-6 * p.mean(1)


def weighed(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and, the unknown at the mean, variance 1, divided so that the block's squares sum to one a patient.

    What is not known stays NaN."""
    known = np.where(np.isfinite(columns).any(0), columns, 0)
    centred = known - np.nanmean(known, axis=0)
    spread = np.nan_to_num(centred).std(0)
    varied = spread > 1e-6
    scaled = np.where(varied, centred / np.where(varied, spread, 1), 0 * centred)
    return scaled / np.sqrt(max(1, varied.sum()))


def _parts(roles: np.ndarray, matched: np.ndarray, seeds: np.random.Generator) -> np.ndarray:
    """Which part of the cross-validation each patient is in, int (p,), as evenly as members and non-members allow.

    Of those of one `matched` number each part takes members and non-members in the same ratio, so that a pair stays together.
    """
    if (fewest := min(int((roles == role).sum()) for role in (MEMBER, NON_MEMBER))) < 2:
        raise RemnantError(
            f"The blind baseline needs two members and two non-members at least. Got {fewest} in one of the groups; add patients."
        )
    kinds = [
        [seeds.permutation(np.flatnonzero((matched == number) & (roles == role))) for role in (MEMBER, NON_MEMBER)]
        for number in seeds.permutation(np.unique(matched))
    ]
    part, sets = np.zeros(len(roles), dtype=int), 0
    for both in kinds:
        # Those who have nobody of their kind in the other group spread over all parts.
        own = min(map(len, both)) or max(map(len, both))
        for group in both:
            part[group] = sets + np.arange(len(group)) % max(own, 1)
        sets += own
    return part % min(PARTS, fewest)
