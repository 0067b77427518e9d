"""How the blind baseline looks for a difference: by a ridge regression, by one with a kernel, and by single columns."""

from functools import cached_property

import numpy as np
from scipy import special, stats

from remnant.measure.roles import MEMBER, NON_MEMBER

RIDGE = 1.0
LANDMARKS = 50  # patients that a kernel is written in


def kernel_columns(features: np.ndarray, seeds: np.random.Generator) -> np.ndarray:
    """Columns (p, at most `LANDMARKS`) whose products are a Gaussian kernel of `features` (p, d), as wide as patients are apart.

    A ridge regression on them sees what is not linear, such as that members are of middle age or that two traits go together
    (Williams and Seeger 2001, NIPS 13). Exact for as many patients as there are landmarks.
    """
    width = 2 * features.var(0).sum()  # mean squared distance of two patients
    at = features[seeds.permutation(len(features))[:LANDMARKS]]
    squares = (features**2).sum(1)[:, None] - 2 * features @ at.T + (at**2).sum(1)
    between = (at**2).sum(1)[:, None] - 2 * at @ at.T + (at**2).sum(1)
    values, vectors = np.linalg.eigh(np.exp(-between / max(width, 1e-12)))
    kept = values > 1e-8 * values[-1]
    return np.exp(-squares / max(width, 1e-12)) @ vectors[:, kept] / np.sqrt(values[kept])


def fewest_columns(features: np.ndarray) -> np.ndarray:
    """The same products of patients in no more columns than there are patients."""
    if features.shape[1] <= len(features):
        return features
    left, values, _ = np.linalg.svd(features, full_matrices=False)
    return left * values


