"""Our registration against ANTs: the same 8 by 8 matrix of displacements by both, in one run, one thread each.

    python benchmarks/deformation.py (--phantoms | --from-run RUN) [--run runs/deformation] [--out deformation.json]
                                     [--subjects 8] [--seed 0] [--workers 1] [--resume]

`--phantoms`: stand-ins for reconstructions of phantoms at 3 mm, each the original after a slight bend and a blur, mixed
with the mean image of other phantoms. `--from-run`: members' reconstructions of a finished study that was run with
`--keep-reconstructions`. Subjects are drawn by seed. Writes Spearman's correlation of the two matrices, own originals that
come first (smallest displacement) by either, and processor seconds an entry: on a shared machine the clock on the wall
lies. Four pairs of ANTs are a cell of the run, since 64 take hours; a second start with `--resume` goes on.
"""

import argparse
import importlib.metadata
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage, stats

from remnant.base import provenance
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, read_json, write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.engine.cells import Cell, run_cells
from remnant.measure.deformation import displacement_field, displacement_matrix
from remnant.measure.identity import rank1_count, ranks
from remnant.measure.images import union_box
from remnant.measure.ssim import ssim_matrix
from remnant.report.figures.reconstructions import identity
from remnant.report.private import read_reconstructions

PAIRS_IN_CELL = 4
SPACING_MM = 3.0
OTHERS = 8  # phantoms whose mean image is the attacker's


def make_subjects(run: Run, subjects: int, seed: int, workers: int) -> None:
    """Draw and prepare phantoms as the study does, and draw what an attack might make of them."""
    folder = run.private / "phantoms"
    if not folder.exists():
        write_bids(BrainPhantoms(patients=subjects + OTHERS, side=64, seed=seed), folder, workers=workers)
    cohort = read_cohort(folder)
    others = [case.patient for case in cohort.cases[subjects:]]
    heads = prepare(cohort, PreparationSettings(spacing_mm=SPACING_MM), cache=run.private / "cache", workers=workers)
    aligned = align(heads, build_template(heads.select(others), workers=workers), workers=workers)
    images = aligned.images
    own, mean = images[:subjects], images[subjects:].mean(0, keepdim=True)
    generator = Seeds(seed).child("stand-ins").torch()
    drawn = [stand_in(image[None], mean, generator) for image in own]
    keep(run, np.stack(drawn), own[:, 0].numpy(), SPACING_MM)


def stand_in(image: torch.Tensor, mean: torch.Tensor, generator: torch.Generator) -> np.ndarray:
    """What a reconstruction of `image` (1, 1, x, y, z) looks like: bent by a millimetre, blurred, half-way to `mean`."""
    slight = WarpSettings(rotation=0.5, scaling=0.01, shift=0.1, elastic=0.4, lattice=(6, 6), gamma=0.05, gain=0.03)
    bent = apply_warp(image, draw_warp(image.shape[2:], slight, generator))
    noise = 0.01 * torch.randn(image.shape, generator=generator)
    mixed = (0.6 * bent + 0.4 * mean + noise)[0, 0].numpy()
    return ndimage.gaussian_filter(mixed, 0.8).clip(0, 1)


def take_subjects(run: Run, source: Path, subjects: int, seed: int) -> None:
    """Members' first sessions, of the run's first network and its default decoder."""
    kept = Run.open(source)
    config = read_json(kept.path / "config.json")
    network = config["networks"][0]
    rows = {
        identity(row): row
        for row in read_json(kept.results)["tables"]["scores"]
        if (row["network"], row["decoder"], row["group"], str(row["session"])) == (network, "default", "member", "1")
    }
    if len(rows) < subjects:
        raise RemnantError(f"{source} has {len(rows)} members; ask for that many --subjects or fewer.")
    chosen = Seeds(seed).child("subjects").numpy().choice(sorted(rows), subjects, replace=False)
    pairs = read_reconstructions(kept.path, {tuple(names) for names in chosen.tolist()})
    originals = np.stack([pair.original for pair in pairs])
    keep(run, np.stack([pair.reconstruction for pair in pairs]), originals, config["preparation"]["spacing_mm"])


def keep(run: Run, reconstructions: np.ndarray, originals: np.ndarray, spacing_mm: float) -> None:
    """The subjects for the cells: patient data, in the run's private folder."""
    with atomic_path(run.private / "subjects.npz") as temporary, temporary.open("wb") as file:
        np.savez(file, reconstructions=reconstructions, originals=originals, spacing_mm=spacing_mm)


