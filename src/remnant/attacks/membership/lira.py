"""LiRA: is the model's fit of an image likelier under models that trained on it, or under those that did not?"""

from remnant.attacks.attack import Attack, Calibration
from remnant.attacks.membership.calibrated import NEEDS, calibrating, shadowed
from remnant.attacks.membership.references import NORMAL
from remnant.measure.lira import lira, lira_offline, lira_queries

_ALL = (
    Calibration("{}, LiRA online", lira, NORMAL),
    Calibration("{}, LiRA offline", lira_offline, NORMAL),
    Calibration("{} over shifts, LiRA online", lira_queries, NORMAL, queries=True),
)
LIRA = Attack(
    "lira",
    "the likelihood of the model's fit under shadow models with the patient against those without (LiRA)",
    access="outputs",
    claim="patient_scores",
    run=calibrating(_ALL),
    source="Carlini et al. 2022, arXiv 2112.03570",
    applies=shadowed,
    needs=NEEDS,
    shadows=True,
    calibrations=_ALL,
)
