"""What tests of membership allow to be said: shown, not shown, or cannot tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from remnant.attacks.membership.signals import SIGNALS
from remnant.base.texts import counted, p_said
from remnant.measure.intervals import FEWEST
from remnant.measure.membership_inference import MembershipTest
from remnant.measure.multiplicity import holm

LEVEL = 0.05
CANNOT_TELL = "Whether the model's own output gives its training patients away cannot be told."

Outcome = Literal["shown", "not shown", "cannot tell"]


@dataclass(frozen=True)
class Verdict:
    """An `outcome` with its sentences; `signal`: the strongest, where membership was shown."""

    outcome: Outcome
    sentence: str
    signal: str | None = None


def judge(
    tests: Mapping[str, MembershipTest],
    blind: MembershipTest,
    adjusted: Mapping[str, float] | None = None,
    together: int | None = None,
) -> Verdict:
    """The verdict on one model from the `tests` of its signals and the `blind` baseline on the same patients.

    `adjusted`: the p-values for all that was looked at together, by signal; Holm's over these signals where none are given.
    `together`: how many p-values those are, so that what is said to be detectable is so after their adjustment.
    It cannot tell where the blind baseline is not at chance, where a signal is *lower* in members, which training does not
    make it, and where no signal shows and a group has fewer than `FEWEST` patients.
    """
    adjusted = adjusted or dict(zip(tests, holm([test.p for test in tests.values()]), strict=True))
    seen = [name for name in tests if adjusted[name] <= LEVEL]
    strongest = max(seen or tests, key=lambda name: tests[name].auc.mean)
    if seen and tests[strongest].auc.mean <= 0.5:
        # Of signals that are all lower in members, the nearest to chance would be the weakest.
        strongest = min(seen, key=lambda name: (tests[name].p, tests[name].auc.mean))
    test, found = tests[strongest], f"{SIGNALS[strongest]}: {tests[strongest].describe()}"
    if blind.p <= LEVEL:
        return Verdict(
            "cannot tell",
            f"{CANNOT_TELL} It distinguishes the two groups ({found}), but so does a classifier that never saw it "
            f"({blind.describe()})."
            if seen
            else f"{CANNOT_TELL} A classifier that never saw it distinguishes the two groups ({blind.describe()}).",
        )
    if seen and test.auc.mean > 0.5:
        return Verdict(
            "shown", f"The model's own output distinguishes its training patients from others ({found}).", strongest
        )
    if seen:
        return Verdict(
            "cannot tell",
            f"{CANNOT_TELL} Members fare worse than non-members, which training does not explain; look whether the groups are "
            f"swapped ({found}).",
        )
    if test.few:
        return Verdict(
            "cannot tell",
            f"{CANNOT_TELL} {counted(test.members, 'member')} and {counted(test.non_members, 'non-member')} are too few: "
            f"{FEWEST} of each are needed.",
        )
    detectable = test.detectable(LEVEL / (together or len(tests)))
    if test.p <= LEVEL:
        found += f", {p_said(adjusted[strongest])} after Holm's adjustment for all that was tested"
    return Verdict(
        "not shown",
        f"Membership by the model's own output was not shown ({found}). So many patients would have shown an AUC of "
        f"{detectable:.2f} four times in five.",
    )
