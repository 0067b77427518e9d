"""Do images that claim to show nobody in particular lie nearer to a model's members than to others?"""

from dataclasses import dataclass

import numpy as np

from remnant.base.errors import RemnantError
from remnant.measure.intervals import RESAMPLES


@dataclass(frozen=True)
class Pull:
    """`difference` between the nearest member's and the nearest non-member's similarity, averaged over `drawn` images.

    `p`: one-sided, how often as much comes of dealing the same patients to the two groups anew; `detectable`: what it
    would have had to be to fall below p = 0.05.
    """

    difference: float
    p: float
    detectable: float
    drawn: int
    members: int
    non_members: int


def membership_pull(
    scores: np.ndarray,
    member: np.ndarray,
    seeds: np.random.Generator,
    control: np.ndarray | None = None,
    resamples: int = RESAMPLES,
) -> Pull:
    """The pull of `scores` (k, m), images against patients (higher is more alike), where `member` (m,) is boolean.

    With `control` (l, m), what those images are pulled is taken off. The patient is dealt anew, not the image, since the
    images share the patients. p is (hits + 1) / (resamples + 1) (Phipson and Smyth 2010). Raises `RemnantError` for
    scores that are not finite and where a group is empty.
    """
    scores, member = np.asarray(scores, dtype=float), np.asarray(member, dtype=bool)
    parts = [scores] if control is None else [scores, np.asarray(control, dtype=float)]
    if not all(part.ndim == 2 and part.shape[1:] == member.shape and np.isfinite(part).all() for part in parts):
        raise RemnantError(
            "The pull needs finite scores (images, patients) and a group for each patient. Got shapes "
            f"{[part.shape for part in parts]} and {member.shape} instead."
        )
    if not (member.any() and (~member).any()) or not all(len(part) for part in parts):
        raise RemnantError("The pull needs images, members and non-members; one of them is missing.")

    def pull(members: np.ndarray) -> float:
        pulls = [(part[:, members].max(1) - part[:, ~members].max(1)).mean() for part in parts]
        return float(pulls[0] - sum(pulls[1:]))

    observed = pull(member)
    dealt = np.array([pull(seeds.permutation(member)) for _ in range(resamples)])
    hits = int((dealt >= observed - 1e-12).sum())
    return Pull(
        observed,
        (hits + 1) / (resamples + 1),
        float(np.quantile(dealt, 0.95)),
        len(scores),
        int(member.sum()),
        int((~member).sum()),
    )
