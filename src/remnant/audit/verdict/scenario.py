"""Scenarios: what the recipient of a model sees of it, and so which attacks he can make."""

from collections.abc import Iterable
from typing import Literal

from remnant.base.findings import Claim, Statistic
from remnant.base.terms import ELSEWHERE

Name = Literal["checkpoint", "latents", "codes", "outputs"]

RECIPIENTS: dict[str, str] = {
    "checkpoint": "The recipient has the model's file: its weights, and all that it answers.",
    "latents": "The recipient has the encoder and sees the latents of patients whose images he does not have.",
    "codes": "The recipient answers what a client sends in place of images, and may run the client himself.",
    "outputs": "The recipient may ask the model about any image, and sees what it answers.",
}
# What a recipient sees of the model, by `Attack.access`.
SEEN: dict[str, tuple[str, ...]] = {
    "checkpoint": ("outputs", "weights", "features"),
    "latents": ("outputs", "latents", "features"),
    "codes": ("codes", "outputs"),
    "outputs": ("outputs", "features"),
}
# Which statistics a claim is measured by.
BEARS: dict[str, tuple[str, ...]] = {
    "patient_scores": ("advantage", "tpr_at_10_fpr"),
    "reconstructions": ("rank1",),
    "candidates": ("gain",),
    # No limit is held against pairs; who is linked by them is on the way to being identified.
    "pair_scores": ("verification_auc", "rank1"),
    "attributes": ("skill", "skill_gap"),
}
# Which limits a scenario asks about, by the statistic that they are held against: what an attack can measure there. Candidates
# drawn from weights are nobody's reconstruction, so that nobody is identified by them at rank 1.
ASKS: dict[str, tuple[str, ...]] = {
    "checkpoint": ("advantage", "tpr_at_10_fpr", "skill_gap"),
    "latents": ("advantage", "tpr_at_10_fpr", "rank1", "skill"),
    "codes": ("rank1", "skill"),
    "outputs": ("advantage", "tpr_at_10_fpr"),
}


def not_attacked(scenario: str) -> str:
    """Why a model is not audited in the scenario; empty where it is."""
    if scenario != "codes":
        return ""
    return (
        "The scenario codes is not audited: no attack on a model sees what a client sends. Attack a run of `remnant protect "
        "train` by `remnant protect evaluate RUN`, or set another scenario."
    )


def unmeasured(attacks: Iterable[tuple[Claim | None, str]]) -> dict[str, str]:
    """By statistic, why an attack that is measured by it is not run, though the recipient sees what it needs; of each attack
    what it claims and why, empty where it is run."""
    found: dict[str, str] = {}
    for claim, why in attacks:
        if claim and why and not why.startswith(ELSEWHERE):
            for statistic in BEARS[claim]:
                found.setdefault(statistic, why)
    return found


def attribute_statistic(scenario: str) -> Statistic:
    """What the limit on attributes is held against.

    Who sees codes or latents has not the images, and learns whatever can be read. Who has an image sees the sex in it without a
    model: what the model discloses is what can be read more often of those who trained it.
    """
    return "skill" if scenario in ("latents", "codes") else "skill_gap"