def pairs_cell(run: Run, backend: str, pairs: list[tuple[int, int]]) -> dict[str, Any]:
    """Displacements of some entries, and the processor's seconds an entry."""
    with np.load(run.private / "subjects.npz") as subjects:
        drawn, originals, spacing = (subjects[key] for key in ("reconstructions", "originals", "spacing_mm"))
    # The heads of all subjects are the region, whoever is registered.
    heads = (originals > 0).any(0)
    start = time.process_time()
    if len(pairs) == len(originals) ** 2:
        found = displacement_matrix(drawn, originals, float(spacing), backend=backend).ravel().tolist()
    else:
        fields = (displacement_field(drawn[i], originals[j], float(spacing), backend) for i, j in pairs)
        found = [float(np.linalg.norm(field, axis=0)[heads].mean()) for field in fields]
    return {"pairs": pairs, "mm": found, "seconds_an_entry": (time.process_time() - start) / len(pairs)}


def cells_of(subjects: int) -> list[Cell]:
    """One cell for the whole matrix by ours, one for every few pairs of ANTs."""
    every = [(i, j) for i in range(subjects) for j in range(subjects)]
    cells = [Cell("fast", pairs_cell, {"backend": "fast", "pairs": every})]
    for start in range(0, len(every), PAIRS_IN_CELL):
        some = every[start : start + PAIRS_IN_CELL]
        cells.append(Cell(f"ants-{start:03d}", pairs_cell, {"backend": "ants", "pairs": some}))
    return cells


def compare(run: Run, cells: dict[str, dict[str, Any]], subjects: int) -> dict[str, Any]:
    """The row of the table, and both matrices."""
    matrices = {}
    for backend in ("fast", "ants"):
        parts = [cell for name, cell in cells.items() if name.split("-")[0] == backend]
        matrix = np.full((subjects, subjects), np.nan)
        for part in parts:
            for (i, j), value in zip(part["pairs"], part["mm"], strict=True):
                matrix[i, j] = value
        weights = [len(part["pairs"]) for part in parts]
        matrices[backend] = (matrix, float(np.average([part["seconds_an_entry"] for part in parts], weights=weights)))
    own = np.arange(subjects)
    (fast, fast_s), (ants, ants_s) = matrices["fast"], matrices["ants"]
    with np.load(run.private / "subjects.npz") as kept:
        originals, drawn = kept["originals"], kept["reconstructions"]
    similar = ssim_matrix(drawn, originals, box=union_box(originals, margin=5))
    row: dict[str, Any] = {"subjects": subjects, "grid": list(originals.shape[1:])}
    row |= {"own_ssim": round(float(similar.diagonal().mean()), 4)}
    row |= {"spearman": round(float(stats.spearmanr(fast.ravel(), ants.ravel()).statistic), 4)}
    others = ~np.eye(subjects, dtype=bool)
    for name, (matrix, seconds) in matrices.items():
        row |= {
            f"{name}_own_first": rank1_count(ranks(-matrix, own)),
            f"{name}_own_mm": round(float(matrix.diagonal().mean()), 3),
            f"{name}_others_mm": round(float(matrix[others].mean()), 3),
            f"{name}_seconds": round(seconds, 3),
        }
    row["ratio"] = round(ants_s / fast_s, 1)
    return {"deformation": [row], "fast_mm": fast.round(4).tolist(), "ants_mm": ants.round(4).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--phantoms", action="store_true", help="stand-ins for reconstructions of phantoms")
    source.add_argument("--from-run", type=Path, help="a finished run with kept reconstructions")
    parser.add_argument("--run", type=Path, default=Path("runs/deformation"))
    parser.add_argument("--out", type=Path, default=Path("deformation.json"))
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    config = {"source": str(options.from_run or "phantoms"), "subjects": options.subjects, "seed": options.seed}
    with Run.start(options.run, "deformation", config, resume=options.resume) as run:
        if not (run.private / "subjects.npz").exists():
            if options.phantoms:
                make_subjects(run, options.subjects, options.seed, options.workers)
            else:
                take_subjects(run, options.from_run, options.subjects, options.seed)
        done = run_cells(run, cells_of(options.subjects), workers=options.workers, quiet=False)
        tables = compare(run, done, options.subjects)
    print(tables["deformation"][0])
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/deformation.py", *sys.argv[1:]]),
            "config": config,
            "hardware": provenance.hardware(),
            "versions": {**provenance.versions(), "antspyx": importlib.metadata.version("antspyx")},
            "tables": tables,
        },
    )


if __name__ == "__main__":
    main()
