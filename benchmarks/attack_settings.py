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

from pathlib import Path
from typing import Any

from _phantom_attack import attacked, gain_row, options_of, run_benchmark, scores, target_cell, write_tables

from remnant.attacks.decoder import reconstruct
from remnant.attacks.default import DefaultSettings, train_default
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.cohort.warp import WarpSettings
from remnant.engine.cells import Cell
from remnant.engine.loop import FitSettings
from remnant.targets.segmenter import SegmenterSettings

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


def attack_cell(run: Run, network: str, variant: str, seed: int) -> dict[str, Any]:
    """Attack the target with one variant and search for everybody whom the attacker does not own."""
    data, access, own = attacked(run, network)
    seeds = Seeds(seed).child(f"attack-{network}")

    def report(epoch: int, loss: float, _: float | None) -> None:
        run.log(f"{network}-{variant}", "epoch", epoch=epoch + 1, loss=loss)

    model = train_default(access, own, VARIANTS[variant], seeds, report)
    return scores(data, reconstruct(model, access.latents))


def table(cells: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a network and variant."""
    rows = []
    for network in NETWORKS:
        reference = cells[f"{network}-reference"]
        for variant in VARIANTS:
            cell = cells[f"{network}-{variant}"]
            row = gain_row({"network": network, "variant": variant}, cell, reference)
            rows.append({**row, "seconds": cell["seconds"]})
    return rows


def main() -> None:
    options = options_of(__doc__.splitlines()[0], Path("runs/attack-settings"))
    cells = []
    for network in NETWORKS:
        arguments = {"network": network, "seed": options.seed}
        cells.append(Cell(network, target_cell, {**arguments, "settings": SegmenterSettings()}))
        for variant in VARIANTS:
            cells.append(Cell(f"{network}-{variant}", attack_cell, {**arguments, "variant": variant}, (network,)))
    phantoms = BrainPhantoms(patients=24, side=64, seed=options.seed)
    done = run_benchmark("attack_settings", options, phantoms, PreparationSettings(), cells)
    settings = {name: settings.resolved() for name, settings in VARIANTS.items()}
    write_tables("attack_settings", options, settings, {"attack_settings": table(done)})


if __name__ == "__main__":
    main()
