"""A tiny checkpoint, a tiny prior and phantom chests, of 32 pixels; the tables of an invented audit, which take seconds."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.attacks.prior import Prior, save_prior
from remnant.base.seeds import Seeds
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.measure.anonymity import stationary_population
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Discriminator, Generator
from remnant.studies.lee2025.tables import make_tables
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier_files import save_state_dict

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[3]))

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


@pytest.fixture(scope="session")
def invented() -> dict:
    """What the cells of an audit of a few targets left: arguments of `make_tables`. Read only."""
    from tests.studies.lee2025.example import audit

    return audit(("cnn", "cnn_overfit", "cnn_planted", "cnn_untrained"))


@pytest.fixture(scope="session")
def tables(invented) -> dict:
    """Its tables, with a further method on the overfit target. Read only."""
    from tests.studies.lee2025.example import SOURCES, attacked

    groups = invented["groups"][SOURCES["cnn_overfit"]]
    stronger = attacked(np.random.default_rng(5), "cnn_overfit", "pixels", groups, 3.0)
    return make_tables(
        **(invented | {"attacked": [*invented["attacked"], stronger]}),
        population=stationary_population(),
        site=200_000,
        seeds=Seeds(0),
    )
