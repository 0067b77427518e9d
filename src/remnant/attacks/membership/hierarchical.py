"""A likelihood ratio by few shadow models, that also tells of a model that was trained otherwise than they were."""

import numpy as np

from remnant.attacks.attack import Attack, Calibration
from remnant.attacks.membership.calibrated import NEEDS, calibrating, shadowed
from remnant.attacks.membership.references import NORMAL
from remnant.measure.hierarchical import hierarchical


def _mean_over_shifts(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    return hierarchical(fit.mean(1), fits.mean(2), trained)


_BOTH = (
    Calibration("{}, hierarchical", hierarchical, NORMAL),
    Calibration("{}, mean over shifts, hierarchical", _mean_over_shifts, NORMAL, queries=True),
)
HIERARCHICAL = Attack(
    "hierarchical",
    "a likelihood ratio of membership that learns from all patients what few shadow models cannot tell of one",
    access="outputs",
    claim="patient_scores",
    run=calibrating(_BOTH),
    source="ours, after Carlini et al. 2022 and Smyth 2004",
    applies=shadowed,
    needs=NEEDS,
    primary=True,
    shadows=True,
    calibrations=_BOTH,
)
