"""Canaries on real radiographs: whether attacks find them, and whether they spoil the shadow models that they train.

    python benchmarks/canaries.py [--run runs/canaries] [--resume] [--out docs/results/membership/canaries.json]

The radiographs of `audited/radiographs.py` at 48 pixels, of 170 patients. A ResNet18 of 16 channels is trained by halves of
them, eight networks each time, with augmentation and weight decay (regular) and without and twice as long (overfit); with
canaries, and by the same seeds without. A network is a cell of a run: a second start with `--resume` goes on. About 4 minutes
on one core.
"""

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from remnant.attacks.attack import Attack
from remnant.attacks.registry import all_attacks
from remnant.audit.cells import canary_cells, recipe, shadows
from remnant.audit.cells.kept import kept_shadows
from remnant.audit.config import AuditConfig
from remnant.audit.materials.join import checked_roles, joined
from remnant.audit.materials.material import Material
from remnant.audit.owner.items import numbered, table_of, told_to_train
from remnant.audit.owner.training import Training
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import run_cells
from remnant.nets.classifiers import build_classifier

sys.path.insert(0, str(Path(__file__).parent / "audited"))
import radiographs

SIDE, WIDTH, BATCH, SHIFT = 48, 16, 16, 4
EPOCHS = {"regular": 12, "overfit": 24}
CONFIG = AuditConfig.checked(shadows={"count": 8})
ATTACKS = ("output", "references", "rmia", "lira", "bavaria", "hierarchical")


def fresh(seeds: Seeds) -> nn.Module:
    """A network that has not learned."""
    torch.manual_seed(seeds.integer)
    return build_classifier("resnet18", width=WIDTH, channels=1, classes=2)


def training_of(kind: str) -> Callable[[nn.Module, list[dict[str, Any]], int], None]:
    """The training of this kind, as an owner writes it."""
    regular = kind == "regular"

    def train(model: nn.Module, items: list[dict[str, Any]], seed: int) -> None:
        torch.manual_seed(seed)
        images = torch.stack([item["image"] for item in items])
        labels = torch.tensor([item["label"] for item in items])
        optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05 if regular else 0.0)
        for _ in range(EPOCHS[kind]):
            for places in torch.randperm(len(images)).split(BATCH):
                batch = images[places]
                if regular:
                    batch = batch.roll(torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist(), (2, 3))
                    batch = batch.flip(3) if torch.rand(()) < 0.5 else batch
                optimiser.zero_grad()
                nn.functional.cross_entropy(model(batch), labels[places]).backward()
                optimiser.step()

    return train


def material_of(kind: str, items: list[dict[str, Any]]) -> Material:
    """The cohort with this training; the audited network, which nothing here is told of, has not learned."""
    images, who = table_of(numbered(items, "the radiographs"), "the radiographs")
    network = fresh(Seeds(0).child("audited")).eval()
    target, images = joined(network, network, images, loss=None, batch=BATCH, source="the radiographs")
    own = [told_to_train(item) for item in items]
    training = Training(training_of(kind), fresh, own, images.patients, None, kind)
    return Material(target, images, checked_roles(images, who), {"name": kind}, training=training)


def measured(
    material: Material, attacks: Sequence[Attack], folder: Path, *, resume: bool
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What eight networks tell of who trained them, a row an attack and view; and what of the canaries among them."""
    canaries: dict[str, Any] = {}
    with Run.start(folder, "audit", {}, resume=resume) as run:
        run_cells(run, shadows.shadow_cells(material, attacks, 0), workers=1, quiet=True)
        rows = recipe.recipe_cell(run, material, attacks, 0)["rows"]
        if material.canaries:
            found = canary_cells.canary_cell(run, material, attacks, 0)["controls"]
            kept = kept_shadows(run, 8, shadows.CANARIES)
            assert kept
            known = canary_cells.known_of(kept)
            names = ("attack", "value", "low", "high", "p", "passed")
            canaries = {
                "canaries": known.canaries,
                "loss_with": known.inside,
                "loss_without": known.outside,
                "apart": known.apart,
                "asked": known.asked,
                "attacks": [{name: one[name] for name in names} for one in found],
            }
    return rows, canaries


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/canaries"))
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/canaries.json"))
    options = parser.parse_args()
    attacks = [attack for name, attack in all_attacks().items() if name in ATTACKS]
    items, recipes, found = radiographs.prepared(SIDE), [], []
    for kind in EPOCHS:
        whole = material_of(kind, items)
        aside = shadows.with_shadows(whole, CONFIG)
        without = replace(whole, target=replace(whole.target, shadows=CONFIG.shadows.count))
        for material in (aside, without):
            folder = options.run / f"{kind}-{'with' if material.canaries else 'without'}"
            rows, canaries = measured(material, attacks, folder, resume=options.resume)
            told = {"training": kind, "canaries": bool(material.canaries)}
            recipes += [{**told, **row} for row in rows]
            found += [{"training": kind, **canaries}] if canaries else []
            for row in rows:
                print(
                    kind, "with" if canaries else "without", row["attack"], row["view"], f"{row['auc']:.3f}", flush=True
                )
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "patients": len({item["patient"] for item in items}),
            "networks": CONFIG.shadows.count,
            "side": SIDE,
            "epochs": EPOCHS,
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"recipe": recipes, "canaries": found},
        },
    )


if __name__ == "__main__":
    main()
