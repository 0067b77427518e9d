"""From which correlation on are two radiographs one? Copies against images of two patients, by the measure of `cohort check`.

    python benchmarks/radiograph_copies.py DIR [DIR ...] [--out docs/results/phantoms/radiograph_copies.json]

Each DIR is a cohort of radiographs. Its patients are dealt into two halves: `choose`, on which a threshold may be chosen, and
`confirm`. Phantoms stand beside, several cohorts of one seed and side each, since `cohort check` runs on those, too. A row has
the images and patients, the pairs of two patients and the most alike of these, how many reach each threshold, and of up to 100
images the share of copies that do, by the kind of change.
"""

import argparse
import io
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.cohort.check.duplicates import SAME, appearance, near_pairs
from remnant.cohort.files.radiograph import read_radiograph
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import ChestPhantoms

THRESHOLDS = (0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.975)
LEAST = 0.5
COPIED = 100
# Side, seed and patients of a cohort of phantoms.
PHANTOMS = ((64, 5, 300), (64, 6, 300), (96, 7, 200), (128, 8, 200), (256, 9, 100))


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def resized(image: np.ndarray, factor: float) -> np.ndarray:
    height, width = (round(side * factor) for side in image.shape)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))


def cropped(image: np.ndarray, share: float) -> np.ndarray:
    rows, columns = (round(side * share) for side in image.shape)
    return image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]


def noisy(image: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 0.05 * image.std(), image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG, quality 75": lambda image: jpeg(image, 75),
    "JPEG, quality 30": lambda image: jpeg(image, 30),
    "half the side": lambda image: resized(image, 0.5),
    "a quarter of the side": lambda image: resized(image, 0.25),
    "twice the side": lambda image: resized(image, 2),
    "half the side, JPEG, quality 50": lambda image: jpeg(resized(image, 0.5), 50),
    "mirrored": lambda image: image[:, ::-1],
    "noise of 5%": noisy,
    "gamma 0.7": lambda image: (255 * (image / 255) ** 0.7).astype(np.uint8),
    "black margin": lambda image: np.pad(image, ((10, 20), (30, 5))),
    "2% cut off each side": lambda image: cropped(image, 0.02),
    "5% cut off each side": lambda image: cropped(image, 0.05),
}


def in_bytes(image: np.ndarray) -> np.ndarray:
    low, high = float(image.min()), float(image.max())
    return np.round((image - low) / ((high - low) or 1.0) * 255).astype(np.uint8)


def measured(name: str, patients: list[str], images: list[np.ndarray]) -> dict[str, Any]:
    """A row of the table for `images` of `patients`."""
    looks = [appearance(image.astype(np.float32)) for image in images]
    alike = [value for (i, j), value in near_pairs(looks, LEAST).items() if patients[i] != patients[j]]
    pairs = sum(one != other for i, one in enumerate(patients) for other in patients[:i])
    found = {}
    for kind, change in CHANGES.items():
        values = [
            max(near_pairs([looks[i], appearance(change(images[i]).astype(np.float32))], LEAST).values(), default=0.0)
            for i in np.unique(np.linspace(0, len(images) - 1, COPIED).astype(int))
        ]
        found[kind] = {f"{least:g}": round(float(np.mean(np.array(values) >= least)), 3) for least in THRESHOLDS}
    return {
        "cohort": name,
        "patients": len(set(patients)),
        "images": len(images),
        "pairs_of_two_patients": pairs,
        "most_alike": round(max(alike, default=0.0), 3),
        "false_pairs": {f"{least:g}": sum(value >= least for value in alike) for least in THRESHOLDS},
        "copies_found": found,
    }


def halves(folder: Path) -> dict[str, tuple[list[str], list[np.ndarray]]]:
    """Patients and images of both halves of the cohort in `folder`."""
    cases = read_cohort(folder, tell=lambda note: None).cases
    names = sorted({case.patient for case in cases})
    first = set(np.random.default_rng(0).permutation(names)[: len(names) // 2].tolist())
    parts = {}
    for part, inside in (("choose", True), ("confirm", False)):
        own = [case for case in cases if (case.patient in first) == inside]
        parts[part] = ([case.patient for case in own], [in_bytes(read_radiograph(case.image).pixels) for case in own])
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    for folder in args.data:
        rows += [measured(f"{folder.name}, {part}", *both) for part, both in halves(folder).items()]
    for side, seed, count in PHANTOMS:
        drawn = ChestPhantoms(patients=count, side=side, seed=seed)
        images = [in_bytes(drawn.scan(i).image) for i in range(count)]
        rows.append(measured(f"phantoms, side {side}, seed {seed}", [str(i) for i in range(count)], images))
    for row in rows:
        print(row["cohort"], row["pairs_of_two_patients"], row["most_alike"], row["false_pairs"], flush=True)
    command = f"python benchmarks/radiograph_copies.py {shlex.join(folder.name for folder in args.data)}"
    found = {"command": command, "threshold": SAME[2], "rows": rows, "versions": provenance.versions()}
    if args.out:
        write_json(args.out, found)


if __name__ == "__main__":
    main()
