"""Who moves first in a step of a Privacy-Net's training, and what the other then meets."""

import pytest
import torch

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import Schedule, privacynet_preset
from remnant.defenses.privacynet.training import train_adversarially

SETTINGS = privacynet_preset("smoke").changed(
    head="published", trunk="resnet_small", adversarial=Schedule(steps=1, learning_rate=1e-2)
)
NAMES = ("encoder", "segmenter", "discriminator")


@pytest.fixture
def played(tmp_path):
    """`played(order)`: the networks after one step, and the terms of that step."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (4, 16, 16, 16), generator=generator, dtype=torch.uint8)
    scans = Images(torch.rand(4, 1, 16, 16, 16, generator=generator), labels, ("a", "a", "b", "b"))

    def step(order):
        networks, said = Networks.untrained(SETTINGS, 3, Seeds(1)), {}
        train_adversarially(
            networks,
            scans,
            SETTINGS.changed(order=order),
            Seeds(0),
            tmp_path / f"{order}.pt",
            lambda step, terms: said.update(terms),
        )
        return networks, said

    return step


def differ(one, other, name):
    pairs = zip(getattr(one, name).parameters(), getattr(other, name).parameters(), strict=True)
    return max(float((first - second).detach().abs().max()) for first, second in pairs)


@pytest.mark.usefixtures("float32")
def test_an_encoder_that_moves_first_meets_the_discriminator_unmoved(played):
    networks, terms = played("encoder_first")
    # Of the same discriminator on the same codes, what the one gains the other loses, to the last digit.
    assert terms["hiding"] == pytest.approx(-terms["same patient"], abs=1e-6)
    untrained = Networks.untrained(SETTINGS, 3, Seeds(1))
    assert all(differ(networks, untrained, name) > 1e-3 for name in NAMES)


@pytest.mark.usefixtures("float32")
def test_a_discriminator_that_moves_first_was_fitted_to_the_batch_that_the_encoder_hides(played):
    _, terms = played("discriminator_first")
    assert abs(terms["hiding"] + terms["same patient"]) > 1e-2


@pytest.mark.usefixtures("float32")
def test_the_order_is_nothing_to_the_discriminator(played):
    """In either it learns from the codes that the encoder made before it moved."""
    (one, first), (other, second) = played("encoder_first"), played("discriminator_first")
    assert first["same patient"] == pytest.approx(second["same patient"], abs=1e-6)
    assert differ(one, other, "discriminator") < 1e-6 < differ(one, other, "encoder")
