import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.nets.normalisation import group_norm
from remnant.nets.unet import UNet
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint

WIDTHS = (4, 6, 8)


def volumes(n=2, *sides):
    return torch.rand(n, 1, *(sides or (16, 8, 12)), generator=torch.Generator().manual_seed(0))


def unet(outputs=3, widths=WIDTHS, **options):
    torch.manual_seed(0)
    model = UNet(outputs, widths, **options)
    for layer in model.modules():
        # As they begin, a scale left out would go unnoticed.
        if isinstance(layer, nn.GroupNorm):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return model


@pytest.mark.parametrize(("widths", "millions"), [((16, 32, 64, 128), 2.0), ((32, 64, 128, 256), 8.2)])
def test_the_sizes_of_the_authors_networks(widths, millions):
    with torch.device("meta"):
        count = sum(weights.numel() for weights in UNet(1, widths).parameters())
    assert count == pytest.approx(millions * 1e6, rel=0.05)


def by_hand(state, image):
    """A U-Net of two levels from its description and `state` alone."""
    given = iter(state.values())

    def stage(features, convolve, **options):
        features = convolve(features, next(given), next(given), padding=1, **options)
        scale, shift = (next(given).view(-1, 1, 1, 1) for _ in range(2))
        # Widths of 2 and 4 give groups of two channels.
        groups = features.unflatten(1, (-1, 2)).flatten(2)
        mean, variance = groups.mean(2, keepdim=True), groups.var(2, unbiased=False, keepdim=True)
        normed = ((groups - mean) / torch.sqrt(variance + 1e-5)).view_as(features)
        return functional.relu(normed * scale + shift)

    def level(features):
        return stage(stage(features, functional.conv3d), functional.conv3d)

    fine = level(image)
    blocks = fine.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).unflatten(6, (-1, 2))
    coarse = level(blocks.amax((3, 5, 7)))
    up = stage(coarse, functional.conv_transpose3d, stride=2, output_padding=1)
    assert up.shape[1] == coarse.shape[1]
    joined = level(torch.cat([up, fine], dim=1))
    return functional.conv3d(joined, next(given), next(given))


@pytest.mark.parametrize("squash", [False, True])
def test_what_it_draws_follows_from_its_description(squash):
    model = unet(2, (2, 4), squash=squash)
    drawn = by_hand(model.state_dict(), volumes())
    assert drawn.shape == (2, 2, 16, 8, 12)
    torch.testing.assert_close(model(volumes()), 1 / (1 + torch.exp(-drawn)) if squash else drawn)


def test_a_code_is_an_image():
    code = unet(1, squash=True)(volumes(2, 8, 12, 16) * 50)
    assert code.shape == (2, 1, 8, 12, 16) and code.dtype == torch.float32
    assert code.min() > 0 and code.max() < 1
    logits = unet(1)(volumes(2, 8, 12, 16) * 50)
    assert logits.min() < 0 or logits.max() > 1


@pytest.mark.parametrize("training", [False, True])
def test_a_code_is_of_its_own_scan_alone(training):
    model = unet(1, squash=True).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = volumes(3)
    codes = model(images)
    torch.testing.assert_close(codes[1:2], model(images[1:2]))
    assert (codes[0] - codes[1]).abs().max() > 1e-3
    # Nothing of the scans it has seen stays behind.
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not list(model.buffers())


def test_groups_fit_any_width():
    assert [group_norm(channels).num_groups for channels in (1, 3, 6, 8, 16, 24, 128)] == [1, 1, 1, 4, 8, 4, 8]


def test_normalisation_under_bfloat16_is_the_same_and_keeps_the_order_of_channels():
    torch.manual_seed(0)
    norm = group_norm(8)
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.normal_(norm.bias)
    features = torch.randn(2, 8, 4, 6, 3).to(memory_format=torch.channels_last_3d).requires_grad_()
    weights = torch.randn(2, 8, 4, 6, 3)
    found = []
    for seen in (features, features.bfloat16()):
        normed = norm(seen)
        assert normed.dtype == seen.dtype and normed.is_contiguous(memory_format=torch.channels_last_3d)
        wanted = (features, norm.weight, norm.bias)
        found.append((normed.float(), *torch.autograd.grad((normed * weights).sum(), wanted)))
    for exact, rounded in zip(*found, strict=True):
        torch.testing.assert_close(rounded, exact, atol=0.02 * float(exact.detach().abs().max()), rtol=0.02)


def test_an_empty_patch_and_the_smallest_one():
    model = unet().train()
    assert model(torch.zeros(1, 1, 8, 8, 8)).isfinite().all()
    assert model(volumes(1, 4, 4, 4)).shape == (1, 3, 4, 4, 4)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_level_reaches_the_output_and_learns(level):
    model = unet()
    model(volumes()).square().sum().backward()
    assert all(weights.grad is not None and weights.grad.any() for weights in model.parameters())
    before = model(volumes())
    with torch.no_grad():
        model.downs[level][1][1].bias += 1
    assert (model(volumes()) - before).abs().max() > 1e-3


def test_channels_last_gives_the_same():
    model = unet()
    expected = model(volumes())
    model = model.to(memory_format=torch.channels_last_3d)
    given = model(volumes().contiguous(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(given, expected, atol=1e-4, rtol=1e-4)


def test_it_is_built_again_from_its_checkpoint(tmp_path):
    arguments = {"outputs": 1, "widths": WIDTHS, "squash": True}
    model = unet(**arguments)
    save_checkpoint(tmp_path / "e.safetensors", model, arguments)
    loaded = load_checkpoint(tmp_path / "e.safetensors", {"UNet": UNet})
    assert type(loaded) is UNet and torch.equal(loaded(volumes()), model.eval()(volumes()))


def test_what_a_user_can_mend():
    with pytest.raises(RemnantError, match=r"sides are multiples of 4\. Got 16 x 10 x 12 instead; pad or crop"):
        unet()(volumes(1, 16, 10, 12))
    for outputs, widths in ((0, (4,)), (1, ()), (1, (4, 0))):
        with pytest.raises(RemnantError, match=rf"Got {outputs} outputs and widths of \[{str(list(widths))[1:-1]}\]"):
            UNet(outputs, widths)
