import math

import pytest
import torch
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.nets.pggan import CHANNELS, Discriminator, Equalised, Generator, MinibatchDeviation, PixelNorm, doublings

WIDTHS = (6, 5, 4)


def module(name, *shape):
    return [(f"{name}.module.weight", shape), (f"{name}.module.bias", shape[:1])]


def test_names_and_shapes_are_the_public_checkpoint_s():
    """Of the 1024 pixel chest PGGAN (Segal 2021)."""
    widths = (512, 512, 512, 512, 256, 128, 64, 32, 16)
    expected = [("current_size", ()), ("current_depth", ()), ("alpha", ())]
    expected += module("latent_linear.0", 8192, 512) + module("init_conv.0", 512, 512, 3, 3)
    for i in range(8):
        expected += module(f"ScaleBlocks.{i}.convolv.0", widths[i + 1], widths[i], 3, 3)
        expected += module(f"ScaleBlocks.{i}.convolv.3", widths[i + 1], widths[i + 1], 3, 3)
    for i in range(9):
        expected += module(f"toRGB.{i}", 3, widths[i], 1, 1)
    with torch.device("meta"):
        state = Generator(colours=3).state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == expected


def by_hand(state, latent, depth, alpha):
    """The generator from its formulas alone, each layer's output scaled as the public network scales it."""

    def layer(features, name, padding=0):
        weight, bias = state[f"{name}.module.weight"], state[f"{name}.module.bias"]
        scale = math.sqrt(2 / weight[0].numel())
        if weight.ndim == 2:
            return (features @ weight.T + bias) * scale
        return functional.conv2d(features, weight, bias, padding=padding) * scale

    def normed(features):
        return features / torch.sqrt((features**2).mean(1, keepdim=True) + 1e-8)

    def convolved(features, name):
        return normed(functional.leaky_relu(layer(features, name, 1), 0.2))

    def doubled(features):
        return features.repeat_interleave(2, 2).repeat_interleave(2, 3)

    features = functional.leaky_relu(layer(normed(latent), "latent_linear.0"), 0.2).reshape(len(latent), -1, 4, 4)
    features = convolved(features, "init_conv.0")
    for i in range(depth):
        before = features
        features = convolved(doubled(features), f"ScaleBlocks.{i}.convolv.0")
        features = convolved(features, f"ScaleBlocks.{i}.convolv.3")
    image = layer(features, f"toRGB.{depth}")
    return image if not alpha else alpha * doubled(layer(before, f"toRGB.{depth - 1}")) + (1 - alpha) * image


@pytest.mark.parametrize(("depth", "alpha"), [(0, 0.0), (1, 0.3), (2, 0.0), (2, 0.75), (2, 1.0)])
def test_images_follow_from_the_formulas_at_every_stage(depth, alpha):
    torch.manual_seed(0)
    generator = Generator(7, WIDTHS, 16)
    for name, value in generator.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(value)
    generator.double().grow_to(depth, alpha)
    latent = torch.randn(3, 7, dtype=torch.float64)
    images = generator(latent)
    assert images.shape == (3, 1, 4 << depth, 4 << depth)
    assert torch.allclose(images, by_hand(generator.state_dict(), latent, depth, alpha), atol=1e-9)


def test_a_discriminator_fades_from_the_shrunk_image_to_the_image():
    torch.manual_seed(0)
    discriminator, images = Discriminator(WIDTHS, 16), torch.rand(4, 1, 16, 16)
    new = discriminator(images)
    assert new.shape == (4, 1)
    discriminator.grow_to(1)
    old = discriminator(functional.avg_pool2d(images, 2))
    discriminator.grow_to(2, 1.0)
    assert torch.allclose(discriminator(images), old, atol=1e-6) and not torch.allclose(new, old, atol=1e-3)
    discriminator.grow_to(2, 0.5)
    half = discriminator(images)
    assert not torch.allclose(half, old, atol=1e-4) and not torch.allclose(half, new, atol=1e-4)


@pytest.mark.parametrize("side", [4, 8, 64])
def test_any_side(side):
    channels = (8, 8, 6, 4, 2)[: doublings(side) + 1]
    images = Generator(16, channels, side)(torch.randn(2, 16))
    assert images.shape == (2, 1, side, side)
    assert Discriminator(channels, side)(images).shape == (2, 1)


def test_weights_start_standard_normal_and_are_scaled_when_used():
    torch.manual_seed(0)
    layer = Equalised(torch.nn.Linear(1000, 500))
    assert abs(layer.module.weight.std() - 1) < 0.01 and not layer.module.bias.any()
    # He: what comes out of random input has twice its variance, of which a ReLU leaves the half.
    assert abs(layer(torch.randn(200, 1000)).var() - 2) < 0.05


def test_pixel_norm_makes_the_mean_square_one():
    assert torch.allclose(PixelNorm()(torch.randn(2, 5, 3, 3) * 9).square().mean(1), torch.ones(2, 3, 3), atol=1e-5)


def test_the_deviation_over_the_batch_is_one_map_more():
    features = torch.randn(4, 3, 2, 2)
    given = MinibatchDeviation()(features)
    assert torch.equal(given[:, :3], features)
    assert torch.allclose(given[:, 3], torch.full((4, 2, 2), features.std(0, unbiased=False).mean().item()), atol=1e-5)
    alike = torch.ones(4, 3, 2, 2, requires_grad=True)
    MinibatchDeviation()(alike).sum().backward()
    assert alike.grad.isfinite().all()


@pytest.mark.parametrize("side", [0, 2, 12, 48, 65, 2048])
def test_a_side_that_is_not_4_times_a_power_of_2(side):
    with pytest.raises(RemnantError, match=f"4 times a power of 2, at most 1024. Got {side} instead"):
        Generator(8, CHANNELS, side)


def test_channels_that_do_not_fit():
    with pytest.raises(RemnantError, match=r"16 pixels needs 3 positive numbers .* Got \[8, 8\] and 1 instead"):
        Discriminator((8, 8), 16)
    with pytest.raises(RemnantError, match="at least one colour"):
        Generator(8, WIDTHS, 16, colours=0)


def test_the_way_back_through_pixel_norm_is_its_slope():
    features = torch.randn(2, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(PixelNorm(), features)
