"""From what a table says of a radiograph to the label that a classifier learns."""

from collections.abc import Collection
from typing import Literal

from remnant.cohort.case import Case

Uncertain = Literal["drop", "positive", "negative"]


def label_of(
    case: Case, *, positive: Collection[str], negative: Collection[str] | None = None, uncertain: Uncertain = "drop"
) -> int | None:
    """1 where a finding is among `positive`, else 0 where one is among `negative` (None: everything else), else None.

    A finding that is only uncertain drops the case, counts as positive, or counts as not mentioned ("negative"); the
    policies of CheXpert (Irvin 2019, section 4: U-Ignore, U-Ones, U-Zeros).
    """
    if any(finding in positive for finding in case.findings):
        return 1
    if uncertain != "negative" and any(finding in positive for finding in case.uncertain):
        return 1 if uncertain == "positive" else None
    if negative is None or any(finding in negative for finding in case.findings):
        return 0
    return None
