"""Time the preparation of a scan (bias field, rigid alignment to a template) against ANTsPy's, in one run.

    python benchmarks/preparation.py [--side 192] [--out docs/results/speed/preparation.json]

Scans are phantoms without skull, 192 mm wide, each person seen in two poses. `remnant` is `prepare` and `align` as a study
calls them, with the checks and the cache files; with two threads it has two workers, a scan each, whose start is in the
time. ANTsPy does N4, `registration` to the same template, and the warping of image and labels; with two threads ITK has
both for one scan. Its rows:

- `ants`: its defaults (N4 at a quarter of the resolution, `Rigid` of the scan as it is);
- `ants_matched`: N4 with Remnant's number of iterations and tolerance, `Rigid` of the scan at the template's spacing;
- `ants_quick`: the same with `QuickRigid`, its fastest.

They take turns, and seconds are those of a scan. `ratio` is how many times as long as Remnant a row takes, by medians.
What it is worth stands beside: `pose_error_mm` is how far the two poses of a person lie apart after alignment, over the
template's head; the motion between them is known, since the phantom was drawn twice. `moved_mm` is what it would be without
any alignment, `centred_mm` with the centres of mass laid upon each other. `contrast` is grey against white matter in the
corrected scan, difference of the means over the pooled standard deviation, the higher the better; `uncorrected` in the scan as it
came.
"""

import argparse
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.processes import worker_pool
from remnant.cohort.case import Case, Cohort
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.volume import read_volume
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms, render, session, write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.rigid import as_transform, register
from remnant.cohort.prepare.template import Template, build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

SETTINGS = PreparationSettings(scheme="tissue5")
GREY, WHITE = 1, 2  # of the scheme tissue5
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # ITK's millimetres and NIfTI's
# Iterations a level of N4 and its tolerance, as in remnant.cohort: not to be had as settings there.
MATCHED = {"iters": [30, 30, 20], "tol": 1e-3}
ANTS = {
    "ants": ({"iters": [50, 50, 50, 50], "tol": 1e-7}, "Rigid", False),
    "ants_matched": (MATCHED, "Rigid", True),
    "ants_quick": (MATCHED, "QuickRigid", True),
}


@dataclass(frozen=True)
class Task:
    """What is prepared: the scans, the template (and its file), the settings that lay both on one grid."""

    cohort: Cohort
    template: Template
    template_file: Path
    settings: PreparationSettings


@dataclass(frozen=True)
class Outcome:
    """Seconds of all scans; each scan's pose (4, 4), template to scan in RAS+ mm; each scan's `contrast`."""

    seconds: float
    poses: list[np.ndarray]
    contrasts: list[float]


def contrast(image: np.ndarray, classes: np.ndarray) -> float:
    """How far grey and white matter lie apart, whatever the intensities' scale."""
    # Remnant cuts off the darkest and the brightest: so that nobody gains by it, here it is done to all.
    image = np.clip(image, *np.percentile(image[image > 0], [0.5, 99.5]))
    grey, white = image[classes == GREY], image[classes == WHITE]
    return float((white.mean() - grey.mean()) / np.sqrt((white.var() + grey.var()) / 2))


def classes_of(cohort: Cohort, case: Case) -> np.ndarray:
    """The case's label map as class indices."""
    mapping = cohort.scheme(SETTINGS.scheme).mapping
    table = np.zeros(max(mapping) + 1, np.uint8)
    table[list(mapping)] = list(mapping.values())
    return table[read_volume(case.labels)[0].astype(int)]


def centring(case: Case) -> np.ndarray:
    """(4, 4): from the frame about the head's centre of mass to the file's."""
    image, affine = read_volume(case.image)
    shift = np.eye(4)
    shift[:, 3] = affine @ [*ndimage.center_of_mass(image != 0), 1]
    return shift


