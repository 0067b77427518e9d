"""Which settings of the default inversion decoder are best? Chosen on phantoms, who are never reported.

    python benchmarks/attack_settings.py [--run runs/attack-settings] [--out docs/results/phantoms] [--resume]

Trains a U-Net and a SegNet on six phantom members, attacks them with the default decoder under each variant of its
settings, and writes `attack_settings.json`: how the twelve patients that the attacker does not own (members and
non-members) are drawn and found among 24. `margin` is the SSIM with the own original minus the SSIM with the best
other one. `gain` is the margin minus that of the variant `reference`, paired by patient, with its bootstrap interval.
Variants are one change each, at half the length of the preset `cpu`. The settings that stand in the code are the
reference with what won: `twice_as_long` and `lattice_5_to_10`. A variant is a cell of a run: a second start with
`--resume` goes on.
"""

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.decoder import reconstruct
from remnant.attacks.default import DefaultSettings, train_default
from remnant.attacks.warp import WarpSettings
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.align import align
from remnant.cohort.folds import three_group_folds
from remnant.cohort.phantoms import BrainPhantoms, write_bids
from remnant.cohort.prepare import PreparationSettings, prepare
from remnant.cohort.read import read_cohort
from remnant.cohort.template import build_template
from remnant.engine.cells import Cell, run_cells
from remnant.engine.loop import FitSettings
from remnant.measure.images import union_box
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.ssim import ssim_matrix
from remnant.studies.subbanna2021.folds import read_fold, write_fold
from remnant.targets.access import latents_of
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

NETWORKS = ("unet", "segnet")


def _variant(epochs: int = 50, learning_rate: float = 2e-3, **warp: Any) -> DefaultSettings:
    fit = FitSettings(epochs=epochs, learning_rate=learning_rate)
    return DefaultSettings(fit=fit, warp=WarpSettings(**{"lattice": (10, 10), **warp}))


VARIANTS = {
    "reference": _variant(),
    "twice_as_long": _variant(epochs=100),
    "elastic_1.2": _variant(elastic=1.2),
    "elastic_4": _variant(elastic=4.0),
    "lattice_5": _variant(lattice=(5, 5)),
    "lattice_5_to_10": _variant(lattice=(5, 10)),
    "rate_1e-3": _variant(learning_rate=1e-3),
    "rate_4e-3": _variant(learning_rate=4e-3),
}


def make_patients(run: Run, seed: int, workers: int) -> None:
    """Draw and prepare the phantoms, as the study prepares brains."""
    folder = run.private / "phantoms"
    write_bids(BrainPhantoms(patients=24, side=64, seed=seed), folder, workers=workers)
    cohort = read_cohort(folder)
    fold = three_group_folds(cohort.patients, seeds=Seeds(seed))[0]
    heads = prepare(cohort, PreparationSettings(), cache=run.private / "cache", workers=workers)
    template = build_template(heads.select(fold.attacker), workers=workers)
    write_fold(run, align(heads, template, workers=workers), fold)


def target_cell(run: Run, network: str, seed: int) -> dict[str, Any]:
    """Train the target on the members."""
    data, settings = read_fold(run, 0), SegmenterSettings()
    members = data.where("member")
    classes, seeds = len(data.classes), Seeds(seed).child(network)
    images, labels = data.images[members], data.labels[members]
    model = train_segmenter(network, images, labels, classes, settings, seeds, lambda *_: None)
    arguments = {"architecture": network, "classes": classes, "widths": settings.widths}
    save_checkpoint(run.checkpoints / f"{network}.safetensors", model, arguments)
    return {}


def attack_cell(run: Run, network: str, variant: str, seed: int) -> dict[str, Any]:
    """Attack the target with one variant and search for everybody whom the attacker does not own."""
    data = read_fold(run, 0)
    attacked = [*data.where("member"), *data.where("non_member")]
    access = latents_of(load_checkpoint(run.checkpoints / f"{network}.safetensors"), data.images[attacked])
    own = data.images[data.where("attacker")]
    seeds = Seeds(seed).child(f"attack-{network}")

    def report(epoch: int, loss: float, _: float | None) -> None:
        run.log(f"{network}-{variant}", "epoch", epoch=epoch + 1, loss=loss)

    model = train_default(access, own, VARIANTS[variant], seeds, report)
    gallery = data.images[:, 0].numpy()
    scores = ssim_matrix(reconstruct(model, access.latents)[:, 0].numpy(), gallery, box=union_box(gallery, margin=5))
    rows = np.arange(len(attacked))
    others = scores.copy()
    others[rows, attacked] = -np.inf
    own_scores = scores[rows, attacked]
    return {"own": own_scores.tolist(), "margin": (own_scores - others.max(1)).tolist()}


def table(cells: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a network and variant."""
    rows = []
    for network in NETWORKS:
        reference = np.array(cells[f"{network}-reference"]["margin"])
        for variant in VARIANTS:
            cell = cells[f"{network}-{variant}"]
            margin = np.array(cell["margin"])
            gain = margin - reference
            interval = bootstrap_mean(gain, Seeds(0).child(f"{network}-{variant}").numpy())
            rows.append(
                {
                    "network": network,
                    "variant": variant,
                    "patients": len(margin),
                    "rank1": int((margin > 0).sum()),
                    "own": round(float(np.mean(cell["own"])), 4),
                    "margin": round(float(margin.mean()), 4),
                    "gain": round(interval.mean, 4),
                    "gain_low": round(interval.low, 4),
                    "gain_high": round(interval.high, 4),
                    "seconds": cell["seconds"],
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/attack-settings"))
    parser.add_argument("--out", type=Path, default=Path("docs/results/phantoms"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    cells = []
    for network in NETWORKS:
        cells.append(Cell(network, target_cell, {"network": network, "seed": options.seed}))
        for variant in VARIANTS:
            arguments = {"network": network, "variant": variant, "seed": options.seed}
            cells.append(Cell(f"{network}-{variant}", attack_cell, arguments, (network,)))
    with Run.start(options.run, "attack_settings", {"seed": options.seed}, resume=options.resume) as run:
        if not (run.private / "folds" / "fold0.npz").exists():
            make_patients(run, options.seed, options.workers)
        done = run_cells(run, cells, workers=options.workers, quiet=False)
    write_json(
        options.out / "attack_settings.json",
        {
            "command": shlex.join(["python", "benchmarks/attack_settings.py", *sys.argv[1:]]),
            "seed": options.seed,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "settings": {name: settings.resolved() for name, settings in VARIANTS.items()},
            "tables": {"attack_settings": table(done)},
        },
    )


if __name__ == "__main__":
    main()
