"""The template: the mean head of the attacker's patients, made without members and without non-members."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from remnant.cohort.prepare.cache import Announce, key_of, load, nobody, store
from remnant.cohort.prepare.grid import Grid, from_sitk, on_grid
from remnant.cohort.prepare.rigid import Pose, as_transform, register
from remnant.cohort.prepare.volumes import Heads
from remnant.cohort.prepare.workers import run_jobs

ROUNDS = 2


@dataclass(frozen=True)
class Template:
    """`image`: float32 (x, y, z) in [0, 1] on `grid`, symmetric about its middle plane and centred."""

    image: np.ndarray
    grid: Grid
    cache_files: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """The hash of the image and its grid."""
        return key_of(self.image, self.grid)


def build_template(heads: Heads, *, workers: int = 1, quiet: bool = False, announce: Announce = nobody) -> Template:
    """The mean of `heads`, registered to their own mean and averaged anew, twice.

    Each mean is averaged with its mirror image, so that the middle plane of the template is the grid's. `announce` is told
    the cache file before it is made.
    """
    file = heads.cache / f"template-{key_of(heads.grid, sorted(heads.cache_files))}.npz"

    announce([file])
    known = load(file, "image")
    if known:
        return Template(known["image"], heads.grid, (file,))
    image = _symmetric(heads.coarse)
    for turn in range(ROUNDS):
        jobs = [(image, coarse, heads.grid) for coarse in heads.coarse]
        label = f"Building the template, round {turn + 1} of {ROUNDS}"
        poses = run_jobs(_register, jobs, workers=workers, label=label, quiet=quiet)
        moved = [_moved(coarse, heads.grid, pose) for coarse, pose in zip(heads.coarse, poses, strict=True)]
        image = _symmetric(np.stack(moved))
    store(file, {"image": image})
    return Template(image, heads.grid, (file,))


def _register(job: tuple[np.ndarray, np.ndarray, Grid]) -> Pose:
    return register(*job)


def _moved(coarse: np.ndarray, grid: Grid, pose: Pose) -> np.ndarray:
    image = on_grid(coarse, grid)
    return from_sitk(sitk.Resample(image, image, as_transform(pose), sitk.sitkLinear, 0.0))


def _symmetric(volumes: np.ndarray) -> np.ndarray:
    mean = volumes.mean(axis=0, dtype=np.float64)
    mean = (mean + mean[::-1]) / 2
    middle = (np.array(mean.shape) - 1) / 2
    shifted = ndimage.shift(mean, middle - np.array(ndimage.center_of_mass(mean)), order=1)
    return shifted.astype(np.float32)
