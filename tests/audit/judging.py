"""Findings, controls and a limit for tests of the rule of verdicts."""

from remnant.audit.verdict.outcome import outcome_of
from remnant.base.findings import Control, Finding, Limit

LIMIT = Limit(name="membership_advantage", statistic="advantage", value=0.05, origin="a test")


def finding(**changed):
    values = {
        "target": "model",
        "attack": "output",
        "view": "margin",
        "claim": "patient_scores",
        "criterion": "inference",
        "statistic": "advantage",
        "group": "members against non-members",
        "n": 200,
        "value": 0.3,
        "low": 0.2,
        "high": 0.4,
        "bound_low": 0.15,
        "null": 0.0,
        "p": 0.001,
        "adjusted_p": 0.01,
    }
    return Finding(**(values | changed))


SILENT = {"value": 0.0, "low": -0.1, "high": 0.1, "bound_low": -0.12, "p": 0.9, "adjusted_p": 1.0}
CLEAR = SILENT | {"low": -0.02, "high": 0.04}


def control(kind="blind", passed=True, attack=""):
    return Control(kind=kind, attack=attack, value=0.5, n=200, passed=passed, sentence=f"{kind} {passed}.")


SOUND = (control("blind"), control("planted", attack="output"))


def told(found, controls=SOUND):
    return found.model_copy(update={"outcome": outcome_of(found, controls)})


RECIPE = {True: control("recipe", True, "output"), None: control("recipe", None, "output")}
