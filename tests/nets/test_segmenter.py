import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.nets.encoder import Encoder, first_convolution, max_pool
from remnant.nets.segmenter import Segmenter
from remnant.nets.strided import double

WIDTHS = (2, 3, 4, 5)


def image(*shape):
    return torch.rand(2, 1, *(shape or (32, 48, 16)), generator=torch.Generator().manual_seed(0))


def segmenter(architecture="unet", **options):
    torch.manual_seed(0)
    return Segmenter(architecture, 4, **({"widths": WIDTHS} | options))


def test_the_papers_latent():
    torch.manual_seed(0)
    latent = Encoder().eval()(image(32, 48, 16)[:1])
    assert latent.shape[1:] == (128, 2, 3, 1)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("norm", ["batch", "none"])
def test_the_latent_alone_is_the_latent_of_the_whole_network(norm, training):
    torch.manual_seed(0)
    encoder = Encoder(WIDTHS, norm).train(training)
    for layer in encoder.norms:
        # A negative scale would change which voxel is the maximum, were the order of the layers another.
        if norm == "batch":
            nn.init.uniform_(layer.weight, -1, 1)
    latent, skips, places = encoder.levels(image(), indices=True)
    torch.testing.assert_close(encoder(image()), latent)
    torch.testing.assert_close(encoder.levels(image(), indices=False)[0], latent)
    assert [tuple(skip.shape[1:]) for skip in skips] == [(2, 32, 48, 16), (3, 16, 24, 8), (4, 8, 12, 4), (5, 4, 6, 2)]
    assert [tuple(place.shape[1:]) for place in places] == [(2, 16, 24, 8), (3, 8, 12, 4), (4, 4, 6, 2), (5, 2, 3, 1)]


@pytest.mark.parametrize("unpool", ["none", "indices"])
@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize("architecture", ["unet", "segnet"])
def test_logits_and_classes_have_the_size_of_the_image(architecture, norm, unpool):
    model = segmenter(architecture, norm=norm, unpool=unpool).eval()
    logits = model(image())
    assert logits.shape == (2, 4, 32, 48, 16)
    classes = model.segment(image())
    assert classes.dtype == torch.uint8 and torch.equal(classes.long(), logits.argmax(1))
    assert any(isinstance(module, nn.BatchNorm3d) for module in model.modules()) == (norm == "batch")


def reached(model, latent, skips, places):
    return [
        bool((model.decoder(latent, skips, places) - model.decoder(*changed)).abs().max() > 1e-6)
        for changed in (
            (latent + 1, skips, places),
            (latent, [skip + 1 for skip in skips], places),
        )
    ]


def test_skips_reach_the_u_net_alone():
    for architecture, through_skips in (("unet", True), ("segnet", False)):
        model = segmenter(architecture, norm="none").eval()
        assert reached(model, *model.encoder.levels(image(), indices=False)) == [True, through_skips]


def test_pooling_indices_are_used_only_where_asked():
    model = segmenter("segnet", unpool="indices", norm="none").eval()
    latent, skips, places = model.encoder.levels(image(), indices=True)
    moved = [torch.zeros_like(place) for place in places]
    assert (model.decoder(latent, skips, places) - model.decoder(latent, skips, moved)).abs().max() > 1e-6
    assert segmenter("segnet").encoder.levels(image(), indices=False)[2] == []


def test_the_sizes_of_the_published_networks():
    def count(module):
        return sum(weights.numel() for weights in module.parameters())

    torch.manual_seed(0)
    convolutions = sum(27 * a * b + b for a, b in ((1, 16), (16, 32), (32, 64), (64, 128)))
    assert count(Encoder()) == convolutions + 2 * (16 + 32 + 64 + 128)
    ups = sum(64 * a * b + b for a, b in ((128, 64), (64, 32), (32, 16), (16, 4)))
    assert count(Segmenter("segnet", 4).decoder) == ups + 2 * (64 + 32 + 16)
    skips = sum(27 * a * b for a, b in ((128, 64), (64, 32), (32, 16), (16, 4)))
    assert count(Segmenter("unet", 4).decoder) == ups + 2 * (64 + 32 + 16) + skips


def test_upsampling_and_a_deconvolution_are_one_transposed_convolution_with_tied_taps():
    """The claim of `double`: output voxel 2 q + r sees, under nearest up-sampling, input voxel q + (r + t - 1) // 2."""
    torch.manual_seed(0)
    plain = nn.Conv3d(2, 3, 3, padding=1).double()
    # Along one axis, tap k of the transposed convolution joins input i to output 2 i + k - 1.
    tie = torch.zeros(4, 3, dtype=torch.float64)
    for r in range(2):
        for t in range(3):
            source = (r + t - 1) // 2
            tie[r - 2 * source + 1, t] = 1
    fused = double(2, 3).double()
    with torch.no_grad():
        fused.weight.copy_(torch.einsum("oixyz,ax,by,cz->ioabc", plain.weight, tie, tie, tie))
        fused.bias.copy_(plain.bias)
    features = torch.rand(1, 2, 4, 5, 3, dtype=torch.float64)
    expected = plain(functional.interpolate(features, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(fused(features), expected)


def test_channels_of_zeros_beside_the_image_change_nothing():
    torch.manual_seed(0)
    convolution, seen = nn.Conv3d(1, 3, 3, padding=1), image(8, 6, 10)
    torch.testing.assert_close(first_convolution(convolution, seen), convolution(seen), atol=0, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        drawn, expected = first_convolution(convolution, seen), convolution(seen)
    assert drawn.dtype == torch.bfloat16
    torch.testing.assert_close(drawn, expected)
    gradients = [torch.autograd.grad(each.float().square().sum(), convolution.weight)[0] for each in (drawn, expected)]
    torch.testing.assert_close(*gradients, atol=0, rtol=0.01)


def test_a_first_convolution_of_many_channels_sees_them_all():
    convolution, seen = nn.Conv3d(5, 3, 3, padding=1), torch.rand(1, 5, 4, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(first_convolution(convolution, seen), convolution(seen), atol=0, rtol=0)


def test_pooling_keeps_the_precision_it_is_given():
    features = torch.rand(1, 2, 4, 4, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert max_pool(features).dtype == torch.bfloat16
        torch.testing.assert_close(max_pool(features).float(), functional.max_pool3d(features, 2), atol=0, rtol=0)
