"""The control of canaries: patients with exchanged labels, whom an attack must find among networks that some of them trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from remnant.audit.findings.controls import LIKE_MEMBERS_AUC, PLANTED_AUC, PLANTED_LEVEL, auc_said
from remnant.audit.findings.rows import named
from remnant.base.findings import Control
from remnant.base.texts import p_said
from remnant.measure.swaps import SwapTest

# Of the loss under networks without them, up to which they were learned by heart: the dose of planted members.
LEARNED = 0.1
# Of what networks show of them beyond chance, the part that an attack must see. Where they show all, it is `PLANTED_AUC`.
SEEN = 2 * PLANTED_AUC - 1


@dataclass(frozen=True)
class CanaryFits:
    """Mean cross-entropies in nats of so many `canaries` under exchanged labels, of `networks` that they trained (`inside`) and
    that they did not (`outside`); `apart`: how often one of the former fits a canary better than one of the latter, a share.

    An exchanged label that a network takes for the likelier one anyhow tells nothing of training: the losses of few who are
    plainly wrong are in both means, and not in `apart`. Simulated, an attack that knows the law of every canary's fits has an AUC
    of 0.91 to 0.96 at a thirtieth of the loss, and `apart` is 0.01 to 0.04 less.
    """

    canaries: int
    networks: int
    inside: float
    outside: float
    apart: float

    @property
    def learned(self) -> bool:
        """Whether the training learned them by heart, so that there is something to find."""
        return self.inside <= LEARNED * self.outside and self._share >= LIKE_MEMBERS_AUC

    @property
    def asked(self) -> float:
        """The AUC that an attack must have."""
        return self._share if self.learned else PLANTED_AUC

    @property
    def said(self) -> str:
        """In words, to follow who they are."""
        return (
            f"{self.canaries} in {self.networks} networks, {self.canaries // 2} in each; loss {self.inside:.2g}, without them "
            f"{self.outside:.2g}; fit better by networks with them in a share of {self.apart:.2f}"
        )

    @property
    def _share(self) -> float:
        return 0.5 + SEEN * (self.apart - 0.5)


def canary_control(attack: str, views: Sequence[SwapTest], known: CanaryFits) -> Control:
    """Whether an attack finds the canaries, by `swap_test` of each of its `views`: under which networks they were trained on.

    It passes with a mean AUC over the networks of `known.asked` whose p, times the number of views, is at most `PLANTED_LEVEL`.
    It fails below that AUC where the training learned them by heart. None where it did not, so that there may be nothing to
    find, and of so few that chance might give such an AUC.
    """
    best = max(views, key=lambda test: test.auc.mean)
    p, asked = min(1.0, len(views) * best.p), known.asked
    auc = f"AUC {auc_said(best.auc)}, asked {asked:.2f}"
    passed, what = None, f"Canaries, patients with exchanged labels, are {{}}found ({auc}; {known.said})"
    if best.auc.mean < asked and known.learned:
        passed, sentence = False, f"{what.format('not ')}: the attack is too weak to clear anybody."
    elif best.auc.mean < asked:
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
