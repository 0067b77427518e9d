"""What an exposure is worth where nothing showed that the groups are alike."""

from collections.abc import Iterable

from remnant.base.findings import Control

ALIKE = ("blind", "null")  # kinds of control that pass where the groups are alike


def groups_unchecked(controls: Iterable[Control]) -> list[str]:
    """What a verdict "outside" by membership has to say where no control showed that the groups are alike; else nothing."""
    shown = any(one.passed for one in controls if one.kind in ALIKE and one.claim in (None, "patient_scores"))
    return (
        [] if shown else ["No control showed that the groups are alike, so the difference may be that of the groups."]
    )
