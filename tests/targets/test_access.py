import dataclasses

import torch
from torch import nn

from remnant.nets.encoder import Encoder
from remnant.nets.segmenter import Segmenter
from remnant.targets.access import Latents, Weights, encode, latents_of, weights_of

WIDTHS = (2, 3, 4, 5)
SHAPE = (32, 16, 16)


def target():
    torch.manual_seed(0)
    return Segmenter("unet", 4, WIDTHS)


def images(count=3):
    return torch.rand(count, 1, *SHAPE, generator=torch.Generator().manual_seed(0))


def test_access_is_the_encoder_and_the_latents_and_nothing_else():
    model = target()
    access = latents_of(model, images())
    assert [field.name for field in dataclasses.fields(Latents)] == ["encoder", "latents"]
    assert type(access.encoder) is Encoder and set(vars(access)) == {"encoder", "latents"}
    assert access.encoder.state_dict().keys() == model.encoder.state_dict().keys()
    assert access.latents.shape == (3, 5, 2, 1, 1) and access.latents.dtype == torch.float32
    assert access.latents.untyped_storage().nbytes() == access.latents.numel() * 4


def test_the_encoder_is_a_frozen_copy():
    model = target()
    access = latents_of(model, images())
    assert not access.encoder.training and model.training
    assert not any(weights.requires_grad for weights in access.encoder.parameters())
    assert not access.latents.requires_grad
    before = access.encoder.convolutions[0].weight.clone()
    with torch.no_grad():
        model.encoder.convolutions[0].weight.add_(1)
    assert torch.equal(access.encoder.convolutions[0].weight, before)
    assert all(weights.requires_grad for weights in model.parameters())


def test_latents_are_those_of_each_scan_alone():
    encoder = target().eval().encoder
    together = encode(encoder, images())
    torch.testing.assert_close(together, encoder(images()).detach())
    for i in range(3):
        torch.testing.assert_close(encode(encoder, images()[i : i + 1])[0], together[i])


def test_weights_are_a_frozen_copy_of_the_whole_target_and_nothing_else():
    model = target()
    access = weights_of(model)
    assert [field.name for field in dataclasses.fields(Weights)] == ["target"]
    assert not access.target.training and model.training
    assert not any(weights.requires_grad for weights in access.target.parameters())
    before = access.target.decoder.ups[0].weight.clone()
    with torch.no_grad():
        model.decoder.ups[0].weight.add_(1)
    assert torch.equal(access.target.decoder.ups[0].weight, before)


def test_any_target_gives_its_weights():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).train()
    access = weights_of(model)
    assert not access.target.training and model.training
    access.target[1].running_mean.add_(1)
    assert torch.equal(model[1].running_mean, torch.zeros(2))
    assert not any(weights.requires_grad for weights in access.target.parameters())
