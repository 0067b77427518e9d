"""Stitching against MONAI's inferer, against whole volumes, and by what the network gets to see."""

import pytest
import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers import sliding_window_inference
from torch import nn

from remnant.base.errors import RemnantError
from remnant.engine.device import fabric
from remnant.engine.stitch import patch_weights, starts, stitched
from remnant.nets.segmenter import Segmenter

pytestmark = pytest.mark.usefixtures("float32")


class Seen(nn.Module):
    """Passes patches on, and counts and keeps them."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.batches = inner, []

    def forward(self, patches):
        self.batches.append(patches.cpu())
        return self.inner(patches)


def volume(*sides, seed=0):
    return torch.rand((1, *sides), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def segmenter():
    """A small U-Net whose batch normalisation has seen something."""
    torch.manual_seed(0)
    network = Segmenter("unet", 3, widths=(4, 8))
    network(torch.rand(2, 1, 16, 16, 16))
    return network.eval()


def monai(network, volume, patch, overlap):
    with torch.no_grad():
        return sliding_window_inference(volume[None], patch, 4, network, overlap, mode="gaussian")[0]


@pytest.mark.parametrize(
    ("sides", "patch", "overlap"),
    [
        ((24, 20, 28), (8, 8, 8), 0.5),
        ((21, 17, 30), (16, 8, 12), 0.25),
        ((16, 16, 16), (16, 16, 16), 0.5),
        ((11, 30, 16), (16, 16, 16), 0.6),
    ],
)
def test_agrees_with_monai(segmenter, sides, patch, overlap):
    image = volume(*sides)
    image[:, : sides[0] // 2] = 0
    expected = monai(segmenter, image, patch, overlap)
    found = stitched(segmenter, image, patch, overlap).cpu()
    assert found.shape == (3, *sides) and found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("patch", [8, (8, 12, 4), 40])
def test_a_network_without_surroundings_is_itself(patch):
    torch.manual_seed(0)
    network, image = nn.Conv3d(2, 3, 1).eval(), torch.rand(2, 19, 15, 22)
    with torch.no_grad():
        expected = network(image[None])[0]
    torch.testing.assert_close(stitched(network, image, patch).cpu(), expected)


def test_weights_sum_to_one_up_to_the_borders():
    """Every patch says its own number, so that a voxel's value is the mean of the patches that hold it, by weight."""

    class Number(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = 0

        def forward(self, patches):
            numbers = torch.arange(self.patches, self.patches + len(patches), device=patches.device)
            self.patches += len(patches)
            return numbers.view(-1, 1, 1, 1, 1).expand(patches.shape).float()

    found = stitched(Number().eval(), volume(4, 4, 11), (4, 4, 8), 0.5)[0].cpu()
    weights = patch_weights((4, 4, 8))
    assert (found[..., :3] == 0).all() and (found[..., 8:] == 1).all()
    left, right = weights[..., 3:], weights[..., :5]
    torch.testing.assert_close(found[..., 3:8], right / (left + right))


@pytest.mark.parametrize("sides", [(8, 8, 8), (5, 16, 9), (64, 32, 48)])
def test_weights_are_monais(sides):
    torch.testing.assert_close(patch_weights(sides), compute_importance_map(sides, "gaussian", 0.125))
    assert patch_weights(sides).min() == pytest.approx(1e-3)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
@pytest.mark.parametrize(("length", "side"), [(8, 8), (9, 8), (30, 8), (160, 64), (7, 1)])
def test_patches_lie_where_monais_lie(length, side, overlap):
    step = max(1, int(side * (1 - overlap)))
    expected = [window[0].start for window in dense_patch_slices((length,), (side,), (step,))]
    assert starts(length, side, overlap) == expected


def test_patches_go_in_pairs_and_plain_ones_once(segmenter):
    image = torch.zeros(1, 32, 32, 48)
    image[:, 20:30, 20:30, 36:44] = volume(10, 10, 8)
    network = Seen(segmenter).eval()
    found = stitched(network, image, 16, 0.5).cpu()
    assert {len(batch) for batch in network.batches} == {2}
    # Of 3 x 3 x 5 patches, the brightness lies in 2 x 2 x 2; the air is one more, and the last of these stands twice.
    seen = torch.cat(network.batches)
    assert len(seen) == 10 and torch.equal(seen[8], seen[9])
    assert sum(not patch.any() for patch in seen[:9]) == 1
    torch.testing.assert_close(found, monai(segmenter, image, (16,) * 3, 0.5), atol=2e-5, rtol=1e-4)


def test_plain_patches_of_two_levels_are_two():
    image = torch.zeros(1, 8, 8, 16)
    image[..., 8:] = 0.5
    network = Seen(nn.Identity()).eval()
    torch.testing.assert_close(stitched(network, image, 8, 0).cpu(), image)
    assert len(torch.cat(network.batches)) == 2


def test_padding_is_background_and_is_cut_off():
    network = Seen(nn.Identity()).eval()
    image = volume(5, 9, 8)
    torch.testing.assert_close(stitched(network, image, 8).cpu(), image)
    for patch in torch.cat(network.batches):
        assert not patch[:, :1].any() and not patch[:, 6:].any() and patch[:, 1:6].all()


def test_the_houses_precision_and_layout_and_float32_out(monkeypatch):
    class Layout(nn.Module):
        def forward(self, patches):
            assert patches.is_contiguous(memory_format=torch.channels_last_3d) and not torch.is_grad_enabled()
            return patches.bfloat16()

    entered = []
    autocast = fabric().autocast
    monkeypatch.setattr(fabric(), "autocast", lambda: entered.append(1) or autocast())
    assert stitched(Layout().eval(), torch.rand(2, 8, 8, 8), 8).dtype == torch.float32
    assert entered
    network = nn.Conv3d(2, 3, 3, padding=1).eval()
    stitched(network, torch.rand(2, 8, 8, 8), 8)
    assert network.weight.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize(
    ("shape", "patch", "overlap", "words"),
    [
        ((8, 8, 8), 8, 0.5, "channel, x, y, z"),
        ((1, 8, 8, 8), 0, 0.5, "at least 1"),
        ((1, 8, 8, 8), (8, 8), 0.5, "one side or three"),
        ((1, 8, 8, 8), 8, 1.0, "overlap"),
        ((1, 8, 8, 8), 8, -0.1, "overlap"),
    ],
)
def test_refuses(shape, patch, overlap, words):
    with pytest.raises(RemnantError, match=words):
        stitched(nn.Identity().eval(), torch.rand(shape), patch, overlap)


def test_refuses_networks_that_cannot_be_stitched():
    with pytest.raises(RemnantError, match="evaluation mode"):
        stitched(nn.Identity().train(), volume(8, 8, 8), 8)
    with pytest.raises(RemnantError, match=r"\(8, 8, 8\).*Got \(4, 4, 4\)"):
        stitched(nn.MaxPool3d(2).eval(), volume(8, 8, 8), 8)
