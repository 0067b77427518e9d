"""RMIA: how much likelier is an image under the model than under models at large?"""

import numpy as np

from remnant.attacks.attack import Attack, Calibrated, Calibration
from remnant.attacks.membership.calibrated import NEEDS, calibrating, shadowed
from remnant.attacks.membership.references import PROBABILITIES
from remnant.measure.rmia import rmia


def _of(signal: str, *, online: bool) -> Calibrated:
    probability = PROBABILITIES[signal]

    def score(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
        return rmia(probability(fit), probability(fits), trained, online=online)

    return score


_BOTH = tuple(
    Calibration(f"{{}}, RMIA {how}", _of(signal, online=how == "online"), (signal,))
    for how in ("online", "offline")
    for signal in PROBABILITIES
)
RMIA = Attack(
    "rmia",
    "the probability that the model gives to the truth against that of models at large (RMIA)",
    access="outputs",
    claim="patient_scores",
    run=calibrating(_BOTH),
    source="Zarifzadeh et al. 2024, arXiv 2312.03262",
    applies=shadowed,
    needs=NEEDS,
    shadows=True,
    calibrations=_BOTH,
)
