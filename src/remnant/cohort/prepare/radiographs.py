"""Radiographs of a cohort as squares of one size: read, normalised and scaled, each on its own and only once."""

from pathlib import Path

import numpy as np
import pydantic
import torch
from PIL import Image

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.case import Cohort
from remnant.cohort.files.radiograph import read_radiograph
from remnant.cohort.files.radiograph_image import Radiograph
from remnant.cohort.images import Images, people_in
from remnant.cohort.prepare.cache import Announce, key_of, load_or_run, nobody, open_cache, store

A_WORKER = 50  # radiographs that take as long as a process does to start


class RadiographSettings(Settings):
    """How radiographs are prepared.

    `side`: pixels of the square; `percentiles`: of each picture's own greys, what becomes 0 and 1, None for the greys as the file
    has them, its full range being [0, 1]; `crop`: the share of each side that is kept, around the middle (marks, letters and
    borders lie outside).
    """

    side: int = pydantic.Field(default=64, ge=8, le=2048)
    percentiles: tuple[float, float] | None = (0.5, 99.5)
    crop: float = pydantic.Field(default=1.0, gt=0, le=1)

    @pydantic.field_validator("percentiles")
    @classmethod
    def _ordered(cls, percentiles: tuple[float, float] | None) -> tuple[float, float] | None:
        if percentiles and not 0 <= percentiles[0] < percentiles[1] <= 100:
            raise ValueError("the two percentiles must rise, from 0 to 100")
        return percentiles


def prepare_radiographs(
    cohort: Cohort,
    settings: RadiographSettings,
    *,
    cache: Path | None = None,
    workers: int = 1,
    quiet: bool = False,
    announce: Announce = nobody,
) -> Images:
    """Every radiograph as `square` makes it, float32 (n, 1, side, side) in [0, 1], bone bright, in the order of the cases.

    It is the same for any number of `workers`, of which there is one more for each `A_WORKER` images at most, and read from
    `cache` the second time.
    Raises `RemnantError` for a cohort without cases and for the first file that is unfit.
    """
    if not cohort.cases:
        raise RemnantError(f"The cohort {cohort.root} has no cases; check its table of images.")
    cache = open_cache(cache)
    jobs = []
    for case in cohort.cases:
        jobs.append((case.image, settings, cache / f"radiograph-{key_of(case.image, settings.resolved())}.npz"))
    files = [file for _, _, file in jobs]
    announce(files)
    workers = min(workers, 1 + len(jobs) // A_WORKER)
    results = load_or_run(files, ("image",), _make, jobs, workers=workers, label="Preparing radiographs", quiet=quiet)
    images = torch.from_numpy(np.stack([result["image"] for result in results])[:, None])
    return Images(images, None, tuple(case.patient for case in cohort.cases), people_in(cohort.cases))


def _make(job: tuple[Path, RadiographSettings, Path]) -> dict[str, np.ndarray]:
    path, settings, file = job
    arrays = {"image": square(read_radiograph(path), settings)}
    store(file, arrays)
    return arrays


def square(radiograph: Radiograph, settings: RadiographSettings) -> np.ndarray:
    """float32 (side, side) in [0, 1]: greys between the percentiles, the longer side over the square, the rest black.

    Empty rows and columns around the picture have no part in the percentiles, so that somebody else's padding does not
    change its contrast. Scaled by Lanczos with the filter's width grown to the step (no aliasing). Pixels that are not
    square are made so.
    """
    pixels = radiograph.pixels
    low, high = (0.0, 1.0)
    if settings.percentiles:
        low, high = np.percentile(pixels[_content(pixels)], settings.percentiles)
    if not high > low:
        low, high = pixels.min(), pixels.max()
    greys = np.clip((pixels - low) / (high - low), 0, 1).astype(np.float32)
    rows, columns = greys.shape
    height, width = rows * radiograph.aspect, float(columns)
    # In units of a pixel's width, the square around the picture, and the part of it that is kept.
    half = settings.crop * max(height, width) / 2
    across, down = min(width / 2, half), min(height / 2, half)
    box = (
        columns / 2 - across,
        (height / 2 - down) / radiograph.aspect,
        columns / 2 + across,
        (height / 2 + down) / radiograph.aspect,
    )
    size = tuple(max(1, round(settings.side * reach / half)) for reach in (across, down))
    scaled = np.asarray(Image.fromarray(greys).resize(size, Image.Resampling.LANCZOS, box=box))
    out = np.zeros((settings.side, settings.side), np.float32)
    top, left = (settings.side - size[1]) // 2, (settings.side - size[0]) // 2
    out[top : top + size[1], left : left + size[0]] = np.clip(scaled, 0, 1)
    return out


def _content(pixels: np.ndarray) -> tuple[slice, slice]:
    """The picture without the empty rows and columns around it."""
    filled = [np.flatnonzero((pixels > 0).any(axis=axis)) for axis in (1, 0)]
    return tuple(slice(int(line[0]), int(line[-1]) + 1) for line in filled)
