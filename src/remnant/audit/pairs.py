"""The pairs of scans that an attack on codes is asked about, and what it made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from remnant.attacks.attack import PairScores
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import all_pairs
from remnant.measure.verification import Verification, verification


@dataclass(frozen=True)
class Paired:
    """What one `adversary` makes of pairs in one `view`, of scans that are of one kind (`where`): `scores` (p,) of pairs of
    `patients` (p, 2), and of as many pairs of two patients `exchanged` (q,), each of which stands where a patient's own does.
    """

    view: str
    adversary: str
    where: str
    threshold: float
    patients: np.ndarray
    scores: np.ndarray
    exchanged: np.ndarray

    def judged(self, seeds: Seeds, level: float = 0.95) -> Verification:
        """By `measure.verification`."""
        return verification(
            self.scores, self.patients, self.threshold, seeds.child(self.view, self.adversary).numpy(), level
        )

    def held_for_own(self) -> "Paired":
        """The exchanged pairs as if they were of one patient, beside the pairs of two."""
        same = self.patients[:, 0] == self.patients[:, 1]
        owners = self.patients[same][:, :1].repeat(2, axis=1)
        return replace(
            self,
            patients=np.concatenate([owners, self.patients[~same]]),
            scores=np.concatenate([self.exchanged, self.scores[~same]]),
        )


@dataclass(frozen=True)
class AskedPairs:
    """Pairs of scans of `patients` by their `places` (p, 2), of one kind of scans each (`where`, p); which are `exchanged`."""

    patients: tuple[str, ...]
    places: np.ndarray
    exchanged: np.ndarray
    where: tuple[str, ...]

    def beside(self, other: "AskedPairs", first: int) -> "AskedPairs":
        """These and others, whose scans begin at place `first`."""
        return AskedPairs(
            (*self.patients, *other.patients),
            np.concatenate([self.places, other.places + first]),
            np.concatenate([self.exchanged, other.exchanged]),
            (*self.where, *other.where),
        )

    def told(self, claims: Sequence[PairScores]) -> list[Paired]:
        """The claims with whose scans these are, by kind of scans. Raises `RemnantError` for scores of other pairs."""
        found = []
        names = np.array(self.patients)[self.places]
        for claim in claims:
            scores = np.asarray(claim.scores, float)
            if scores.shape != (len(self.places),) or not np.isfinite(scores).all():
                raise RemnantError(
                    "An attack on pairs gives one finite score a pair, in the order of access.pairs. Got shape "
                    f"{scores.shape} for {len(self.places)} pairs."
                )
            for where in dict.fromkeys(self.where):
                here = np.array(self.where) == where
                own = here & ~self.exchanged
                found.append(
                    Paired(
                        claim.view,
                        claim.adversary,
                        where,
                        float(claim.threshold),
                        names[own],
                        scores[own],
                        scores[here & self.exchanged],
                    )
                )
        return found


def asked_pairs(patients: Sequence[str], negatives: int, seeds: Seeds, where: str = "") -> AskedPairs:
    """Every pair of one patient's scans, `negatives` times as many of two patients', and for each of the former one in which
    another patient's scan stands in the place of the second. Raises `RemnantError` as `all_pairs` does.
    """
    pairs = all_pairs(patients, negatives, seeds=seeds)
    same = [pair for pair in pairs if pair.same]
    # For each pair the next of somebody else, in a drawn order; where nobody else has two scans, somebody's only one.
    order = seeds.child("exchanged").numpy().permutation(len(same)).tolist()
    swapped = []
    for i, pair in enumerate(same):
        turn = order.index(i)
        others = (same[j].other for j in (*order[turn:], *order[:turn]))
        strangers = (*others, *range(len(patients)))
        swapped.append((pair.anchor, next(j for j in strangers if patients[j] != patients[pair.anchor])))
    places = np.array([*((pair.anchor, pair.other) for pair in pairs), *swapped])
    return AskedPairs(tuple(patients), places, np.arange(len(places)) >= len(pairs), (where,) * len(places))
