"""Stage 1 for a whole cohort: check every header, prepare every scan on its own, lay all on one grid."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
import pydantic
import SimpleITK as sitk

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.cohort.cache import Announce, key_of, load, load_or_run, nobody, open_cache, store
from remnant.cohort.case import Case, Cohort, LabelScheme, SchemeName
from remnant.cohort.grid import Grid, resample_image
from remnant.cohort.head import Head, make_head
from remnant.cohort.nifti import read_header

SIDES = 16
MOST_SPACING_RATIO = 2.0


class PreparationSettings(Settings):
    """How scans are prepared.

    `spacing_mm`: voxel size of the common grid; `shape`: its (x, y, z), multiples of 16, by default the
    smallest that hold every head of the cohort; `scheme`: the label scheme; `bias_field`: correct it by N4;
    `align`: register every head to the template (without, heads are only centred).
    """

    spacing_mm: float = pydantic.Field(default=3.0, gt=0, le=10)
    shape: tuple[int, int, int] | None = None
    scheme: SchemeName = "lpba3"
    bias_field: bool = True
    align: bool = True

    @pydantic.field_validator("shape")
    @classmethod
    def _multiples(cls, shape: tuple[int, int, int] | None) -> tuple[int, int, int] | None:
        if shape and any(side < SIDES or side % SIDES for side in shape):
            raise ValueError(f"every side must be a multiple of {SIDES}")
        return shape


@dataclass(frozen=True)
class Recipe:
    """All that it takes to make one prepared head, and the cache file that holds it once made."""

    case: Case
    scheme: LabelScheme
    bias_field: bool
    spacing_mm: float
    file: Path

    def make(self) -> dict[str, np.ndarray]:
        """Make and store the head and, as `coarse` and `reach`, what `prepare` needs of it.

        `coarse`: float32, the head at `spacing_mm` on its own centred grid of even sides.
        """
        head = make_head(self.case, self.scheme, bias_field=self.bias_field)
        # Even sides, so that the grids of all heads coincide where they overlap.
        own = Grid(tuple(2 * int(np.ceil(reach / self.spacing_mm)) for reach in head.reach), self.spacing_mm)
        coarse = resample_image(head.volumes()[0], own, sitk.Transform(3, sitk.sitkIdentity))
        arrays = {**vars(head), "coarse": coarse, "reach": head.reach}
        store(self.file, arrays)
        return arrays

    def head(self) -> Head:
        """The head, from the cache; made again where that is damaged."""
        names = ("image", "labels", "spacing", "origin")
        arrays = load(self.file, *names) or self.make()
        return Head(**{name: arrays[name] for name in names})


def _make_coarse(recipe: Recipe) -> dict[str, np.ndarray]:
    arrays = recipe.make()
    # The full head stays in the file: sending it between processes would cost more than it saves.
    return {"coarse": arrays["coarse"], "reach": arrays["reach"]}


@dataclass(frozen=True)
class Heads:
    """Every case after stage 1, centred on one grid but not yet aligned.

    `coarse`: float32 (n, x, y, z) in [0, 1], RAS+; the scans at their own resolution stay in the cache.
    """

    recipes: tuple[Recipe, ...]
    coarse: np.ndarray
    grid: Grid
    settings: PreparationSettings
    cache: Path

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(recipe.case for recipe in self.recipes)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.recipes[0].scheme.classes

    @property
    def cache_files(self) -> tuple[Path, ...]:
        """The files that hold these patients' scans and outlive the process."""
        return tuple(recipe.file for recipe in self.recipes)

    def select(self, names: Collection[str]) -> Self:
        """The cases whose patient or case id is among `names`, in the order they stand here."""
        keep = [i for i, case in enumerate(self.cases) if case.patient in names or case.case_id in names]
        return replace(self, recipes=tuple(self.recipes[i] for i in keep), coarse=self.coarse[keep])


