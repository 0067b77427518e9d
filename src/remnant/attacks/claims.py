"""What an attack claims to have got."""

from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError


@dataclass(frozen=True)
class PatientScores:
    """How member-like each patient looks by one signal of one target.

    `signal`: a key of `membership.signals.SIGNALS`. `patients` (n,), each once; `scores` (n,), higher for more member-like;
    `roles` (n,) of `measure.membership_inference`: `MEMBER`, `NON_MEMBER` or `OTHER`. Raises `RemnantError` for a patient who
    stands there twice, and for unequal lengths.
    """

    signal: str
    patients: tuple[str, ...]
    scores: np.ndarray
    roles: np.ndarray

    def __post_init__(self) -> None:
        if not len(set(self.patients)) == len(self.patients) == len(self.scores) == len(self.roles):
            raise RemnantError(
                "Each patient needs one score and one role. Got "
                f"{len(set(self.patients))} patients in {len(self.patients)} rows, {len(self.scores)} scores and "
                f"{len(self.roles)} roles instead."
            )