def by_remnant(task: Task, threads: int) -> Outcome:
    """Prepare and align every scan with a fresh cache."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        heads = prepare(task.cohort, task.settings, cache=Path(folder), workers=threads, quiet=True)
        align(heads, task.template, workers=threads, quiet=True)
        seconds = time.perf_counter() - started
        poses, contrasts = [], []
        for recipe, coarse in zip(heads.recipes, heads.coarse, strict=True):
            found = as_transform(register(task.template.image, coarse, heads.grid))
            pose = np.eye(4)
            pose[:3, :3] = np.reshape(found.GetMatrix(), (3, 3))
            pose[:3, 3] = found.GetTranslation()
            poses.append(centring(recipe.case) @ pose)
            head = recipe.head()
            contrasts.append(contrast(head.image.astype(np.float32), head.labels))
    return Outcome(seconds, poses, contrasts)


def by_ants(task: Task, way: str) -> Outcome:
    """Correct, register and warp every scan, one after the other."""
    import ants

    convergence, transform, coarse = ANTS[way]
    fixed = ants.image_read(str(task.template_file))
    seconds, poses, contrasts = 0.0, [], []
    for case in task.cohort.cases:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            image, labels = ants.image_read(str(case.image)), ants.image_read(str(case.labels))
            # N4 reads the mask's memory as floats, whatever its type.
            mask = (image > 0).clone("float")
            corrected = ants.n4_bias_field_correction(image, mask=mask, shrink_factor=4, convergence=convergence)
            moving = ants.resample_image(corrected, fixed.spacing, interp_type=0) if coarse else corrected
            outcome = ants.registration(
                fixed, moving, type_of_transform=transform, outprefix=f"{folder}/", random_seed=1
            )
            found = outcome["fwdtransforms"]
            ants.apply_transforms(fixed, corrected, found)
            ants.apply_transforms(fixed, labels, found, interpolator="nearestNeighbor")
            seconds += time.perf_counter() - started
            poses.append(ants_pose(ants.read_transform(found[0])))
        contrasts.append(contrast(corrected.numpy(), classes_of(task.cohort, case)))
    return Outcome(seconds, poses, contrasts)


def ants_pose(transform: Any) -> np.ndarray:
    """ANTs' transform as (4, 4) in RAS+ mm: where it takes the origin and the ends of the axes."""
    corners = [np.array(transform.apply_to_point(tuple(point))) for point in (np.zeros(3), *np.eye(3))]
    pose = np.eye(4)
    pose[:3, 3] = corners[0]
    pose[:3, :3] = np.stack([corner - corners[0] for corner in corners[1:]], axis=1)
    return LPS @ pose @ LPS


def draw_scans(folder: Path, people: range, side: int, seed: int) -> Iterator[tuple[Case, np.ndarray]]:
    """Each person's first visit, and the same again in the pose (and with the noise) of the second.

    With each the motion (4, 4) from the frame of the head to the file's, RAS+ mm.
    """
    cohort = BrainPhantoms(patients=people.stop, sessions=2, side=side, seed=seed)
    for number in people:
        person = cohort.patient(number)
        first, second = (session.draw(seed, number, visit, person) for visit in range(2))
        moved = replace(first, rotation=second.rotation, shift=second.shift, noise_seed=second.noise_seed)
        for name, visit in (("1", first), ("2", moved)):
            image, labels, affine = render.render(person, visit, side, skull=False)
            stem = folder / f"{number}-{name}"
            case = Case(str(number), name, stem.with_suffix(".nii.gz"), Path(f"{stem}-labels.nii.gz"))
            write_volume(case.image, image.astype(np.int16), affine)
            write_volume(case.labels, labels, affine)
            # render: own = rotation @ (world - middle - shift) + middle
            middle, to_head = np.array(render.BRAIN_MIDDLE), np.eye(4)
            to_head[:3, :3] = visit.rotation
            to_head[:3, 3] = middle - visit.rotation @ (middle + visit.shift)
            yield case, np.linalg.inv(to_head)


def make_task(folder: Path, patients: int, side: int, seed: int) -> tuple[Task, list[np.ndarray]]:
    """The scans to be prepared with the motion of each, and a template of four other people at 3 mm."""
    others = 4
    write_bids(BrainPhantoms(patients=others, side=min(side, 64), seed=seed), folder / "others", quiet=True)
    known = read_cohort(folder / "others")
    (folder / "scans").mkdir()
    scans = list(draw_scans(folder / "scans", range(others, others + patients), side, seed))
    cohort = replace(known, cases=tuple(case for case, _ in scans))
    cache = folder / "cache"
    grids = [prepare(each, SETTINGS, cache=cache, quiet=True).grid for each in (known, cohort)]
    shape = tuple(max(sides) for sides in zip(*(grid.shape for grid in grids), strict=True))
    settings = SETTINGS.model_copy(update={"shape": shape})
    template = build_template(prepare(known, settings, cache=cache, quiet=True), quiet=True)
    write_volume(folder / "template.nii", template.image, template.grid.affine)
    return Task(cohort, template, folder / "template.nii", settings), [motion for _, motion in scans]


