"""A likelihood ratio by few shadow models, that also tells of a model that was trained otherwise than they were."""

from remnant.attacks.attack import Attack, Calibration
from remnant.attacks.membership.calibrated import NEEDS, calibrating, shadowed
from remnant.attacks.membership.parts import BORDER
from remnant.attacks.membership.references import NORMAL
from remnant.measure.hierarchical import hierarchical
from remnant.measure.image_share import weighed

# That which is named before the run first.
_BOTH = (
    Calibration("{}, image and shifts weighed, hierarchical", weighed, (*NORMAL, BORDER), queries=True),
    Calibration("{}, hierarchical", hierarchical, (*NORMAL, BORDER)),
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
