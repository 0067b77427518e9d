"""What a GPU must hold of a training is counted right."""

import pytest
import torch
from benchmarks.gpu_memory import CLASSES, SMALL, counted

from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.drawing import PairBatch
from remnant.defenses.privacynet.game import Played, hider
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import privacynet_preset


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