def prepare(
    cohort: Cohort,
    settings: PreparationSettings,
    *,
    cache: Path | None = None,
    workers: int = 1,
    quiet: bool = False,
    announce: Announce = nobody,
) -> Heads:
    """Stage 1 of every case; the same for any number of `workers`, and read from `cache` the second time.

    Raises `RemnantError` for the first file that is unfit, before any work where its header shows it.
    """
    scheme = cohort.scheme(settings.scheme)
    check_headers(cohort)
    cache = open_cache(cache)
    recipes = []
    for case in cohort.cases:
        key = key_of(case.image, case.labels, scheme, settings.bias_field, settings.spacing_mm)
        recipes.append(Recipe(case, scheme, settings.bias_field, settings.spacing_mm, cache / f"head-{key}.npz"))
    files = [recipe.file for recipe in recipes]
    announce(files)
    results = load_or_run(
        files,
        ("coarse", "reach"),
        _make_coarse,
        recipes,
        workers=workers,
        label="Preparing scans",
        quiet=quiet,
    )
    grid = _common_grid(recipes, [result["reach"] for result in results], settings)
    coarse = np.stack([_pad(result["coarse"], grid.shape) for result in results])
    return Heads(tuple(recipes), coarse, grid, settings, cache)


def check_headers(cohort: Cohort) -> None:
    """Raise `RemnantError` for missing labels, labels that do not fit their image, and mixed spacing."""
    if not cohort.cases:
        raise RemnantError(f"The cohort {cohort.root} has no cases; check its table of scans.")
    sizes: list[tuple[np.ndarray, Case]] = []
    for case in cohort.cases:
        if case.labels is None:
            raise RemnantError(f"{case.image} has no label map; add one or leave out this scan.")
        image, labels = read_header(case.image), read_header(case.labels)
        if image.shape != labels.shape:
            raise RemnantError(
                f"The label map {case.labels} has the shape {labels.shape}, its image {case.image} "
                f"{image.shape}; give the label map that belongs to the image."
            )
        if not np.allclose(image.affine, labels.affine, atol=1e-2):
            raise RemnantError(
                f"The label map {case.labels} and its image {case.image} lie differently in space (their "
                f"affines differ); resample the label map to the image."
            )
        sizes.append((np.sort(image.spacing), case))
    for measure in [np.prod, *(partial(np.take, indices=axis) for axis in range(3))]:
        ordered = sorted(sizes, key=lambda size: measure(size[0]))
        (small, fine), (large, rough) = ordered[0], ordered[-1]
        if measure(large) > MOST_SPACING_RATIO * measure(small) * (1 + 1e-6):
            raise RemnantError(
                f"The cohort mixes spacings that would tell its patients apart: {fine.image} has voxels of "
                f"{_text(small)} mm, {rough.image} of {_text(large)} mm; "
                f"leave out one kind, or resample all to one."
            )


def _common_grid(recipes: list[Recipe], reaches: list[np.ndarray], settings: PreparationSettings) -> Grid:
    # One voxel more on each side, since a head that is turned into place reaches a little further.
    sides = [2 * (np.ceil(reach / settings.spacing_mm).astype(int) + 1) for reach in reaches]
    needed = np.max(sides, axis=0)
    if settings.shape is None:
        return Grid(tuple(int(-(-side // SIDES) * SIDES) for side in needed), settings.spacing_mm)
    for recipe, side in zip(recipes, sides, strict=True):
        if (side > settings.shape).any():
            raise RemnantError(
                f"The shape {settings.shape} at {settings.spacing_mm:g} mm does not hold the head in "
                f"{recipe.case.image}; every head needs at least {tuple(int(side) for side in needed)}."
            )
    return Grid(settings.shape, settings.spacing_mm)


def _pad(volume: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    return np.pad(volume, [((side - own) // 2,) * 2 for own, side in zip(volume.shape, shape, strict=True)])


def _text(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
