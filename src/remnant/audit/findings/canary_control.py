"""The control of canaries: patients with exchanged labels, whom an attack must find among networks that some of them trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from remnant.audit.findings.controls import PLANTED_AUC, PLANTED_LEVEL, auc_said
from remnant.audit.findings.rows import named
from remnant.base.findings import Control
from remnant.base.texts import p_said
from remnant.measure.swaps import SwapTest

# Of the loss under networks without them, up to which they were learned by heart: the dose of planted members. On radiographs
# attacks find those at three hundredths with an AUC of 0.84 to 0.94, and at six tenths with one of 0.65 at the best.
LEARNED = 0.1


@dataclass(frozen=True)
class CanaryLosses:
    """Mean cross-entropies in nats of so many `canaries` under exchanged labels, of `networks` that they trained (`inside`) and
    that they did not (`outside`)."""

    canaries: int
    networks: int
    inside: float
    outside: float

    @property
    def learned(self) -> bool:
        """Whether the training learned them by heart, so that there is something to find."""
        return self.inside <= LEARNED * self.outside

    @property
    def said(self) -> str:
        """In words, to follow who they are."""
        return (
            f"{self.canaries} in {self.networks} networks, {self.canaries // 2} in each; loss {self.inside:.2g}, without them "
            f"{self.outside:.2g}"
        )


def canary_control(attack: str, views: Sequence[SwapTest], known: CanaryLosses) -> Control:
    """Whether an attack finds the canaries, by `swap_test` of each of its `views`: under which networks they were trained on.

    It passes with a mean AUC over the networks of `PLANTED_AUC` whose p, times the number of views, is at most `PLANTED_LEVEL`.
    It fails below that AUC where the training learned them by heart. None where it did not, so that there may be nothing to
    find, and of so few that chance might give such an AUC.
    """
    best = max(views, key=lambda test: test.auc.mean)
    p = min(1.0, len(views) * best.p)
    auc = f"AUC {auc_said(best.auc)}, asked {PLANTED_AUC:.2f}"
    passed, what = None, f"Canaries, patients with exchanged labels, are {{}}found ({auc}; {known.said})"
    if best.auc.mean < PLANTED_AUC and known.learned:
        passed, sentence = False, f"{what.format('not ')}: the attack is too weak to clear anybody."
    elif best.auc.mean < PLANTED_AUC:
        sentence = (
            f"{what.format('not ')}: the training does not learn them by heart, and nobody knows whether it would."
        )
    elif p > PLANTED_LEVEL:
        sentence = (
            f"{what.format('')}, of too few to tell ({p_said(p)}, asked {PLANTED_LEVEL:g}): train more shadow models."
        )
    else:
        passed, sentence = True, f"{what.format('')}."
    return Control(
        kind="canary",
        claim="patient_scores",
        attack=attack,
        **named(best.auc),
        p=p,
        p_bound=best.p_bound,
        n=known.canaries,
        passed=passed,
        sentence=sentence,
    )
