"""What the benchmarks that choose an attack share: phantoms, targets, and how well an attack draws those it does not own.

`margin` is the SSIM with the own original minus the SSIM with the best other one; `gain` is the margin minus that of a
reference, paired by patient, with its bootstrap interval.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.folds import three_group_folds
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import PreparationSettings, prepare
from remnant.engine.cells import Cell, run_cells
from remnant.measure.images import union_box
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.ssim import ssim_matrix
from remnant.studies.subbanna2021.folds import fold_file, read_fold, write_fold
from remnant.targets.access import Latents, latents_of
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.segmenter import SegmenterSettings, train_segmenter


def options_of(description: str, run: Path) -> argparse.Namespace:
    """The command line that these benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--run", type=Path, default=run)
    parser.add_argument("--out", type=Path, default=Path("docs/results/phantoms"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    return parser.parse_args()


def make_patients(run: Run, phantoms: BrainPhantoms, preparation: PreparationSettings, workers: int) -> None:
    """Draw and prepare the phantoms, as the study prepares brains; one fold of them, unless the run has it."""
    if fold_file(run, 0).exists():
        return
    folder = run.private / "phantoms"
    write_bids(phantoms, folder, workers=workers)
    cohort = read_cohort(folder)
    fold = three_group_folds(cohort.patients, seeds=Seeds(phantoms.seed))[0]
    heads = prepare(cohort, preparation, cache=run.private / "cache", workers=workers)
    template = build_template(heads.select(fold.attacker), workers=workers)
    write_fold(run, align(heads, template, workers=workers), fold)


def target_cell(
    run: Run, network: str, seed: int, settings: SegmenterSettings, group: str = "member"
) -> dict[str, Any]:
    """Train a target on the members, or on another `group`, by whose name the checkpoint is then called."""
    data = read_fold(run, 0)
    members = data.where(group)
    name = network if group == "member" else f"{network}-{group}"
    classes, seeds = len(data.classes), Seeds(seed).child(name)
    images, labels = data.images[members], data.labels[members]
    model = train_segmenter(network, images, labels, classes, settings, seeds, lambda *_: None)
    arguments = {"architecture": network, "classes": classes, "widths": settings.widths, "norm": settings.norm}
    save_checkpoint(run.checkpoints / f"{name}.safetensors", model, arguments)
    return {}


def attacked(run: Run, network: str) -> tuple[Images, Latents, Tensor]:
    """The fold, the access to the target with the latents of all whom the attacker does not own, and the attacker's scans."""
    data = read_fold(run, 0)
    access = latents_of(load_checkpoint(run.checkpoints / f"{network}.safetensors"), data.images[_private(data)])
    return data, access, data.images[data.where("attacker")]


def scores(data: Images, drawn: Tensor) -> dict[str, list[float]]:
    """Search for everybody whom the attacker does not own: `own` SSIM and `margin`, one a patient."""
    private, gallery = _private(data), data.images[:, 0].numpy()
    found = ssim_matrix(drawn[:, 0].numpy(), gallery, box=union_box(gallery, margin=5))
    rows = np.arange(len(private))
    own = found[rows, private]
    found[rows, private] = -np.inf
    return {"own": own.tolist(), "margin": (own - found.max(1)).tolist()}


def gain_row(key: dict[str, str], found: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    """A row of the table: what `scores` found, and its gain on a reference."""
    margin = np.array(found["margin"])
    interval = bootstrap_mean(margin - np.array(reference["margin"]), Seeds(0).child("-".join(key.values())).numpy())
    return {
        **key,
        "patients": len(margin),
        "rank1": int((margin > 0).sum()),
        "own": round(float(np.mean(found["own"])), 4),
        "margin": round(float(margin.mean()), 4),
        "gain": round(interval.mean, 4),
        "gain_low": round(interval.low, 4),
        "gain_high": round(interval.high, 4),
    }


def run_benchmark(
    name: str,
    options: argparse.Namespace,
    phantoms: BrainPhantoms,
    preparation: PreparationSettings,
    cells: list[Cell],
) -> dict[str, dict[str, Any]]:
    """Make the patients and do the cells; a second start with `--resume` goes on."""
    with Run.start(options.run, name, {"seed": options.seed}, resume=options.resume) as run:
        make_patients(run, phantoms, preparation, options.workers)
        return run_cells(run, cells, workers=options.workers, quiet=False)


def write_tables(
    name: str,
    options: argparse.Namespace,
    settings: dict[str, dict[str, Any]],
    tables: dict[str, list[dict[str, Any]]],
) -> None:
    """Write `<name>.json`: the tables, the settings and where they were made."""
    write_json(
        options.out / f"{name}.json",
        {
            "command": shlex.join(["python", f"benchmarks/{name}.py", *sys.argv[1:]]),
            "seed": options.seed,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "settings": settings,
            "tables": tables,
        },
    )


def _private(data: Images) -> list[int]:
    return [*data.where("member"), *data.where("non_member")]
