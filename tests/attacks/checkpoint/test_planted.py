"""The positive control of the attack itself: a real ResNet18 that memorised eight phantoms must be seen, an untrained one not."""

import numpy as np
import pytest
import torch
from torch import nn

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.joint import JointSettings, invert_sets
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.cohort.phantoms import ChestPhantoms
from remnant.measure.auc import auc_p_above, mann_whitney_auc
from remnant.measure.neighbours import cosine_matrix
from remnant.studies.lee2025.targets import PLANTED_IMAGES as PLANTED
from remnant.targets.access import weights_of
from remnant.targets.classifier import train_classifier
from remnant.targets.features import penultimate_features
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

SIDE, ATTACKERS, OTHERS = 32, 120, 36
INPUT = InputRange(SIDE)


class Linear(nn.Module):
    """The attacker's own phantoms as a generator: their mean and principal components."""

    latent = 40

    def __init__(self, images):
        super().__init__()
        flat = images.flatten(1)
        _, lengths, directions = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
        spread = lengths[: self.latent, None] / len(flat) ** 0.5
        self.mean = nn.Parameter(flat.mean(0))
        self.directions = nn.Parameter(spread * directions[: self.latent])

    def forward(self, latents):
        return (self.mean + latents @ self.directions).unflatten(1, (1, SIDE, SIDE))


@pytest.fixture(scope="module")
def people():
    cohort = ChestPhantoms(patients=ATTACKERS + 2 * PLANTED + OTHERS, sessions=1, side=SIDE, seed=5)
    chests = [cohort.scan(number) for number in range(cohort.patients)]
    images = torch.from_numpy(np.stack([chest.image for chest in chests]))[:, None].float()
    return Linear(images[:ATTACKERS]), images[ATTACKERS:]


def gain(people, **recipe):
    """How often an attack on a target of eight phantoms gains more on a member than on a stranger, in the target's features."""
    generator, images = people
    labels = torch.arange(len(images)) % 2
    parts = [slice(0, PLANTED), slice(PLANTED, 2 * PLANTED), slice(2 * PLANTED, None)]
    training, validation = (
        Images(images[part], labels[part], tuple(f"{number}" for number in range(part.start, part.stop)))
        for part in parts[:2]
    )
    settings = ClassifierSettings(input_range=INPUT, **recipe)
    model = train_classifier(training, validation, settings, Seeds(0)).model
    goals = Goals(weights_of(model), INPUT, GoalSettings())
    search = JointSettings(sets=(PLANTED, 2 * PLANTED), steps=150)
    drawn = invert_sets(generator, goals, search, Seeds(0), lambda *step: None).images
    prior = draw_images(generator, draw_latents(generator, 500, Seeds(1).torch()))

    def nearest(candidates, patients):
        seen = [penultimate_features(model, part, INPUT).numpy() for part in (candidates, patients)]
        return cosine_matrix(*seen).max(0)

    gained = [nearest(drawn, images[part]) - nearest(prior, images[part]) for part in (parts[0], parts[2])]
    return mann_whitney_auc(*gained), auc_p_above(*gained)


@pytest.mark.slow
def test_eight_memorised_phantoms_are_seen_and_eight_that_nobody_learned_are_not(people):
    planted, p = gain(people, memorise=True, epochs=150)
    assert planted.mean > 0.9 and p < 0.01
    _, p = gain(people, epochs=0)
    assert p > 0.05
