"""How well a fingerprint alone tells patients apart: a matcher that sees nothing else.

A patient's second scan is searched among every patient's first one, by the distance of fingerprints. The unit is the
patient; ties for the first place identify nobody.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.base.seeds import Seeds
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.fingerprints import BY_NATURE, FINGERPRINTS
from remnant.cohort.check.subject import Scan, Subject
from remnant.measure.identity import chance_rank1, own_versus_others_auc, rank1_count, ranks
from remnant.measure.intervals import Interval, clopper_pearson, identification_p_value

LEVEL = 0.05
FEWEST_FOR_UNIQUE = 4
FEWEST_FOR_AUC = 10  # below, a bootstrap over patients is too narrow
ALL = "all together"
# Equal to rounding counts as equal: float32 keeps seven digits.
NEARLY = 1e-6


@dataclass(frozen=True)
class Link:
    """What one fingerprint betrays.

    `rank1`: share of patients with two or more scans whose other scan is first, of `rank1.n`, by guessing `chance`, with the
    one-sided p; `auc`: same patient against others; `distinct`: different values among `scans`; `unique`: share of scans whose
    value no other scan has.
    """

    name: str
    rank1: Interval
    chance: float
    p: float
    auc: Interval
    distinct: int
    unique: float
    scans: int


def link(name: str, prints: np.ndarray, patients: Sequence[str], seeds: Seeds) -> Link:
    """The matcher fed with fingerprints (n, features) of n scans of these patients, in order of session."""
    return _linked(name, _distances(prints), prints, patients, seeds)


def link_all(prints: Mapping[str, np.ndarray], patients: Sequence[str], seeds: Seeds) -> list[Link]:
    """One for each fingerprint, and one for all together: near equality in each counts as evidence."""
    links = [link(name, values, patients, seeds) for name, values in prints.items()]
    together = sum(np.log(NEARLY + _distances(values)) for values in prints.values())
    stacked = np.concatenate(list(prints.values()), axis=1)
    return [*links, _linked(ALL, together, stacked, patients, seeds)]


def _linked(name: str, distances: np.ndarray, prints: np.ndarray, patients: Sequence[str], seeds: Seeds) -> Link:
    first: dict[str, int] = {}
    second: dict[str, int] = {}
    for index, patient in enumerate(patients):
        if patient in first:
            second.setdefault(patient, index)
        else:
            first[patient] = index
    gallery, people = list(first.values()), list(second)
    scores = -distances[np.ix_([second[patient] for patient in people], gallery)]
    own = np.array([list(first).index(patient) for patient in people], int)
    hits, chances = 0, np.full(len(people), 1 / max(1, len(gallery)))
    auc = Interval(math.nan, math.nan, math.nan, 0)
    if people:
        hits = rank1_count(ranks(scores, own))
        auc = own_versus_others_auc(scores, own, seeds.child("fingerprint", name).numpy())
    # Seven digits: what float32 keeps of a number.
    rounded = [tuple(f"{value:.6g}" for value in row) for row in prints]
    times = {row: rounded.count(row) for row in set(rounded)}
    return Link(
        name,
        clopper_pearson(hits, len(people)),
        chance_rank1(1 / chances),
        identification_p_value(hits, chances),
        auc,
        len(times),
        sum(count == 1 for count in times.values()) / max(1, len(rounded)),
        len(rounded),
    )


def _distances(prints: np.ndarray) -> np.ndarray:
    """(n, n): Euclidean, each feature to its own spread; differences of rounding alone are none."""
    spread = prints.std(axis=0)
    scaled = (
        prints[:, spread > NEARLY * np.abs(prints).max(axis=0)] / spread[spread > NEARLY * np.abs(prints).max(axis=0)]
    )
    return np.sqrt(sum((column[:, None] - column[None]) ** 2 for column in scaled.T) + np.zeros((len(prints),) * 2))


class Fingerprints(Check):
    """A fingerprint that finds patients' other scans beyond chance, or is unique to most scans, is a warning."""

    name = "fingerprints"

    def __init__(self, seeds: Seeds = Seeds(0)) -> None:  # noqa: B008
        self.seeds = seeds
        self.patients: list[tuple[str, str]] = []
        self.flat = False
        self.prints: dict[str, list[np.ndarray]] = {name: [] for name in FINGERPRINTS}

    def look(self, scan: Scan) -> None:
        self.patients.append((scan.patient, scan.session))
        self.flat |= scan.array.ndim == 2
        for name, function in FINGERPRINTS.items():
            self.prints[name].append(function(scan))

    def links(self) -> list[Link]:
        """Every fingerprint's, and that of all together; none for less than two scans."""
        order = sorted(range(len(self.patients)), key=lambda index: self.patients[index])
        # Fingerprints of 2D and 3D files have different lengths: shorter ones end in zeros.
        prints = {}
        for name, rows in self.prints.items():
            widest = max((len(row) for row in rows), default=0)
            table = np.array([np.pad(rows[index], (0, widest - len(rows[index]))) for index in order])
            if widest:
                prints[name] = table
        if len(order) < 2 or not prints:
            return []
        return link_all(prints, [self.patients[index][0] for index in order], self.seeds)

    def findings(self, subject: Subject) -> list[CheckFinding]:
        links = self.links()
        found = []
        mend = "the preparation removes it; do not hand out, or learn from, the files as they are"
        if self.flat:
            mend = "radiographs keep much of it when prepared; give results with and without a crop of the middle"
        for one in links:
            if one.name != ALL and betrays(one, len(links)):
                text = (
                    f"By the {one.name} alone the other scan of {round(one.rank1.mean * one.rank1.n)} of {one.rank1.n} patients "
                    f"is found first (by guessing {one.chance:.1%}), and own scans lie nearer than others' in {one.auc.mean:.0%} "
                    f"of comparisons (50%); {mend}."
                )
                found.append(finding(self.name, "warning", text))
            elif one.name not in BY_NATURE | {ALL} and one.scans >= FEWEST_FOR_UNIQUE and one.unique > 0.5:
                text = (
                    f"The {one.name} is unique to {one.unique:.0%} of the {one.scans} scans, so that whoever holds one of the "
                    f"files can find its patient again; {mend}."
                )
                found.append(finding(self.name, "warning", text))
        return found


def betrays(one: Link, tried: int) -> bool:
    """Whether the matcher beats guessing beyond doubt, in rank-1 or AUC, where `tried` fingerprints were tried."""
    if one.rank1.n and one.p < LEVEL / tried:
        return True
    return one.rank1.n >= FEWEST_FOR_AUC and one.auc.low > 0.5 + 0.05
