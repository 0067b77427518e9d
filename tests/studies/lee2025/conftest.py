"""A tiny checkpoint, a tiny prior and phantom chests, of 32 pixels."""

import csv

import pytest
import torch

from remnant.attacks.prior import Prior, save_prior
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Discriminator, Generator
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier_files import save_state_dict

WIDTHS = (8, 8, 8, 8)


@pytest.fixture(scope="session")
def prior_file(tmp_path_factory):
    """A prior that draws around grey, its discriminator beside it."""
    folder = tmp_path_factory.mktemp("prior")
    torch.manual_seed(0)
    generator = Generator(16, WIDTHS, 32).eval()
    with torch.no_grad():
        generator.toRGB[-1].module.bias.add_(0.5)
    save_prior(folder / "prior.safetensors", Prior(generator))
    save_checkpoint(folder / "discriminator.safetensors", Discriminator(WIDTHS, 32), {"channels": WIDTHS, "side": 32})
    return folder / "prior.safetensors"


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """A ViT's state_dict, as somebody would find it."""
    torch.manual_seed(0)
    model = build_classifier("vit", image_size=32, patch=8, blocks=2, width=32, heads=1, mlp=32)
    path = tmp_path_factory.mktemp("stranger") / "model.pt"
    save_state_dict(path, model)
    return path


@pytest.fixture(scope="session")
def owners(tmp_path_factory):
    """Twelve phantom patients with a column split: half of them train, two val, the others test."""
    folder = tmp_path_factory.mktemp("owners") / "cohort"
    write_manifest(ChestPhantoms(patients=12, sessions=1, side=32, seed=3), folder, quiet=True)
    table = folder / "manifest.csv"
    with table.open(newline="") as file:
        rows = list(csv.reader(file))
    splits = ["split", *["train"] * 6, *["val"] * 2, *["test"] * 4]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([*row, split] for row, split in zip(rows, splits, strict=True))
    return folder
