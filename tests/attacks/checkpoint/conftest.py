"""Tiny targets, generators and radiographs for every test of the room."""

from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from remnant.targets.access import weights_of
from remnant.targets.inputs import InputRange

SIDE = 16


class TinyCnn(nn.Module):
    """Two convolutions with BatchNorm, an in-place ReLU and an in-place residual sum, as torchvision's ResNets have them."""

    def __init__(self, classes=1, momentum=0.1):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(6, momentum=momentum)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(6, momentum=momentum)
        self.fc = nn.Linear(6, classes)

    def forward(self, images):
        features = self.relu(self.bn1(self.conv1(images)))
        out = self.bn2(self.conv2(features))
        out += features
        return self.fc(self.relu(out).mean((2, 3)))


class Block(nn.Module):
    """torchvision's EncoderBlock."""

    def __init__(self, width, heads):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens):
        normed = self.ln_1(tokens)
        tokens = tokens + self.self_attention(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.ln_2(tokens))


class TinyVit(nn.Module):
    """torchvision's VisionTransformer of two blocks: 16 patches and a class token."""

    def __init__(self, classes=1, width=12, heads=3):
        super().__init__()
        self.class_token = nn.Parameter(torch.randn(1, 1, width))
        self.conv_proj = nn.Conv2d(3, width, 4, stride=4)
        self.positions = nn.Parameter(0.1 * torch.randn(1, 17, width))
        layers = OrderedDict((f"encoder_layer_{i}", Block(width, heads)) for i in range(2))
        self.encoder = nn.Module()
        self.encoder.layers, self.encoder.ln = nn.Sequential(layers), nn.LayerNorm(width, eps=1e-6)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(width, classes)))

    def forward(self, images):
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(images), -1, -1), patches], 1) + self.positions
        return self.heads(self.encoder.ln(self.encoder.layers(tokens))[:, 0])


class TinyGenerator(nn.Module):
    """(n, 4) to (n, 1, 16, 16) around grey."""

    latent = 4

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 8 * 16)
        self.convolution = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, latents):
        features = self.linear(latents).tanh().unflatten(1, (8, 4, 4))
        features = nn.functional.interpolate(features, scale_factor=4, mode="bilinear")
        return 0.5 + 0.5 * self.convolution(features)


class TinyDiscriminator(nn.Sequential):
    """(n, 1, 16, 16) to (n, 1)."""

    def __init__(self):
        super().__init__(nn.Conv2d(1, 4, 4, stride=4), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 1))


@pytest.fixture
def tiny():
    """`tiny.cnn()`, `tiny.vit()`, `tiny.generator()`, `tiny.discriminator()`: the same weights every time."""

    def builder(kind):
        def build(**arguments):
            torch.manual_seed(0)
            return kind(**arguments)

        return build

    kinds = {"cnn": TinyCnn, "vit": TinyVit, "generator": TinyGenerator, "discriminator": TinyDiscriminator}
    return SimpleNamespace(**{name: builder(kind) for name, kind in kinds.items()})


@pytest.fixture
def input_range():
    """Two of ImageNet's numbers, so that a range left out would be seen."""
    return InputRange(SIDE, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture
def images():
    """Eight blurred patterns (8, 1, 16, 16) in [0, 1]."""
    noise = torch.rand(8, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(noise, scale_factor=4, mode="bilinear").clamp(0, 1)


@pytest.fixture
def memorised(tiny, input_range):
    """`memorised(images)`: access to a CNN whose statistics are those of one batch of `images`, by momentum 1."""

    def remember(images, **arguments):
        model = tiny.cnn(momentum=1.0, **arguments)
        with torch.no_grad():
            model.train()(input_range(images))
        return weights_of(model)

    return remember
