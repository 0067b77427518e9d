import pytest
import torch
from torch import nn

from remnant.nets.siamese import build_trunk
from remnant.nets.strided import HalvingConvolution, deconvolve, double


def gradients(drawn, weights, wanted):
    return [gradient.float() for gradient in torch.autograd.grad((drawn.float() * weights).sum(), wanted)]


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=0.03 * float(other.abs().max()), rtol=0)


@pytest.mark.parametrize("above", [1, 2, 3, 4])
def test_a_deconvolution_without_its_stride_is_the_same_deconvolution(above):
    torch.manual_seed(0)
    up, features = double(5, above), torch.randn(2, 5, 3, 4, 2, requires_grad=True)
    torch.testing.assert_close(deconvolve(up, features), up(features), atol=0, rtol=0)
    wanted, weights, expected = (features, up.weight, up.bias), torch.randn(2, above, 6, 8, 4), up(features)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = deconvolve(up, features)
    assert drawn.dtype == torch.bfloat16
    close([drawn.float()], [expected.detach()])
    close(gradients(drawn, weights, wanted), gradients(expected, weights, wanted))


def test_a_deconvolution_of_many_channels_goes_the_usual_way():
    up, features = double(3, 5), torch.randn(1, 3, 2, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(deconvolve(up, features), up(features), atol=0, rtol=0)


@pytest.mark.parametrize(("kernel", "padding"), [(7, 3), (3, 1), (4, 0), (7, 0)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_without_its_stride_is_the_same_convolution(kernel, padding, channels, bias):
    torch.manual_seed(0)
    layer = HalvingConvolution(channels, 6, kernel, 2, padding, bias=bias)
    image = torch.randn(2, channels, 8, 11, 9, requires_grad=True)
    expected = nn.functional.conv3d(image, layer.weight, layer.bias, 2, padding)
    torch.testing.assert_close(layer(image), expected, atol=0, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        drawn = layer(image)
    wanted, weights = (image, *layer.parameters()), torch.randn_like(expected)
    assert drawn.dtype == torch.bfloat16
    close([drawn.float()], [expected.detach()])
    close(gradients(drawn, weights, wanted), gradients(expected, weights, wanted))


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_of_many_channels_or_without_a_stride_goes_the_usual_way(stride):
    channels = 5 if stride == 2 else 1
    layer, image = HalvingConvolution(channels, 2, 3, stride), torch.randn(1, channels, 6, 6, 6)
    with torch.autocast("cpu", torch.bfloat16):
        expected = nn.functional.conv3d(image, layer.weight, layer.bias, stride)
        torch.testing.assert_close(layer(image), expected, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["densenet_small", "resnet_small"])
def test_trunks_begin_with_the_fast_one(name):
    trunk = build_trunk(name)
    assert [type(layer) for layer in trunk.modules() if isinstance(layer, nn.Conv3d)].count(HalvingConvolution) == 1
