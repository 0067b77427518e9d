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
class ScanPairs:
    """Pairs of scans of `patients` by their `places` (p, 2), of one kind of scans each (`where`, p); which are `exchanged`."""

    patients: tuple[str, ...]
    places: np.ndarray
    exchanged: np.ndarray
    where: tuple[str, ...]

    def beside(self, other: "ScanPairs", first: int) -> "ScanPairs":
        """These and others, whose scans begin at place `first`."""
        return ScanPairs(
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


def scan_pairs(patients: Sequence[str], negatives: int, seeds: Seeds, where: str = "") -> ScanPairs:
    """Every pair of one patient's scans, and for each of them `negatives` pairs of two patients, fewer where there are not so
    many, and one in which another patient's scan stands in the place of the second.

    A stranger's scan is of the same visit as the one whose place it takes, by the order of `patients`. Else visits that differ,
    as before and after a new scanner, would make pairs of one patient unlike those of two for who knows nobody. Raises
    `RemnantError` as `all_pairs` does.
    """
    same = [tuple(sorted((pair.anchor, pair.other))) for pair in all_pairs(patients, 0, seeds=seeds)]
    visits: dict[str, list[int]] = {}
    for place, patient in enumerate(patients):
        visits.setdefault(patient, []).append(place)
    order = [list(visits)[i] for i in seeds.child("strangers").numpy().permutation(len(visits))]
    different, swapped = [], []
    for first, second in same:
        turn = order.index(patients[first])
        others = [visits[patient] for patient in (*order[turn + 1 :], *order[:turn])]
        visit = visits[patients[first]].index(second)
        strangers = [own[visit] for own in others if len(own) > visit]
        if len(strangers) < 2:
            # Hardly anybody else came so often: everybody's last visit.
            strangers = [own[min(visit, len(own) - 1)] for own in others]
        swapped.append((first, strangers[0]))
        # An exchanged pair is not among those that it is held against, unless there is no other.
        different += [(first, other) for other in strangers[1 : 1 + negatives] or strangers]
    pairs = [*same, *dict.fromkeys(different)]
    places = np.array([*pairs, *swapped])
    return ScanPairs(tuple(patients), places, np.arange(len(places)) >= len(pairs), (where,) * len(places))
