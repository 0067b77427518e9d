"""The tables of an invented study, which take seconds; networks that nobody trained, as a run of training leaves them."""

import csv
import shutil
import sys
from pathlib import Path

import pytest
import torch

from remnant.base.files import write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.align import align
from remnant.cohort.prepare import prepare
from remnant.cohort.read import read_cohort
from remnant.cohort.template import build_template
from remnant.defenses.privacynet.networks import Networks, save_pair
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.measure.correlation import ncc_matrix
from remnant.studies.kim2019 import preset
from remnant.studies.kim2019.tables import make_tables

# The tests import their helpers as tests.<room>.<module>, wherever pytest was started.
sys.path.insert(0, str(Path(__file__).parents[3]))


@pytest.fixture(scope="session")
def invented() -> dict:
    """What the cells of a study of five variants left: arguments of `make_tables`. Read only."""
    from tests.studies.kim2019.example import study

    return study()


@pytest.fixture(scope="session")
def tables(invented) -> dict:
    """Its tables. Read only."""
    return make_tables(**invented, seeds=Seeds(0))


@pytest.fixture(scope="session")
def people(tmp_path_factory, write_cohort) -> Path:
    """Four phantoms of two sessions each."""
    return write_cohort(tmp_path_factory.mktemp("people") / "people", patients=4, sessions=2)


@pytest.fixture(scope="session")
def settings() -> PrivacyNetSettings:
    return preset("smoke").net


@pytest.fixture(scope="session")
def trained(tmp_path_factory, people, settings):
    """`trained(name, seed)`: a run of `remnant protect train`, but for the training, of the first two patients."""
    folder = tmp_path_factory.mktemp("trained")
    cohort = read_cohort(people)
    own = cohort.of(cohort.patients[:2])
    heads = prepare(own, settings.preparation, cache=folder / "cache", quiet=True)
    template = build_template(heads, quiet=True)
    images = align(heads, template, quiet=True).images

    def make(name: str = "run", seed: int = 0) -> Path:
        run = Run.start(folder / name, "privacynet", settings.resolved(), resume=False)
        write_json(run.private / "patients.json", {"training": own.patients, "held_out": cohort.patients[2:]})
        networks = Networks.untrained(settings, len(heads.classes), Seeds(seed))
        likeness = float(ncc_matrix(images[:, 0], template.image[None]).min())
        mean = torch.from_numpy(template.image)
        save_pair(run.checkpoints, networks, settings, heads.grid, heads.classes, likeness, mean)
        return run.path

    return make


@pytest.fixture
def altered(tmp_path, people):
    """`altered(change)`: the cohort with `change(row)` done to the rows of its table, None leaving one out."""

    def make(change) -> Path:
        copy = tmp_path / "altered"
        shutil.copytree(people, copy)
        with (people / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        kept = [changed for row in rows if (changed := change(dict(row)))]
        with (copy / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)
        return copy

    return make
