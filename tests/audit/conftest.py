"""Whatever an audit of these tests writes is held to the committed schema, as another program would hold it."""

import json
from pathlib import Path

import jsonschema_rs
import pytest
import torch

from remnant.base.files import write_json
from remnant.base.findings import AuditResults
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import build_template
from remnant.cohort.prepare.volumes import prepare
from remnant.defenses.privacynet.concealing import references_of
from remnant.defenses.privacynet.networks import Networks, save_pair
from remnant.measure.correlation import ncc_matrix
from remnant.studies.kim2019 import preset

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "results.schema.json"


@pytest.fixture(scope="session")
def by_schema():
    """`by_schema(path)`: raise where a results.json does not keep to the schema."""
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text("utf-8")))
    return lambda path: validator.validate(json.loads(Path(path).read_text("utf-8")))


@pytest.fixture(scope="session", autouse=True)
def _every_file_by_schema(by_schema):
    def write(results, path):
        written(results, path)
        by_schema(path)

    with pytest.MonkeyPatch.context() as patch:
        written = AuditResults.write
        patch.setattr(AuditResults, "write", write)
        yield


@pytest.fixture(scope="session")
def trained_net(tmp_path_factory, people):
    """`trained_net(name, seed, method)`, once a name: a run of `remnant protect train`, but for the training, of two patients."""
    settings = preset("smoke").net
    folder = tmp_path_factory.mktemp("trained")
    cohort = read_cohort(people)
    own = cohort.of(cohort.patients[:2])
    heads = prepare(own, settings.preparation, cache=folder / "cache", quiet=True)
    template = build_template(heads, quiet=True)
    scans = align(heads, template, quiet=True)
    images = scans.images.numpy()

    def make(name: str = "run", seed: int = 0, method: str = "encoder") -> Path:
        if (folder / name).exists():
            return folder / name
        own_settings = settings.changed(method=method)
        run = Run.start(folder / name, "privacynet", own_settings.resolved(), resume=False)
        write_json(run.private / "patients.json", {"training": own.patients, "held_out": cohort.patients[2:]})
        networks = Networks.untrained(own_settings, len(heads.classes), Seeds(seed))
        likeness = float(ncc_matrix(images[:, 0], template.image[None]).min())
        mean = torch.from_numpy(template.image)
        references = references_of(scans, own_settings)
        save_pair(run.checkpoints, networks, own_settings, heads.grid, heads.classes, likeness, mean, references)
        return run.path

    return make


@pytest.fixture
def cluster(monkeypatch):
    """A cluster of two nodes of one core, and the second of them."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Beside other work its processes would hardly have a turn.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield nodes, nodes.add_node(num_cpus=1)
    nodes.shutdown()
