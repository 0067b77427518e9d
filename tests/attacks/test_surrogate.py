import inspect

import pytest
import torch

from remnant.attacks.decoder import reconstruct
from remnant.attacks.linear import LinearSettings
from remnant.attacks.surrogate import SurrogateSettings, decoder_for, train_surrogate
from remnant.base.seeds import Seeds
from remnant.engine.loop import FitSettings
from remnant.targets.access import StolenLatents
from remnant.targets.segmenter import SegmenterSettings

WIDTHS = (2, 3, 4, 8)


def quiet(epoch, loss, validation):
    pass


@pytest.fixture(scope="module")
def own(tiny_brains):
    return tiny_brains[0][:4], tiny_brains[1][:4]


def trained(own, **changes):
    settings = SurrogateSettings(
        segmenter=SegmenterSettings(widths=WIDTHS, fit=FitSettings(epochs=2, learning_rate=1e-2)),
        **changes,
    )
    decoder = LinearSettings(pairs=8)
    return train_surrogate(*own, 4, "segnet", settings, "linear", decoder, Seeds(0), quiet)


def test_the_attacker_trains_without_the_target_and_attacks_with_latents_alone():
    assert "access" not in inspect.signature(train_surrogate).parameters
    assert inspect.signature(decoder_for).parameters["access"].annotation is StolenLatents
    assert set(vars(StolenLatents(torch.zeros(1)))) == {"latents"}


def test_its_own_latents_are_decoded_as_they_are_and_those_renumbered_after_alignment(own):
    surrogate = trained(own)
    plain = reconstruct(decoder_for(surrogate, StolenLatents(surrogate.latents), "none"), surrogate.latents)
    assert torch.allclose(plain, reconstruct(surrogate.decoder, surrogate.latents), atol=1e-5)
    order = torch.tensor([4, 2, 7, 1, 0, 6, 3, 5])
    access = StolenLatents(surrogate.latents[:, order] * 3 + 1)
    for how, right in (("permutation", True), ("none", False)):
        into, decoder = decoder_for(surrogate, access, how)
        assert decoder is surrogate.decoder
        assert torch.allclose(into(access.latents), surrogate.latents, atol=1e-3) == right


def test_several_encoders_share_one_space_and_each_is_learned_from(own):
    one, two = trained(own), trained(own, encoders=2)
    assert torch.equal(one.latents, two.latents)
    assert not torch.equal(one.decoder.weights, two.decoder.weights)
    again = trained(own, encoders=2)
    assert torch.equal(again.decoder.weights, two.decoder.weights)
