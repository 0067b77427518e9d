"""Stage 1 for a whole cohort: check every header, prepare every scan on its own, lay all on one grid."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import nibabel as nib
import numpy as np
import pydantic
import SimpleITK as sitk

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.texts import counted
from remnant.cohort.case import Case, Cohort, LabelScheme, SchemeName
from remnant.cohort.files.axes import turning
from remnant.cohort.files.series import is_series
from remnant.cohort.files.volume import read_header, read_labels, read_volume, volume_files
from remnant.cohort.fit import fits_better_turned
from remnant.cohort.prepare.bias import BiasField, check_bias_field
from remnant.cohort.prepare.cache import Announce, key_of, load, load_or_run, nobody, open_cache, store
from remnant.cohort.prepare.grid import Grid, resample_image
from remnant.cohort.prepare.head import Head, Region, make_head
from remnant.cohort.prepare.space import check_sides

MOST_SPACING_RATIO = 2.0
NEEDED = ("coarse", "reach", "window", "classes", "turned")


class PreparationSettings(Settings):
    """How scans are prepared.

    `spacing_mm`: voxel size of the common grid; `shape`: its (x, y, z), multiples of `multiple_of` (16 for networks that
    halve a volume four times), by default the smallest that hold every head of the cohort; `cut`: what of a head reaches
    beyond a given `shape` is left out, where otherwise the head is refused; `scheme`: the label scheme; `bias_field`: the
    method that corrects it; `align`: register every head to the template (without, heads are only centred).

    `region`: "head", or "crop" for pieces cut out of a head, in which every voxel is tissue. Crops are centred by
    their middles and lose what not all of them have, so that no size or border tells them apart; they cannot be
    aligned. They are served by `spacing_mm=1, scheme="labels", bias_field="none", region="crop", align=False`.
    """

    spacing_mm: float = pydantic.Field(default=3.0, gt=0, le=10)
    multiple_of: int = pydantic.Field(default=16, ge=2, multiple_of=2)
    shape: tuple[int, int, int] | None = None
    cut: bool = False
    scheme: SchemeName = "lpba3"
    bias_field: BiasField = "n4"
    region: Region = "head"
    align: bool = True

    @pydantic.model_validator(mode="after")
    def _sides_are_multiples(self) -> Self:
        if self.shape and any(side < 1 or side % self.multiple_of for side in self.shape):
            raise ValueError(f"every side of the shape must be a multiple of {self.multiple_of}")
        return self

    @pydantic.model_validator(mode="after")
    def _crops_are_centred(self) -> Self:
        if self.region == "crop" and self.align:
            raise ValueError("crops of a head can only be centred; set align to false")
        return self


@dataclass(frozen=True)
class HeadRecipe:
    """All that it takes to make one prepared head, and the cache file that holds it once made."""

    case: Case
    scheme: LabelScheme
    settings: PreparationSettings
    file: Path

    def make(self) -> dict[str, np.ndarray]:
        """Make and store the head and, as `coarse`, `reach`, `window` and `classes`, what `prepare` needs of it.

        `coarse`: float32, the head at `spacing_mm` on its own centred grid of even sides; `classes`: those that it has, by index.
        Beside them `turned`: whether its label map fits the scan better with axes flipped or exchanged.
        """
        settings = self.settings
        head = make_head(self.case, self.scheme, bias_field=settings.bias_field, region=settings.region)
        # Even sides, so that the grids of all heads coincide where they overlap.
        sides = tuple(2 * int(np.ceil(reach / settings.spacing_mm)) for reach in head.reach)
        identity = sitk.Transform(3, sitk.sitkIdentity)
        coarse = resample_image(head.volumes()[0], Grid(sides, settings.spacing_mm), identity)
        arrays = {**vars(head), "coarse": coarse, "reach": head.reach, "window": head.window}
        arrays["classes"] = np.unique(head.labels)
        arrays["turned"] = np.array(_is_turned(self.case))
        store(self.file, arrays)
        return arrays

    def head(self) -> Head:
        """The head, from the cache; made again where that is damaged."""
        names = ("image", "labels", "spacing", "origin")
        arrays = load(self.file, *names) or self.make()
        return Head(**{name: arrays[name] for name in names})


def _make_coarse(recipe: HeadRecipe) -> dict[str, np.ndarray]:
    arrays = recipe.make()
    # The full head stays in the file: sending it between processes would cost more than it saves.
    return {name: arrays[name] for name in NEEDED}


@dataclass(frozen=True)
class Heads:
    """Every case after stage 1, centred on one grid but not yet aligned.

    `coarse`: float32 (n, x, y, z) in [0, 1], RAS+; the scans at their own resolution stay in the cache. `window`: of
    crops, how far (mm) from the middle all of them reach; what lies beyond is left out.
    """

    recipes: tuple[HeadRecipe, ...]
    coarse: np.ndarray
    grid: Grid
    settings: PreparationSettings
    cache: Path
    window: tuple[float, float, float] | None = None

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

    def select(self, patients: Collection[str]) -> Self:
        """The cases of these patients, in the order they stand here."""
        keep = [i for i, case in enumerate(self.cases) if case.patient in patients]
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
    check_bias_field(settings.bias_field)
    check_headers(cohort)
    scheme = cohort.scheme(settings.scheme)
    cache = open_cache(cache)
    recipes = []
    for case in cohort.cases:
        volumes = [*volume_files(case.image), *volume_files(case.labels)]
        how = (settings.bias_field, settings.region, settings.spacing_mm, case.axes)
        recipes.append(HeadRecipe(case, scheme, settings, cache / f"head-{key_of(*volumes, scheme, *how)}.npz"))
    files = [recipe.file for recipe in recipes]
    announce(files)
    results = load_or_run(
        files,
        NEEDED,
        _make_coarse,
        recipes,
        workers=workers,
        label="Preparing scans",
        quiet=quiet,
    )
    _check_classes(cohort, scheme, [result["classes"] for result in results])
    _tell_turned(
        [case for case, result in zip(cohort.cases, results, strict=True) if result["turned"]], cohort.root, quiet
    )
    if settings.region == "crop":
        window = np.min([result["window"] for result in results], axis=0)
        grid = _grid_of_crops(window, settings)
        coarse = np.stack([cut(_fit(result["coarse"], grid.shape), grid, window) for result in results])
        return Heads(tuple(recipes), coarse, grid, settings, cache, tuple(float(side) for side in window))
    grid = _common_grid(recipes, [result["reach"] for result in results], settings)
    coarse = np.stack([_fit(result["coarse"], grid.shape) for result in results])
    return Heads(tuple(recipes), coarse, grid, settings, cache)


def cut(volume: np.ndarray, grid: Grid, window: Sequence[float]) -> np.ndarray:
    """A volume (x, y, z) on `grid`, 0 in every voxel that reaches further than `window` (3,) mm from the middle."""
    inside = np.ones(grid.shape, bool)
    for axis, (side, reach) in enumerate(zip(grid.shape, window, strict=True)):
        edge = (np.abs(np.arange(side) - (side - 1) / 2) + 0.5) * grid.spacing
        inside &= np.expand_dims(edge <= reach + 1e-6, [other for other in range(3) if other != axis])
    return np.where(inside, volume, volume.dtype.type(0))


def _is_turned(case: Case) -> bool:
    # The whole volumes: a head's box hides which axes have one length and may have been exchanged.
    (image, _), (labels, _) = read_volume(case.image), read_labels(case.labels)
    ornt = turning(case.image, read_header(case.image), read_header(case.labels))
    return ornt is not None and fits_better_turned(image, nib.apply_orientation(labels, ornt))


def _tell_turned(cases: list[Case], root: Path, quiet: bool) -> None:
    """What is trained on such labels is worth little, and no header shows it."""
    if cases and not quiet:
        say(
            f"remnant: {root}: {counted(len(cases), 'label map fits', 'label maps fit')} better, such as "
            f"{cases[0].labels}, with axes flipped or exchanged, though headers agree; look at them beside their images."
        )


def _check_classes(cohort: Cohort, scheme: LabelScheme, found: list[np.ndarray]) -> None:
    """Raise `RemnantError` for a class that no head has: what was trained on would not be what its table says."""
    present = {0, *np.concatenate(found).tolist()}
    empty = [scheme.classes[index] for index in sorted({*scheme.mapping.values()} - present)]
    if empty:
        raise RemnantError(
            f"No label map of {cohort.root} holds {' or '.join(empty)} of the scheme {scheme.name}; give the label maps that its "
            "table of labels describes, or leave the class out of the table."
        )


def check_headers(cohort: Cohort) -> None:
    """Raise `RemnantError` for missing labels, labels that do not fit their image, mixed spacing, and where headers differ in
    how they say where left is.
    """
    if not cohort.cases:
        raise RemnantError(f"The cohort {cohort.root} has no cases; check its table of scans.")
    sizes: list[tuple[np.ndarray, Case]] = []
    for case in cohort.cases:
        if case.labels is None:
            raise RemnantError(f"{case.image} has no label map; add one or leave out this scan.")
        image, labels = read_header(case.image), read_header(case.labels)
        if image.shape != labels.shape and not (is_series(case.image) and sorted(image.shape) == sorted(labels.shape)):
            raise RemnantError(
                f"The label map {case.labels} has the shape {labels.shape}, its image {case.image} "
                f"{image.shape}; give the label map that belongs to the image."
            )
        if turning(case.image, image, labels) is None:
            raise RemnantError(
                f"The label map {case.labels} and its image {case.image} lie differently in space (their "
                f"affines differ); resample the label map to the image."
            )
        sizes.append((np.sort(image.spacing), case))
    check_sides(cohort.cases)
    for measure in [np.prod, *(partial(np.take, indices=axis) for axis in range(3))]:
        ordered = sorted(sizes, key=lambda size: measure(size[0]))
        (small, fine), (large, rough) = ordered[0], ordered[-1]
        if measure(large) > MOST_SPACING_RATIO * measure(small) * (1 + 1e-6):
            raise RemnantError(
                f"The cohort mixes spacings that would tell its patients apart: {fine.image} has voxels of "
                f"{_text(small)} mm, {rough.image} of {_text(large)} mm; "
                f"leave out one kind, or resample all to one."
            )


def _common_grid(recipes: list[HeadRecipe], reaches: list[np.ndarray], settings: PreparationSettings) -> Grid:
    # One voxel more on each side, since a head that is turned into place reaches a little further.
    sides = [2 * (np.ceil(reach / settings.spacing_mm).astype(int) + 1) for reach in reaches]
    needed = np.max(sides, axis=0)
    if settings.shape is None:
        return Grid(_rounded_up(needed, settings), settings.spacing_mm)
    for recipe, side in zip(recipes, sides, strict=True):
        if not settings.cut and (side > settings.shape).any():
            raise RemnantError(
                f"The shape {settings.shape} at {settings.spacing_mm:g} mm does not hold the head in "
                f"{recipe.case.image}; every head needs at least {tuple(int(side) for side in needed)}."
            )
    return Grid(settings.shape, settings.spacing_mm)


def _grid_of_crops(window: np.ndarray, settings: PreparationSettings) -> Grid:
    # Even sides, as each crop's own grid has; a larger window than `shape` is cut, since crops are cut anyway.
    sides = 2 * np.floor(window / settings.spacing_mm + 1e-6).astype(int)
    return Grid(settings.shape or _rounded_up(sides, settings), settings.spacing_mm)


def _rounded_up(sides: np.ndarray, settings: PreparationSettings) -> tuple[int, int, int]:
    return tuple(int(-(-side // settings.multiple_of) * settings.multiple_of) for side in sides)


def _fit(volume: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Padded with 0 or cut to `shape`, on both sides alike."""
    middle = tuple(
        slice(max(0, own - side) // 2, own - max(0, own - side) // 2)
        for own, side in zip(volume.shape, shape, strict=True)
    )
    return np.pad(
        volume[middle], [(max(0, side - own) // 2,) * 2 for own, side in zip(volume.shape, shape, strict=True)]
    )


def _text(sizes: np.ndarray) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
