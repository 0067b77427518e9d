"""A single volume is convolved as one of several, and not by the slow kernels."""

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from remnant.nets.single import FEWEST, VolumeConvolution, VolumeDeconvolution

# Channels and sides: one channel more would do, channels of zeros would be more than its own, and none is missing.
SHAPES = [(4, (64, 68, 4)), (2, (8, 6, 4)), (5, (64, 68, 4))]


def twins(kind, channels, **options):
    """A convolution of ours and PyTorch's own with its weights."""
    torch.manual_seed(0)
    ours, theirs = {nn.Conv3d: VolumeConvolution, nn.ConvTranspose3d: VolumeDeconvolution}[kind], kind
    one, other = (made(channels, 3, 3, padding=1, **options) for made in (ours, theirs))
    other.load_state_dict(one.state_dict())
    return one, other


@pytest.mark.parametrize(("channels", "sides"), SHAPES)
@pytest.mark.parametrize(
    ("kind", "options"), [(nn.Conv3d, {}), (nn.ConvTranspose3d, {"stride": 2, "output_padding": 1})]
)
@pytest.mark.parametrize("n", [1, 2])
def test_values_and_gradients_are_pytorchs(channels, sides, kind, options, n):
    found = []
    for convolution in twins(kind, channels, **options):
        features = torch.rand(n, channels, *sides, generator=torch.Generator().manual_seed(1)).requires_grad_()
        drawn = convolution(features)
        weights = torch.rand(drawn.shape, generator=torch.Generator().manual_seed(2))
        found.append((drawn, *torch.autograd.grad((drawn * weights).sum(), (features, *convolution.parameters()))))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(other.detach().abs().max()))


@pytest.mark.parametrize(("channels", "sides"), SHAPES)
def test_the_slow_kernels_are_not_taken(channels, sides):
    ours, theirs = twins(nn.Conv3d, channels)
    volume = torch.rand(1, channels, *sides)

    def kernels(convolution):
        with profile(activities=[ProfilerActivity.CPU]) as seen, torch.no_grad():
            convolution(volume)
        return {event.key for event in seen.key_averages()}

    assert "aten::mkldnn_convolution" in kernels(ours)
    # Where PyTorch takes the fast ones by itself all of this may go.
    slow = channels * sides[0] * sides[1] <= FEWEST
    assert ("aten::slow_conv3d" in kernels(theirs)) == slow


def test_a_network_that_is_traced_is_the_plain_one():
    ours, theirs = twins(nn.Conv3d, 2)
    volume = torch.rand(1, 2, 8, 6, 4)
    traced = [torch.jit.trace(one, volume).inlined_graph for one in (ours, theirs)]
    assert [sum(node.kind() == "aten::pad" for node in graph.nodes()) for graph in traced] == [0, 0]
    assert len([*traced[0].nodes()]) == len([*traced[1].nodes()])
