"""The same image twice: voxel for voxel, or again after another scale, header, axis order, flip or empty margin."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
from scipy import ndimage

from remnant.base.texts import counted
from remnant.cohort.check.base import Check, CheckFinding, finding
from remnant.cohort.check.subject import Scan, Subject
from remnant.measure.correlation import otsu_threshold

COARSE, FINE = 12, 36
CANDIDATE = 0.85
# On phantoms of 48 voxels a side: copies with 5% noise, another scale, gamma or margin 0.96 and more, two people at most 0.76.
# On radiographs (benchmarks/radiograph_copies.py, docs/results/phantoms/radiograph_copies.json) two people are at most 0.89 alike
# in 280,274 pairs of two public cohorts, and 0.951 in 134,450 pairs of phantoms. No pair reaches
# 0.96, in the half of the patients on which it was chosen or in the other. There 94% and more of re-encoded copies and of copies
# of half the side do, 76% and 92% at a quarter; with 2% cut off each side 9% and 33%, with 5% none.
SAME = {3: 0.95, 2: 0.96}
MEND = "merge the patients, or drop one of the images"


class Duplicates(Check):
    """The same image under two patients is an error, twice under one patient worth a look."""

    name = "duplicates"

    def __init__(self) -> None:
        self.scans: list[tuple[str, Path]] = []
        self.hashes: list[str] = []
        self.looks: list[np.ndarray] = []

    def look(self, scan: Scan) -> None:
        # The path and the patient are kept, the voxels are not.
        self.scans.append((scan.patient, scan.path))
        content = np.ascontiguousarray(scan.array, np.float32)
        self.hashes.append(hashlib.sha256(repr(content.shape).encode() + content.tobytes()).hexdigest())
        self.looks.append(appearance(scan.array))

    def findings(self, subject: Subject) -> list[CheckFinding]:
        equal = {pair for pair in itertools.combinations(range(len(self.scans)), 2) if self._equal(*pair)}
        near = {pair: alike for pair, alike in near_pairs(self.looks).items() if pair not in equal}
        found = []
        if pairs := [pair for pair in equal if self._across(*pair)]:
            text = (
                f"{counted(len(pairs), 'pair of images under two patients is', 'pairs of images under two patients are')} "
                f"the same voxel for voxel; {MEND}."
            )
            found.append(finding(self.name, "error", text, self._paths(pairs), subject.root))
        # Registered sessions of one patient are meant to look alike.
        if pairs := [pair for pair in near if self._across(*pair)]:
            text = (
                f"{counted(len(pairs), 'pair of images under two patients is', 'pairs of images under two patients are')} "
                "the same but for scale, header, flips or margin "
                f"(correlation at least {min(near[pair] for pair in pairs):.3f}); {MEND}."
            )
            found.append(finding(self.name, "error", text, self._paths(pairs), subject.root))
        if pairs := [pair for pair in equal if not self._across(*pair)]:
            text = (
                f"{counted(len(pairs), 'pair of images under one patient is', 'pairs of images under one patient are')} the "
                "same voxel for voxel; keep one of each."
            )
            found.append(finding(self.name, "warning", text, self._paths(pairs), subject.root))
        return found

    def _equal(self, i: int, j: int) -> bool:
        return self.hashes[i] == self.hashes[j]

    def _across(self, i: int, j: int) -> bool:
        return self.scans[i][0] != self.scans[j][0]

    def _paths(self, pairs: list[tuple[int, int]]) -> list[Path]:
        return [self.scans[i][1] for pair in pairs for i in pair]


def appearance(array: np.ndarray) -> np.ndarray:
    """float32 (36, 36, 36) or (36, 36): the image cut to what is bright in it, at one size, mean 0, high-passed."""
    body = array > otsu_threshold(array)
    box = tuple(
        _extent(body.sum(axis=tuple(other for other in range(array.ndim) if other != axis)))
        for axis in range(array.ndim)
    )
    small = _shrink(array[box].astype(np.float32), FINE)
    # Outlines of any two heads are alike: what is finer than a sixth of the image tells them apart.
    return small - ndimage.gaussian_filter(small, FINE / 8, mode="nearest")


def near_pairs(looks: list[np.ndarray], least: float | None = None) -> dict[tuple[int, int], float]:
    """Correlation of each pair (i < j) of appearances that is at least `least`, by default `SAME`, under some flip and order of
    axes."""
    if len({look.ndim for look in looks}) != 1:
        return {}
    least = SAME[looks[0].ndim] if least is None else least
    coarse = np.stack([_unit(_shrink(ndimage.gaussian_filter(look, 1.0), COARSE)) for look in looks])
    found: dict[tuple[int, int], float] = {}
    for turn in _turns(looks[0].ndim):
        turned = np.stack([turn(look) for look in coarse]).reshape(len(looks), -1)
        alike = coarse.reshape(len(looks), -1) @ turned.T
        for i, j in zip(*np.nonzero(np.triu(alike >= CANDIDATE, 1)), strict=True):
            value = float((_unit(looks[i]) * _unit(turn(looks[j]))).sum())
            if value >= least:
                found[int(i), int(j)] = max(value, found.get((int(i), int(j)), -1.0))
    return found


def _extent(profile: np.ndarray) -> slice:
    # A few bright voxels of noise are no part of the body.
    inside = np.flatnonzero(profile > 0.03 * profile.max())
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _turns(axes: int):
    for order in itertools.permutations(range(axes)):
        for flips in itertools.product((1, -1), repeat=axes):
            yield lambda look, order=order, flips=flips: look.transpose(order)[
                tuple(slice(None, None, f) for f in flips)
            ]


def _unit(look: np.ndarray) -> np.ndarray:
    centred = look - look.mean()
    return centred / (np.linalg.norm(centred) + 1e-12)


def _shrink(array: np.ndarray, side: int) -> np.ndarray:
    """The array's means over `side` equal parts of each axis, parts of voxels counted as such."""
    for axis, length in enumerate(array.shape):
        edges = np.linspace(0, length, side + 1)
        part = np.minimum(edges[1:, None], np.arange(1, length + 1)) - np.maximum(edges[:-1, None], np.arange(length))
        weights = (part.clip(0) / np.diff(edges)[:, None]).astype(np.float32)
        array = np.moveaxis(np.tensordot(weights, array, (1, axis)), 0, axis)
    return array
