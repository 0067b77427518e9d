"""BaVarIA: LiRA with the variances and means of few shadow models drawn towards those of all images."""

from remnant.attacks.attack import Attack, Calibration
from remnant.attacks.membership.calibrated import NEEDS, calibrating, shadowed
from remnant.attacks.membership.references import NORMAL
from remnant.measure.bavaria import bavaria, bavaria_offline

_BOTH = (
    Calibration("{}, BaVarIA online", bavaria, NORMAL),
    Calibration("{}, BaVarIA offline", bavaria_offline, NORMAL),
)
BAVARIA = Attack(
    "bavaria",
    "the likelihood under shadow models with variances drawn towards those of all patients (BaVarIA)",
    access="outputs",
    claim="patient_scores",
    run=calibrating(_BOTH),
    source="Brännvall 2026, arXiv 2603.11799; priors of means ours",
    applies=shadowed,
    needs=NEEDS,
    shadows=True,
    calibrations=_BOTH,
)