def held_out(roles: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Who is held out at a time, 0 or 1 (partitions times parts, p), of those who are members or non-members.

    `parts`: the part of each patient, (partitions, p)."""
    taken = roles != 0
    held = np.concatenate([(part == np.arange(part.max() + 1)[:, None]) & taken for part in parts])
    return held[held.any(1)].astype(float)


class RidgeColumns:
    """Ridge regressions on `columns` (p, d). What does not depend on who is fitted is reckoned once."""

    def __init__(self, columns: np.ndarray) -> None:
        self.columns = columns
        self.centred = columns - columns.mean(0)

    @cached_property
    def weights(self) -> np.ndarray:
        """From what patients are to the weights of all of them, (d, p)."""
        square = self.centred.T @ self.centred + RIDGE * np.eye(self.columns.shape[1])
        return np.linalg.solve(square, self.centred.T)

    @cached_property
    def hat(self) -> np.ndarray:
        """From what patients are to what these weights say of each, (p, p): not asked for of many patients in few columns."""
        return self.centred @ self.weights + 1 / len(self.columns)

    def scores(self, roles: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Scores (deals, p) by regressions of the `roles` (deals, p), each fitted without those who are `held` (deals, parts, p)
        out of it, in every partition each patient once."""
        fitted = np.abs(roles)[:, None] - held
        mean = fitted @ self.columns / fitted.sum(2)[:, :, None]
        # Those of a part, the largest as long as it is; where others are shorter, of whom nothing is counted.
        places = np.argsort(held == 0, axis=2, kind="stable")[:, :, : int(held.sum(2).max())]
        counted = np.take_along_axis(held, places, axis=2)
        few = places.shape[2] < self.columns.shape[1] and bool(roles.all())
        weights = (self._taken_out if few else self._fitted)(roles, held, places, counted)
        return (held * (weights @ self.columns.T - (weights * mean).sum(2)[:, :, None])).sum(1)

    def _taken_out(self, roles: np.ndarray, held: np.ndarray, places: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Weights (deals, parts, d), from those of all patients less what the held out add to them (Woodbury's identity): systems
        of as many equations as a part has patients, where everybody is a member or a non-member."""
        centred = roles - roles.mean(1, keepdims=True)
        missed = np.take_along_axis((centred - centred @ self.hat)[:, None], places, axis=2) * counted
        own = self.hat[places[..., :, None], places[..., None, :]] * (counted[..., :, None] * counted[..., None, :])
        added = np.zeros(held.shape)
        np.put_along_axis(
            added, places, np.linalg.solve(np.eye(own.shape[-1]) - own, missed[..., None])[..., 0], axis=2
        )
        return (centred @ self.weights.T)[:, None] - added @ self.weights.T

    def _fitted(self, roles: np.ndarray, held: np.ndarray, places: np.ndarray, counted: np.ndarray) -> np.ndarray:
        """Weights (deals, parts, d), each of its own equations."""
        taken = np.abs(roles)
        fitted = taken[:, None] - held
        rows = self.columns[places] * counted[..., None]
        own = rows.swapaxes(2, 3) @ rows
        # What is fitted is what all have less what the part has, and a partition's parts are all.
        every = own.sum(1) / (held.sum((1, 2)) / taken.sum(1))[:, None, None]
        count = fitted.sum(2)
        mean = fitted @ self.columns / count[:, :, None]
        spread = every[:, None] - own
        spread -= (count[:, :, None] * mean)[:, :, :, None] * mean[:, :, None, :]
        spread += RIDGE * np.eye(self.columns.shape[1])
        truth = fitted * (roles[:, None] - (fitted @ roles[:, :, None]) / count[:, :, None])
        return np.linalg.solve(spread, (truth @ self.columns)[..., None])[..., 0]


class SingleColumns:
    """Each of `features` (p, d) alone, by its ranks and, where it has more than two values, by those of its distance from its
    median: ages that lie lower, and ages that lie closer together. Both are of those of whom the column is known, NaN else, so
    that the many of whom it is not drown nothing; that they are many in one of the groups another column has to say.

    A column counts by its variance, as in the ridge regression, so that of two blocks that weigh the same, each of them as
    much as its share of all columns allows, the one of few columns does not drown in the other. `matched` as in `blind_test`.
    """

    def __init__(self, features: np.ndarray, roles: np.ndarray, matched: np.ndarray) -> None:
        known = np.isfinite(features)
        features = np.where(known.any(0), features, 0)  # of a column of which nothing is known
        away = np.abs(features - np.nanmedian(features, axis=0))
        several = np.array([len(np.unique(column[np.isfinite(column)])) > 2 for column in features.T], dtype=bool)
        ranks = stats.rankdata(np.hstack([features, away[:, several]]), axis=0, nan_policy="omit")
        known, spreads = np.isfinite(ranks), np.nan_to_num(features).var(0)
        ranks = np.nan_to_num(ranks)
        weight = np.concatenate([spreads, spreads[several]])
        _, kind = np.unique(matched, return_inverse=True)
        is_kind = np.eye(kind.max() + 1)[kind]  # (p, kinds)
        of_kind = is_kind / np.bincount(kind)
        means = (is_kind.T @ ranks) / np.maximum(is_kind.T @ known, 1)
        centred = np.where(known, ranks - means[kind], 0)
        # Those of one kind change places with each other alone; the variance of a sum over such deals.
        contrast = _contrast(roles)
        spread = contrast - (of_kind.T @ contrast)[kind]
        free = np.maximum(np.bincount(kind) - 1, 1)
        within = np.array([(spread[kind == one] ** 2).sum() for one in range(len(free))]) / free
        variance = (within[kind][:, None] * centred**2).sum(0)
        varied = (variance > 1e-9 * len(ranks)) & (weight > 0)
        self.columns = centred[:, varied] / np.sqrt(variance[varied])
        self.weight = np.log(weight[varied])

    def largest(self, roles: np.ndarray) -> np.ndarray:
        """Of each of `roles` (..., p) minus the logarithm of the smallest p of a column, each divided by its weight; minus
        infinity without columns."""
        return self._of(_contrast(roles) @ self.columns).max(-1, initial=-np.inf)

    def scores(self, roles: np.ndarray, held: np.ndarray) -> np.ndarray:
        """As of `RidgeColumns`, by the column that distinguishes those who are not held out most."""
        if not len(self.weight):
            return np.zeros(roles.shape)
        fitted = np.abs(roles)[:, None] - held
        contrast = _contrast(fitted * roles[:, None])
        z = contrast @ self.columns
        squares = fitted @ self.columns**2 / fitted.sum(2, keepdims=True)
        told = self._of(z / np.sqrt(squares * (contrast**2).sum(2, keepdims=True) + 1e-30))
        best = told.argmax(2)
        sign = np.sign(np.take_along_axis(z, best[:, :, None], axis=2))
        return (held * sign * self.columns.T[best]).sum(1)

    def _of(self, z: np.ndarray) -> np.ndarray:
        return self.weight - special.log_ndtr(-np.abs(z))


def _contrast(roles: np.ndarray) -> np.ndarray:
    """What makes of values the mean of members less that of non-members; `roles` (..., p)."""
    members, others = roles == MEMBER, roles == NON_MEMBER
    return members / np.maximum(members.sum(-1, keepdims=True), 1) - others / np.maximum(
        others.sum(-1, keepdims=True), 1
    )
