"""The blind baseline: a classifier of members against non-members that never sees the target.

Where it succeeds, the two groups differ by themselves (another scanner, other ages), and what a signal of the target
distinguishes may be that difference and no membership (Das, Zhang and Tramèr 2024, arXiv 2406.16201).
"""

from dataclasses import replace

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.membership_inference import (
    MEMBER,
    NON_MEMBER,
    MembershipTest,
    auc_of,
    dealt_again,
    membership_test,
)

PARTS = 5  # of the cross-validation
PARTITIONS = 2  # whose out-of-fold scores are averaged
RIDGE = 1.0
RESAMPLES = 500


def blind_test(
    features: np.ndarray,
    roles: np.ndarray,
    seeds: np.random.Generator,
    resamples: int = RESAMPLES,
    matched: np.ndarray | None = None,
) -> MembershipTest:
    """How well `features` (p, d) of one target's patients, or (targets, p, d), distinguish `roles` (p,) or (targets, p).

    Scores are those of a ridge regression on the role, out of fold in a cross-validation stratified by role, in which a
    patient is in one part alone. p is of an AUC this high: the patients are dealt anew and the regression is fitted anew, so
    that it holds whatever the features. One-sided, since with an AUC below 0.5 the regression has found nothing. The interval
    is as wide as the AUC of these deals is spread, which is wider than that of independent scores.

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
    parts = [[_parts(own, matched, seeds) for _ in range(PARTITIONS)] for own in roles]

    def scores(order: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                np.mean([_out_of_fold(own[order], role, part) for part in partitions], axis=0)
                for own, role, partitions in zip(features, roles, parts, strict=True)
            ]
        )

    dealt = dealt_again(lambda order: auc_of(scores(order), roles), patients, seeds, resamples, matched)
    m, n = int((roles == MEMBER).sum()), int((roles == NON_MEMBER).sum())
    alone = (m + n + 1) / (12 * m * n)  # of independent scores (Mann and Whitney 1947)
    # Where every deal has the same AUC the features tell nothing, and nothing is known of its spread.
    effect = float(np.square(dealt.values - 0.5).mean()) / alone or 1.0
    found = membership_test(scores(np.arange(patients)), roles, seeds, resamples=1, design_effect=effect)
    return replace(found, p=dealt.p, p_bound=dealt.p_bound)


def weighed(columns: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1, the unknown at the mean, divided so that the block's squares sum to one a patient."""
    known = np.where(np.isfinite(columns).any(0), columns, 0)
    centred = np.nan_to_num(known - np.nanmean(known, axis=0))
    spread = centred.std(0)
    varied = spread > 1e-6
    return np.where(varied, centred / np.where(varied, spread, 1), 0) / np.sqrt(max(1, varied.sum()))


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


def _out_of_fold(features: np.ndarray, roles: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Scores (p,) by a ridge regression that was fitted without the patient's part; 0 for who is neither."""
    scores = np.zeros(len(roles))
    taken = np.isin(roles, (MEMBER, NON_MEMBER))
    for one in np.unique(part[taken]):
        fitted, left = taken & (part != one), taken & (part == one)
        mean, truth = features[fitted].mean(0), roles[fitted] - roles[fitted].mean()
        centred = features[fitted] - mean
        # In the space of patients or of features, whichever is smaller.
        if fitted.sum() < features.shape[1]:
            weights = centred.T @ np.linalg.solve(centred @ centred.T + RIDGE * np.eye(len(centred)), truth)
        else:
            weights = np.linalg.solve(centred.T @ centred + RIDGE * np.eye(features.shape[1]), centred.T @ truth)
        scores[left] = (features[left] - mean) @ weights
    return scores
