"""Fused steps inside somebody else's training: the same weights, and nothing that its owner chose is changed."""

import pytest
import torch
from torch import nn

from remnant.engine.fused import fused_steps

KINDS = {
    "Adam": lambda weights: torch.optim.Adam(weights, 1e-2, weight_decay=1e-3),
    "AdamW": lambda weights: torch.optim.AdamW(weights, 1e-2, amsgrad=True),
    "SGD": lambda weights: torch.optim.SGD(weights, 1e-2, momentum=0.9, nesterov=True),
}


def trained(kind, steps=5):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
    optimiser, images = kind(network.parameters()), torch.randn(6, 4)
    for _ in range(steps):
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()
    return optimiser, torch.cat([weight.flatten() for weight in network.parameters()]).detach()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_the_same_weights(kind):
    plain, expected = trained(kind)
    with fused_steps():
        optimiser, weights = trained(kind)
    assert optimiser.param_groups[0]["fused"] and not plain.param_groups[0].get("fused")
    torch.testing.assert_close(weights, expected, rtol=1e-5, atol=1e-6)
    assert not trained(kind)[0].param_groups[0].get("fused")


def test_what_the_owner_chose_stays():
    class Own(torch.optim.Adam):
        pass

    with fused_steps():
        for kind in (lambda weights: torch.optim.Adam(weights, foreach=True), Own, torch.optim.RMSprop):
            assert not trained(kind)[0].param_groups[0].get("fused")


def test_an_optimiser_that_had_begun_goes_on_as_it_did():
    network = nn.Linear(4, 2)
    optimiser = torch.optim.Adam(network.parameters())

    def step():
        network(torch.ones(1, 4)).sum().backward()
        optimiser.step()

    step()
    with fused_steps():
        step()
    assert not optimiser.param_groups[0]["fused"]


def test_sparse_gradients_are_left_alone():
    words = nn.Embedding(5, 3, sparse=True)
    optimiser = torch.optim.SGD(words.parameters(), 0.1)
    with fused_steps():
        words(torch.tensor([1, 2])).sum().backward()
        optimiser.step()
    assert not optimiser.param_groups[0]["fused"]
