"""A look before all shadow models are trained: where the verdict can no longer change, the others are not trained.

Only *outside* can be said for good by some of them: more networks make attacks stronger, so that what is silent with few may yet
be found, and *within* waits for all. Two looks at growing data would err twice as often. So the level of all tests is dealt out
beforehand (Bonferroni, as alpha spending): `SPENT` of it is for the look, what is left for the end. Whatever the tests are, both
together err no more often than the level says.
"""

from collections.abc import Sequence

from remnant.audit.cells.doses import DOSES
from remnant.audit.cells.piece import PLANTED
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.verdict.judge import verdict_of
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.findings import Control, Finding
from remnant.measure.auc import few
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.swaps import FEWEST_SWAPS

# Networks after which it is looked: of fewer nothing is said of how trainings of one recipe vary.
FIRST = 2 * FEWEST_SWAPS
SPENT = 0.05  # of the level
# What of an audit no look waits for: an exposure needs no planted leak, and a null control not these.
LATER = (PLANTED, DOSES)
ALL = "`early = false` in [shadows] trains them all."
LOOKED = (
    f"After {FIRST} shadow models it was looked whether the verdict could still change. It could: p and lower bounds are of the "
    f"{1 - SPENT:.0%} of the level that this left."
)


def may_end(material: Material, config: AuditConfig) -> bool:
    """Whether there is a look: more networks are to be trained than it takes."""
    return config.shadows.early and material.target.shadows > FIRST


def too_few(material: Material) -> bool:
    """Whether groups are so small that no finding on membership has an interval, which no networks change."""
    return few(len(material.group(MEMBER)), len(material.group(NON_MEMBER)))


def decided(findings: Sequence[Finding], controls: Sequence[Control], config: AuditConfig) -> bool:
    """Whether the model is outside by findings whose p and bounds are of the level that a look has."""
    judged = [one.model_copy(update={"outcome": outcome_of(one, controls)}) for one in findings]
    return verdict_of(config.appetite.limits(config.scenario), judged, controls).ruling == "outside"


def said(asked: int, *, few_patients: bool) -> str:
    """Why fewer networks were trained than were asked for."""
    begun = f"Of {asked} shadow models {FIRST} were trained"
    if few_patients:
        return (
            f"{begun}: no limit on membership is held with fewer than ten in a group, whatever the others tell. {ALL}"
        )
    return (
        f"{begun}: by these the model is outside, whatever the others tell, at {SPENT:.0%} of the level that all tests share. "
        f"{ALL}"
    )
