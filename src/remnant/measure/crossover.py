"""The effect of a role that every patient had once and once not, each time under another training: a crossover.

A patient's two values come from two folds, and one fold's network may be easier to attack than another's. A value is patient plus
fold plus role: the patient falls out of the difference of the two, the folds are fitted.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from remnant.base.errors import RemnantError
from remnant.measure.intervals import EXACT_PATIENTS, FEWEST_PATIENTS, Difference, detectable_noncentrality, per_patient

RESAMPLES = 100_000  # so that the smallest p-value survives Holm over all rows of a table


@dataclass(frozen=True, kw_only=True)
class RoleEffect(Difference):
    """Member minus non-member, in so many `trainings`."""

    trainings: int


def role_effect(
    differences: np.ndarray,
    member_folds: np.ndarray,
    other_folds: np.ndarray,
    seeds: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> RoleEffect:
    """The mean of `differences` (n,), member minus non-member, with effects of the folds (n,) of the two values.

    Least squares. p, two-sided, exchanges the two roles within patients: signs of the residuals under the null model are flipped
    and the studentised effect is fitted again (Freedman and Lane 1983; Winkler et al. 2014). All 2^n flips up to 16 patients,
    else Monte Carlo, hits + 1 over resamples + 1 (Phipson and Smyth 2010). The interval is Student's t. It is about patients in
    these very trainings: how much another training would leak, no one repeat of the folds can say. Below `FEWEST_PATIENTS`
    there is none (NaN). Where roles and folds cannot be told apart all is NaN but the counts. Nothing depends on the order of the
    patients. Raises `RemnantError` for values that are not finite and for shapes that differ.
    """
    d = per_patient(differences, "differences")
    folds = np.stack([np.asarray(member_folds, dtype=int), np.asarray(other_folds, dtype=int)])
    if folds.shape != (2, len(d)):
        raise RemnantError(f"Each of {len(d)} differences needs the folds of both values. Got {folds.shape} instead.")
    order = np.lexsort((d, folds[1], folds[0]))
    d, folds = d[order], folds[:, order]
    n, names = len(d), np.unique(folds)
    nothing = RoleEffect(n=n, trainings=len(names))
    if n == 0:
        return nothing
    design = (folds[0][:, None] == names).astype(float) - (folds[1][:, None] == names)
    basis = _basis(design)
    role = np.ones(n) - basis @ basis.sum(0)
    if role @ role < 1e-9 * n:
        return nothing
    freedom = n - basis.shape[1] - 1
    null = d - basis @ (basis.T @ d)
    both = np.column_stack([basis, role / math.sqrt(role @ role)])
    effect = float(role @ d / (role @ role))
    # Flipped residuals keep their length, so that the fit alone says what is left.
    length = null @ null
    exact = n <= EXACT_PATIENTS
    if exact:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = 1.0 - 2.0 * seeds.integers(0, 2, (resamples, n), dtype=np.int8)
    seen, dealt = (_statistic(s, null, role, both, length, freedom) for s in (np.ones((1, n)), signs))
    hits = int((dealt >= seen[0] * (1 - 1e-9)).sum())
    p = hits / 2**n if exact else (hits + 1) / (resamples + 1)
    low = high = detectable = math.nan
    if freedom > 0:
        error = math.sqrt(max(length - float(((null @ both) ** 2).sum()), 0.0) / freedom / (role @ role))
        detectable = detectable_noncentrality(freedom, alpha=1 - level) * error
        if n >= FEWEST_PATIENTS:
            reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
            low, high = effect - reach, effect + reach
    return replace(
        nothing, difference=effect, low=low, high=high, p=p, p_bound=not exact and hits == 0, detectable=detectable
    )


def _basis(design: np.ndarray) -> np.ndarray:
    """An orthonormal basis (n, rank) of the columns of `design` (n, k)."""
    left, values, _ = np.linalg.svd(design, full_matrices=False)
    return left[:, values > 1e-9 * max(values.max(initial=0.0), 1.0)]


def _statistic(
    signs: np.ndarray, null: np.ndarray, role: np.ndarray, both: np.ndarray, length: float, freedom: int
) -> np.ndarray:
    """The size of the effect (r,) under each deal of the roles (r, n), studentised where anything is left to scale it by."""
    effects = np.abs(signs @ (null * role))
    if freedom < 1:
        return effects
    left = length - ((signs @ (null[:, None] * both)) ** 2).sum(1)
    return effects / np.sqrt(np.maximum(left, 1e-12 * max(length, 1e-300)))
