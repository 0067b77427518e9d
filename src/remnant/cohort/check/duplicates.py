"""The same image twice: voxel for voxel, or again after another scale, header, axis order, flip or empty margin."""

import hashlib
import itertools
from pathlib import Path

import numpy as np
from scipy import ndimage

from remnant.cohort.check.base import Check
from remnant.cohort.check.finding import Finding, finding
from remnant.cohort.check.subject import Scan, Subject
from remnant.measure.correlation import otsu_threshold

COARSE, FINE = 12, 36
CANDIDATE = 0.85
# On phantoms at 32 and 64 voxels a side: copies with noise, another scale and gamma 0.98 and more, two people at most 0.6.
SAME = 0.93


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

    def findings(self, subject: Subject) -> list[Finding]:
        pairs = {(i, j): 1.0 for i, j in itertools.combinations(range(len(self.scans)), 2) if self._equal(i, j)}
        near = {pair: value for pair, value in near_pairs(self.looks).items() if pair not in pairs}
        found = []
        for kind, those in (("voxel for voxel", pairs), ("but for scale, header, flips or margin", near)):
            for across in (True, False):
                hits = [(i, j) for i, j in those if (self.scans[i][0] != self.scans[j][0]) == across]
                if not hits:
                    continue
                paths = [self.scans[i][1] for pair in hits for i in pair]
                people = "two patients; merge the patients or drop one" if across else "one patient; keep one"
                lowest = f" (correlation at least {min(those[pair] for pair in hits):.3f})" if those is near else ""
                text = f"{len(hits)} pairs of images are the same {kind}{lowest}, under {people}."
                found.append(finding(self.name, "error" if across else "warning", text, paths, subject.root))
        return found

    def _equal(self, i: int, j: int) -> bool:
        return self.hashes[i] == self.hashes[j]


def appearance(array: np.ndarray) -> np.ndarray:
    """float32 (36, 36, 36) or (36, 36): the image cut to what is bright in it, at one size, mean 0, high-passed."""
    body = array > otsu_threshold(array)
    box = tuple(slice(int(line[0]), int(line[-1]) + 1) for line in map(np.unique, np.nonzero(body)))
    small = _shrink(array[box].astype(np.float32), FINE)
    # Outlines of any two heads are alike: what is finer than a sixth of the image tells them apart.
    return small - ndimage.gaussian_filter(small, FINE / 8, mode="nearest")


def near_pairs(looks: list[np.ndarray]) -> dict[tuple[int, int], float]:
    """Correlation of each pair (i < j) of appearances that is at least `SAME` under some flip and order of axes."""
    if len({look.ndim for look in looks}) != 1:
        return {}
    coarse = np.stack([_unit(_shrink(ndimage.gaussian_filter(look, 1.0), COARSE)) for look in looks])
    found: dict[tuple[int, int], float] = {}
    for turn in _turns(looks[0].ndim):
        turned = np.stack([turn(look) for look in coarse]).reshape(len(looks), -1)
        alike = coarse.reshape(len(looks), -1) @ turned.T
        for i, j in zip(*np.nonzero(np.triu(alike >= CANDIDATE, 1)), strict=True):
            value = float((_unit(looks[i]) * _unit(turn(looks[j]))).sum())
            if value >= SAME:
                found[int(i), int(j)] = max(value, found.get((int(i), int(j)), -1.0))
    return found


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
