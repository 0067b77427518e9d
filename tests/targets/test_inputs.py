import pytest
import torch
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.targets.inputs import InputRange


def test_images_get_the_size_channels_and_range_of_the_target():
    images = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    inputs = InputRange(32, 3, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0))(images)
    assert inputs.shape == (2, 3, 32, 32)
    larger = functional.interpolate(images, size=(32, 32), mode="bilinear", align_corners=False)[:, 0]
    for channel, (mean, std) in enumerate(((0.1, 0.5), (0.2, 1.0), (0.3, 2.0))):
        torch.testing.assert_close(inputs[:, channel], (larger - mean) / std)


def test_one_number_serves_every_channel_and_a_size_that_fits_is_kept():
    images = torch.rand(2, 1, 16, 16)
    assert torch.equal(InputRange(16, 3)(images), images.expand(-1, 3, -1, -1))
    torch.testing.assert_close(InputRange(16, 3, (0.5,), (0.25,))(images)[:, 2:], (images - 0.5) * 4)


def test_a_smaller_size_is_averaged_not_picked():
    """Stripes one pixel wide become grey; without anti-aliasing they would stay stripes or vanish."""
    stripes = (torch.arange(64) % 2).float().expand(1, 1, 64, 64)
    assert (InputRange(16, 1)(stripes)[..., 2:-2] - 0.5).abs().max() < 0.05


def test_gradient_reaches_the_images():
    images = torch.rand(1, 1, 8, 8, requires_grad=True)
    InputRange(16, 3, (0.5,), (0.25,))(images).square().sum().backward()
    assert (images.grad != 0).all()


@pytest.mark.parametrize("shape", [(2, 3, 16, 16), (2, 1, 16, 12), (1, 16, 16)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(RemnantError, match="square with one channel"):
        InputRange(16)(torch.zeros(shape))


def test_numbers_that_do_not_fit_the_channels_are_refused():
    with pytest.raises(RemnantError, match="mean of an input range must have 1 or 3 numbers"):
        InputRange(16, 3, (0.1, 0.2))
    with pytest.raises(RemnantError, match="must have 1 number\\."):
        InputRange(16, 1, (0.1, 0.2))
    with pytest.raises(RemnantError, match="std of an input range must be positive"):
        InputRange(16, 3, (0.1,), (0.0,))
