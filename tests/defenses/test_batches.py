"""What defences of a training do to a batch, to a recipe, and to latents."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.early_stopping import LowestLoss
from remnant.defenses.label_smoothing import LABEL_SMOOTHING, LabelSmoothingSettings
from remnant.defenses.latent_noise import LATENT_NOISE, LatentNoiseSettings
from remnant.defenses.mixup import MIXUP, MixupSettings
from remnant.defenses.narrow_latents import NARROW_LATENTS, NarrowLatentsSettings
from remnant.engine.loop import FitSettings
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.recipes import Batch, ClassifierSettings
from remnant.targets.seen import seen_latents
from remnant.targets.segmenter import SegmenterSettings, segmentation_loss, train_segmenter

PLAIN = ClassifierSettings().recipe


def test_mixup_is_a_weighted_mean_of_two_images_and_of_their_truth():
    images = torch.rand(64, 1, 4, 4)
    truth = images.mean((1, 2, 3))  # linear in the image, as the mixed truth must be
    mixed = MIXUP.defend(PLAIN, MixupSettings(alpha=0.4)).change_of_batches(Seeds(0))(Batch(images, truth))
    torch.testing.assert_close(mixed.truth, mixed.images.mean((1, 2, 3)))
    # No image is left as it was, and the mean over all is about the same.
    assert (mixed.images - images).flatten(1).abs().amax(1).gt(0).float().mean() > 0.9
    segmented = Batch(torch.rand(4, 1, 2, 2, 2), torch.rand(4, 3, 2, 2, 2))
    assert MIXUP.defend(PLAIN).change_of_batches(Seeds(0))(segmented).truth.shape == (4, 3, 2, 2, 2)


def test_a_small_alpha_mixes_little():
    images = torch.rand(400, 1, 2, 2)

    def moved(alpha):
        change = MIXUP.defend(PLAIN, MixupSettings(alpha=alpha)).change_of_batches(Seeds(0))
        away = (change(Batch(images, images[:, 0, 0, 0])).images - images).flatten(1).abs().amax(1)
        return float((away.gt(0.05) & away.lt(0.3)).float().mean())

    assert moved(0.01) < moved(5.0)


def test_smoothed_labels_are_shared_among_the_classes():
    smooth = LABEL_SMOOTHING.defend(PLAIN, LabelSmoothingSettings(share=0.2)).change_of_batches(Seeds(0))
    of_two = smooth(Batch(torch.zeros(2, 1, 1, 1), torch.tensor([0.0, 1.0]))).truth
    torch.testing.assert_close(of_two, torch.tensor([0.1, 0.9]))
    of_four = smooth(Batch(torch.zeros(1, 1, 1, 1, 1), torch.eye(4)[:1, :, None, None, None])).truth
    torch.testing.assert_close(of_four.flatten(), torch.tensor([0.85, 0.05, 0.05, 0.05]))


def test_changes_are_made_one_after_the_other():
    both = LABEL_SMOOTHING.defend(MIXUP.defend(PLAIN))
    assert list(both.changes) == list(both.defenses) == ["mixup", "label_smoothing"]
    changed = both.change_of_batches(Seeds(0))(Batch(torch.rand(8, 1, 2, 2), torch.ones(8)))
    torch.testing.assert_close(changed.truth, torch.full((8,), 0.95))


def test_the_epoch_of_the_lowest_loss_is_kept():
    model, stopping = nn.Linear(1, 1), LowestLoss(2)
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.0]):
        nn.init.constant_(model.weight, epoch)
        assert not stopping.due()
        stopping.look(model, loss)
    assert stopping.due() and stopping.restore(model) == 1 and model.weight.item() == 1


def test_the_deepest_level_is_narrower():
    plain = SegmenterSettings(widths=(4, 8, 20)).recipe("unet", 2)
    assert NARROW_LATENTS.defend(plain).arguments["widths"] == (4, 8, 5)
    few = NarrowLatentsSettings(share=0.01)
    assert NARROW_LATENTS.defend(plain, few).arguments == {**plain.arguments, "widths": (4, 8, 1)}
    with pytest.raises(RemnantError, match="does not apply: Remnant builds no such network of other widths"):
        NARROW_LATENTS.defend(PLAIN)


def test_shares_of_classes_are_a_truth_that_a_segmenter_learns_by():
    logits = torch.randn(2, 3, 4, 4, 4)
    labels = torch.randint(3, (2, 4, 4, 4))
    shares = torch.nn.functional.one_hot(labels, 3).movedim(-1, 1).float()
    # By other kernels of PyTorch, whose last digits differ for one draw in seven.
    assert segmentation_loss(logits, shares).item() == pytest.approx(segmentation_loss(logits, labels).item(), rel=1e-6)


def test_a_segmenter_that_stops_early_needs_somebody_to_ask():
    settings = SegmenterSettings(widths=(2, 2), fit=FitSettings(epochs=9, learning_rate=1e-2))
    recipe = replace(settings.recipe("unet", 2), stopping=lambda: LowestLoss(1))
    images, labels = torch.rand(2, 1, 8, 8, 8), torch.randint(2, (2, 8, 8, 8))
    told = []

    def train(**asked):
        return train_segmenter("unet", images, labels, 2, settings, Seeds(0), lambda *one: told.append(one), **asked)

    with pytest.raises(RemnantError, match="needs validation patients, who choose when; hand some over"):
        train(recipe=recipe)
    train(recipe=recipe, validation=(images, 1 - labels))
    losses = [loss for _, _, loss in told]
    # Whoever learns the others' labels gets worse at these: the training ends at once.
    assert None not in losses and len(losses) < 9


LATENT = nn.Sequential(nn.Conv2d(1, 2, 4, stride=4), nn.Flatten(), nn.Linear(8, 3)).eval()


def test_whoever_reads_latents_reads_the_noise_anew_each_time():
    images = Images(tuple(torch.rand(4, 1, 8, 8)), None, tuple("abcd"))
    noisy = LATENT_NOISE.defend(LATENT, LatentNoiseSettings(share=0.5), seeds=Seeds(0), public=[torch.rand(2, 1, 8, 8)])
    seen = [
        seen_latents(Audited(network, OutputHead("classification", "softmax", 3, False)), images, None)
        for network in (LATENT, noisy)
    ]
    assert seen[0].module == seen[1].module
    plain, one = (each.latents for each in seen)
    again = seen[1].encode(torch.stack(images.images))
    assert not torch.equal(one, plain) and not torch.equal(one, again)
    # The mean of many is the latent itself.
    many = torch.stack([seen[1].encode(torch.stack(images.images)) for _ in range(400)])
    torch.testing.assert_close(many.mean(0), plain, atol=0.15, rtol=0)
    spread = many.std(0).flatten(1).mean(1) / plain.flatten(1).std(1, correction=0)
    torch.testing.assert_close(spread, torch.full((4,), 0.5), atol=0.05, rtol=0)


def test_a_layer_of_noise_is_named_or_found():
    named = LATENT_NOISE.defend(LATENT, LatentNoiseSettings(layer="0"), seeds=Seeds(0))
    assert len(named[0]._forward_hooks) == 1 and not LATENT[0]._forward_hooks
    with pytest.raises(RemnantError, match="name it, or hand over public images by which it is found"):
        LATENT_NOISE.defend(LATENT, seeds=Seeds(0))
    with pytest.raises(RemnantError, match="has no module 'deep'; mend the layer of latent_noise"):
        LATENT_NOISE.defend(LATENT, LatentNoiseSettings(layer="deep"), seeds=Seeds(0))
