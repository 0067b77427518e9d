"""Stage 2: every head, whosever it is, to the template by the same call and in one interpolation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from remnant.cohort.images import Images, people_in, visits_of
from remnant.cohort.prepare.cache import Announce, key_of, load_or_run, nobody, store
from remnant.cohort.prepare.grid import Grid, resample_image, resample_labels
from remnant.cohort.prepare.rigid import CENTRED, as_transform, register
from remnant.cohort.prepare.template import Template
from remnant.cohort.prepare.volumes import HeadRecipe, Heads, cut


@dataclass(frozen=True)
class _Job:
    recipe: HeadRecipe
    coarse: np.ndarray
    template: Template | None
    grid: Grid
    window: tuple[float, float, float] | None
    file: Path


def align(
    heads: Heads, template: Template | None, *, workers: int = 1, quiet: bool = False, announce: Announce = nobody
) -> Images:
    """Every head registered to `template` on the common grid; only centred where `template` is None.

    Images float32 (n, 1, x, y, z) in [0, 1], RAS+, with label maps uint8 (n, x, y, z), in the order of the cases in `heads`.
    The result does not depend on `workers` or on which other cases are in `heads`. `announce` is told the cache files before
    they are made.
    """
    to = template.key if template else "centred"
    jobs = []
    for recipe, coarse in zip(heads.recipes, heads.coarse, strict=True):
        file = heads.cache / f"aligned-{key_of(recipe.file.name, heads.grid, heads.window, to)}.npz"
        jobs.append(_Job(recipe, coarse, template, heads.grid, heads.window, file))
    files = [job.file for job in jobs]
    announce(files)
    results = load_or_run(
        files, ("image", "labels"), _align, jobs, workers=workers, label="Aligning scans", quiet=quiet
    )
    return Images(
        torch.from_numpy(np.stack([result["image"] for result in results])[:, None]),
        torch.from_numpy(np.stack([result["labels"] for result in results])),
        tuple(case.patient for case in heads.cases),
        people_in(heads.cases),
        visits_of(heads.cases),
        classes=heads.classes,
        spacing_mm=float(heads.grid.spacing),
    )


def _align(job: _Job) -> dict[str, np.ndarray]:
    pose = register(job.template.image, job.coarse, job.grid) if job.template else CENTRED
    image, labels = job.recipe.head().volumes()
    transform = as_transform(pose)
    arrays = {
        "image": np.clip(resample_image(image, job.grid, transform), 0, 1),
        "labels": resample_labels(labels, job.grid, transform, len(job.recipe.scheme.classes)),
    }
    if job.window is not None:
        arrays = {name: cut(array, job.grid, job.window) for name, array in arrays.items()}
    store(job.file, arrays)
    return arrays
