"""A training that processes share is the training of one."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed, nn

from remnant.base.errors import RemnantError
from remnant.base.files import read_json
from remnant.base.run import Run
from remnant.engine import shared
from remnant.engine.shared import SharedNetwork, joined

SCRIPT = Path(__file__).with_name("shared_training.py")
TORCHRUN = {"WORLD_SIZE": "2", "RANK": "1", "TORCHELASTIC_RUN_ID": "none"}


@pytest.fixture
def alone(tmp_path):
    """A group of this process alone, by which what is shared must come to what it comes to without."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def network(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), norm, nn.ReLU(), nn.Conv3d(4, 2, 1))


@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}])
def test_batch_normalisation_of_all_shares_is_that_of_the_batch(alone, options):
    images = 3 + torch.randn(3, 1, 6, 6, 6, generator=torch.Generator().manual_seed(1))
    plain, together = (network(nn.BatchNorm3d(4, **options)) for _ in range(2))
    wrapped = SharedNetwork(together)
    for _ in range(2):
        for model in (plain, wrapped):
            model.zero_grad()
            model(images).square().mean().backward()
        wrapped.sum_gradients()
    for one, other in zip(plain.parameters(), together.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    for one, other in zip(plain.buffers(), together.buffers(), strict=True):
        torch.testing.assert_close(one, other)
    # Nothing of it stays behind, and nothing is shared outside of training.
    assert "forward" not in vars(together[1])
    torch.testing.assert_close(plain.eval()(images), wrapped.eval()(images))


def test_a_network_that_answers_with_several_tensors_is_refused(alone):
    class Two(nn.Module):
        def forward(self, images):
            return images, images

    with pytest.raises(RemnantError, match=r"must answer with one tensor\. Got tuple instead"):
        SharedNetwork(Two())(torch.zeros(2, 1))


def test_a_process_is_alone_without_torchrun_and_as_a_worker(monkeypatch):
    monkeypatch.setattr(distributed, "init_process_group", lambda *_: pytest.fail("meets others"))
    assert joined.__wrapped__() == 1
    monkeypatch.setattr(os, "environ", os.environ | TORCHRUN)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: "of another")
    assert joined.__wrapped__() == 1
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: None)
    met = []
    monkeypatch.setattr(distributed, "init_process_group", met.append)
    monkeypatch.setattr(shared.atexit, "register", lambda _: None)
    assert joined.__wrapped__() == 2 and met == ["nccl" if torch.cuda.is_available() else "gloo"]


@pytest.mark.slow
def test_two_processes_of_torchrun_train_a_cell_with_the_losses_of_one(tmp_path):
    def train(folder, *launcher):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        words = [sys.executable, *launcher, str(SCRIPT), str(tmp_path / folder)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stderr
        return [found_of(path) for path in sorted((tmp_path / folder).iterdir())]

    def found_of(path):
        run = Run.open(path)
        return [event["loss"] for event in run.events() if event["event"] == "epoch"], read_json(
            path / "cells" / "training.json"
        )

    ((losses, one),) = train("one")
    two = train("two", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert len(two) == 2 and len(losses) == 4 and losses[-1] < losses[0]
    # Steps of 3 and 2 scans: the first process runs 2 and 1 of them, the second 1 and 1.
    assert one["images"] == [2, 3] and [found["images"] for _, found in two] == [[1, 2], [1]]
    for shared_losses, found in two:
        np.testing.assert_allclose(shared_losses, losses, rtol=1e-4)
        # All but biases before a BatchNorm, whose gradient is nothing but rounding, of which Adam makes whole steps.
        assert np.isclose(found["weights"], one["weights"], rtol=1e-2, atol=1e-4).mean() > 0.99
    assert two[0][1]["weights"] == two[1][1]["weights"]
