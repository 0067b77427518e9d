"""The control of doses: whether networks are told more of who trained them the more they were trained."""

from collections.abc import Sequence

from remnant.audit.findings.controls import CONTROL_LEVEL
from remnant.base.findings import Control
from remnant.base.texts import enumerated, p_said
from remnant.measure.doses import DoseTrend

SATURATED = 0.95  # an AUC from which on little more can be told


def dose_control(times: Sequence[float], trend: DoseTrend, patients: int) -> Control:
    """Of doses of so many `times` the training, by their `trend` over so many `patients`.

    It passes where AUCs rise with p of at most `CONTROL_LEVEL`, and fails where they fall as surely: what is told is then not
    what training leaves. None else: the training may leave nothing at any dose, or all of it at the least.
    """
    passed = True if trend.p <= CONTROL_LEVEL else False if trend.p >= 1 - CONTROL_LEVEL and _apart(trend) else None
    aucs = enumerated([f"{auc:.2f}" for auc in trend.aucs])
    what = f"mean AUC {aucs} at {enumerated([f'{one:g}' for one in times])} times the training, {trend.networks} networks each"
    if passed:
        sentence = f"Who trained a network is told better the more it was trained ({what}; {p_said(trend.p)})."
    elif passed is False:
        sentence = (
            f"Who trained a network is told worse the more it was trained ({what}; one-sided {p_said(trend.p)}): what tells "
            "them is perhaps not what training leaves."
        )
    elif trend.aucs.min() >= SATURATED:
        sentence = f"Who trained a network is told by the least training already ({what}): little more can be told."
    else:
        sentence = f"Who trained a network is told no better the more it was trained ({what}; {p_said(trend.p)})."
    return Control(
        kind="dose", claim="patient_scores", value=None, p=trend.p, n=patients, passed=passed, sentence=sentence
    )


def _apart(trend: DoseTrend) -> bool:
    """Whether the AUCs differ at all."""
    return trend.aucs.max() > trend.aucs.min()
