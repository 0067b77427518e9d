"""The numbers of docs/scale.md are of the benchmarks' files, and what a GPU must hold of a training is counted right."""

import importlib.util
from pathlib import Path

import pytest
import torch
from benchmarks.gpu_memory import CLASSES, SMALL, counted

from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.drawing import PairBatch
from remnant.defenses.privacynet.game import Played, hider
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import privacynet_preset

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"


@pytest.fixture
def made():
    """The program that writes the numbers of the page."""
    spec = importlib.util.spec_from_file_location("make_scale", PAGE.with_name("make_scale.py"))
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program


def test_the_page_has_the_numbers_of_the_files(made):
    page = PAGE.read_text("utf-8")
    assert made.with_table(page) == page and len(made.rows()) >= 8


def test_a_number_follows_its_file_and_what_was_not_measured_has_none(made, monkeypatch):
    line = {"searches": 8, "slope": 1.0, "low": 0.9, "high": 1.1}
    ahead = {"size": made.SAMPLE, "seconds": 600.0, "low": 300.0, "high": 1200.0}
    files = {"gallery_scale": {"line": line | {"predicted": [ahead]}}}
    measured = made.speed
    monkeypatch.setattr(made, "speed", lambda name: files.get(name) or measured(name))
    said = {what: number for what, number, _ in made.rows()}
    assert said[made.BY_VOXELS].startswith(
        "10.0 minutes of a core [5.0, 20.0] at 32^3 voxels, by the line through 8 searches"
    )
    files["gallery_scale"] = {"line": {"searches": 1}}
    assert {what: number for what, number, _ in made.rows()}[made.BY_VOXELS] == "not measured yet"


def test_what_a_step_keeps_is_counted_as_tensors_with_values_have_it():
    net = privacynet_preset("smoke")
    networks, saved = Networks.untrained(net, CLASSES, Seeds(0)), {}
    own = {weight.untyped_storage().data_ptr() for each in vars(networks).values() for weight in each.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage
        return tensor

    scans = torch.rand(2 * net.batch, 1, *(net.patch,) * 3)
    batch = PairBatch(scans, torch.zeros(scans[:, 0].shape, dtype=torch.uint8), torch.zeros(net.batch))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hider(networks, net, 1e-4).loss(Played(0, batch, networks.encoder(scans)))
    found = counted(net)
    kept = sum(storage.nbytes() for place, storage in saved.items() if place not in own)
    assert found["activations"] == pytest.approx(kept, rel=0.02)
    assert found["states"] == 16 * found["parameters"] > 0
    assert counted(net.changed(batch=2 * net.batch))["activations"] > 1.9 * found["activations"]


def test_the_settings_for_a_small_gpu_are_the_papers_with_fewer_pairs():
    paper = privacynet_preset("paper")
    small = paper.with_toml(SMALL)
    assert small == paper.changed(batch=2) and small.batch < paper.batch