def apart(poses: list[np.ndarray], motions: list[np.ndarray], points: np.ndarray) -> list[float]:
    """Mean distance in mm, a person each, of where two poses put `points` (4, n) of the template, once the motion is undone."""
    heads = [np.linalg.inv(motion) @ pose @ points for pose, motion in zip(poses, motions, strict=True)]
    return [float(np.linalg.norm(a - b, axis=0).mean()) for a, b in list(pairwise(heads))[::2]]


def head_points(template: Template) -> np.ndarray:
    """Every eighth voxel of the template's head in mm, (4, n)."""
    index = np.argwhere(template.image > 0.1)[::8]
    return template.grid.affine @ np.concatenate([index, np.ones((len(index), 1))], axis=1).T


def measure(task: Task, threads: int, repeats: int) -> dict[str, list[Outcome]]:
    """Every way's outcomes, by turns, in a process whose libraries have `threads` threads."""
    # ITK and OpenBLAS ask once, when they are loaded: hence a new process. Remnant's own workers have one thread each.
    os.environ |= {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": str(threads), "OMP_NUM_THREADS": "1"}
    found: dict[str, list[Outcome]] = {way: [] for way in ("remnant", *ANTS)}
    with worker_pool(1, warm_up) as pool:
        for _ in range(repeats):
            for way, outcomes in found.items():
                work, last = (by_remnant, threads) if way == "remnant" else (by_ants, way)
                outcomes.append(pool.submit(work, task, last).result())
                print(
                    f"  {threads} thread(s), {way}: {outcomes[-1].seconds / len(task.cohort.cases):.2f} s a scan",
                    flush=True,
                )
    return found


def warm_up() -> None:
    """Load what would otherwise be loaded within the first time."""
    import ants  # noqa: F401


def rows(found: dict[str, list[Outcome]], task: Task, motions: list[np.ndarray], threads: int) -> list[dict[str, Any]]:
    """A row a way."""
    scans, points = len(task.cohort.cases), head_points(task.template)
    median = {way: statistics.median(one.seconds / scans for one in outcomes) for way, outcomes in found.items()}
    table = []
    for way, outcomes in found.items():
        errors = [apart(one.poses, motions, points) for one in outcomes]
        table.append(
            {
                "way": way,
                "threads": threads,
                "scans": scans,
                "median_seconds": median[way],
                "seconds": [one.seconds / scans for one in outcomes],
                "ratio": median[way] / median["remnant"],
                "pose_error_mm": float(np.mean(errors)),
                "pose_error_largest_mm": float(np.max(errors)),
                "contrast": float(np.mean([one.contrasts for one in outcomes])),
            }
        )
        print(
            f"{way}, {threads} thread(s): {median[way]:.2f} s a scan, {table[-1]['ratio']:.2f} times as long; poses "
            f"{table[-1]['pose_error_mm']:.3f} mm apart, contrast {table[-1]['contrast']:.3f}"
        )
    return table


def controls(task: Task, motions: list[np.ndarray]) -> dict[str, float]:
    """What there was to do: the motion, what centring leaves of it, and the contrast of the scans as they came."""
    cases, points = task.cohort.cases, head_points(task.template)
    raw = [contrast(read_volume(case.image)[0], classes_of(task.cohort, case)) for case in cases]
    return {
        "moved_mm": float(np.mean(apart([np.eye(4)] * len(cases), motions, points))),
        "centred_mm": float(np.mean(apart([centring(case) for case in cases], motions, points))),
        "uncorrected": float(np.mean(raw)),
    }


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=192, help="voxels a side of a scan 192 mm wide")
    parser.add_argument("--patients", type=int, default=2, help="each of them scanned in two poses")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/preparation.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        task, motions = make_task(Path(folder), options.patients, options.side, options.seed)
        known = controls(task, motions)
        table = []
        for threads in options.threads:
            table += rows(measure(task, threads, options.repeats), task, motions, threads)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/preparation.py", *sys.argv[1:]]),
            "hardware": provenance.hardware(),
            "versions": provenance.versions() | {"antspyx": version("antspyx")},
            "settings": task.settings.resolved(),
            "spacing_mm": render.BRAIN_CUBE_MM / options.side,
            "controls": known,
            "tables": {"preparation": table},
        },
    )
    print(f"Wrote {options.out}")


if __name__ == "__main__":
    main()
