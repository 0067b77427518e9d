import numpy as np
import pytest
import torch

from remnant.base.seeds import Seeds
from remnant.engine.loop import FitSettings
from remnant.targets.segmenter import SegmenterSettings, segmentation_loss, train_segmenter

SETTINGS = SegmenterSettings(widths=(4, 4, 8, 8), fit=FitSettings(epochs=6, learning_rate=1e-2))


def naive_loss(logits, labels):
    """Voxel by voxel and class by class."""
    count, classes = logits.shape[:2]
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    entropies, weights, scores = [], [], []
    for i in range(count):
        for place in np.ndindex(labels.shape[1:]):
            truth = labels[(i, *place)]
            entropies.append(-np.log(probability[(i, truth, *place)]))
            weights.append(1 / np.sqrt((labels == truth).sum() + 1))
    for k in range(1, classes):
        overlap = sum(probability[i, k][labels[i] == k].sum() for i in range(count))
        scores.append(2 * overlap / (probability[:, k].sum() + (labels == k).sum() + 1))
    return np.average(entropies, weights=weights) + 1 - np.mean(scores)


def test_the_loss_is_weighted_cross_entropy_plus_soft_dice():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 4, 3, 4, 5)), rng.integers(0, 3, (2, 3, 4, 5))
    found = segmentation_loss(torch.from_numpy(logits), torch.from_numpy(labels.astype(np.uint8)))
    # Class 3 is in no scan.
    assert found.item() == pytest.approx(naive_loss(logits, labels), rel=1e-5)


def train(tiny_brains, architecture="unet", seed=0):
    images, labels = tiny_brains
    losses = []
    model = train_segmenter(
        architecture,
        images[:2],
        labels[:2],
        4,
        SETTINGS,
        Seeds(seed),
        lambda epoch, loss, validation: losses.append(loss),
    )
    return model, losses


@pytest.mark.parametrize("architecture", ["unet", "segnet"])
def test_training_learns_and_repeats_from_its_seeds_alone(tiny_brains, architecture):
    model, losses = train(tiny_brains, architecture)
    assert len(losses) == 6 and losses[-1] < 0.9 * losses[0]
    assert not model.training
    torch.manual_seed(99)
    again, repeated = train(tiny_brains, architecture)
    assert repeated == losses
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert train(tiny_brains, architecture, seed=1)[1] != losses
