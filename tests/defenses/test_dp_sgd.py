"""DP-SGD: gradients a patient, exactly; each clipped; noise as told; epsilon by Opacus, and what it refuses."""

import importlib.util
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.targets.tiny import TinyCNN
from tests.targets.tiny import noise as radiographs
from torch import nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.dp_sgd import DP_SGD, ORDERS, DpSgdSettings, DpSgdSteps, Guarantee, guarantee
from remnant.engine.loop import FitSettings
from remnant.measure.auc import mann_whitney_auc
from remnant.nets import classifiers
from remnant.nets.classifiers import build_classifier
from remnant.targets import classifier
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.classifier import train_classifier
from remnant.targets.classifier_files import record_of
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import Batch, ClassifierSettings
from remnant.targets.segmenter import SegmenterSettings, segmentation_loss, train_segmenter

OPACUS = pytest.mark.skipif(
    not importlib.util.find_spec("opacus"), reason="Opacus, of the extra dp, is not installed; `make setup` does it"
)
SEGMENTER = SegmenterSettings(widths=(4, 8), batch=2, fit=FitSettings(epochs=2, learning_rate=1e-2))
CLASSIFIER = ClassifierSettings(
    arguments={"width": 16}, input_range=InputRange(32), batch=4, epochs=1, learning_rate=1e-2
)

VIT = {"image_size": 32, "patch": 8, "blocks": 1, "width": 16, "heads": 2, "mlp": 16}


def steps(patients=3, noise=0.0, clip=1.0, share=1.0, seed=0, repeatable=True):
    return DpSgdSteps(Guarantee(1, 1e-5, noise, share, 10, clip, "rdp", repeatable), patients, Seeds(seed))


def one_by_one(network, records, loss, clip):
    """What Abadi et al. 2016 write: the gradient of each record by itself, shortened to `clip`, and their sum."""
    summed = [torch.zeros_like(weight, dtype=torch.float64) for weight in network.parameters()]
    for record in records:
        network.zero_grad()
        loss(network, record).backward()
        own = [weight.grad.double() for weight in network.parameters()]
        norm = math.sqrt(sum(float(each.square().sum()) for each in own))
        for total, each in zip(summed, own, strict=True):
            total += each * min(1.0, clip / norm)
    network.zero_grad()
    return summed


def volumes(count):
    drawing = torch.Generator().manual_seed(count)
    images = torch.rand(count, 1, 16, 16, 16, generator=drawing)
    return Batch(images, (images[:, 0] > 0.5).long())


NETWORKS = {
    "unet": lambda: SEGMENTER.changed(norm="group").build("unet", 2),
    "segnet": lambda: SEGMENTER.changed(norm="group").build("segnet", 2),
    "resnet": lambda: build_classifier("resnet18", width=16, norm="group"),
    "vit": lambda: build_classifier("vit", **VIT, norm="group"),
}


def case_of(name):
    """A network, records of three patients with different numbers of images, and a loss."""
    torch.manual_seed(0)
    network = NETWORKS[name]().train()
    if name in ("unet", "segnet"):
        return (
            network,
            [volumes(count) for count in (1, 2, 3)],
            lambda net, batch: segmentation_loss(net(batch[0]), batch[1]),
        )
    records = [Batch(torch.rand(count, 3, 32, 32), torch.rand(count)) for count in (1, 2, 3)]
    return network, records, lambda net, batch: (net(batch.images).squeeze(1) - batch.truth).square().mean()


@pytest.mark.parametrize("clip", [1e-2, 1e4])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_the_mean_of_the_patients_clipped_gradients(name, clip):
    network, records, loss = case_of(name)
    expected = one_by_one(network, records, loss, clip)
    steps(clip=clip).learn(network, records, loss)
    for weight, total in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(
            weight.grad.double(), total / 3, rtol=1e-3, atol=1e-3 * float(total.abs().max() + 1e-9)
        )


@pytest.mark.parametrize("name", NETWORKS)
def test_nobody_s_gradient_hangs_on_another_patient(name):
    """What stands in the place of BatchNorm has each image by itself."""
    network, records, _ = case_of(name)
    images = records[2][0]
    together = network(images)
    apart = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-4)
    assert not [name for name in network.state_dict() if "running" in name]


def test_one_patient_moves_a_step_by_no_more_than_the_clip():
    network, records, loss = case_of("resnet")
    found = []
    for chosen in (records, records[:2]):
        steps(clip=0.1).learn(network, chosen, loss)
        found.append(torch.cat([weight.grad.flatten() for weight in network.parameters()]))
    assert 0 < float((found[0] - found[1]).norm()) <= 0.1 / 3 + 1e-6


def test_noise_is_of_the_told_size_and_as_the_seed_says():
    def learned(seed, repeatable=True):
        network = nn.Linear(400, 100)
        own = steps(patients=5, noise=2.0, clip=0.5, share=0.4, seed=seed, repeatable=repeatable)
        # Nobody was drawn: noise is all there is.
        assert float(own.learn(network, [], lambda *_: None)) == 0
        return network.weight.grad

    one, again, other = (learned(seed) for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    # Whoever has the seed has the noise, but for a model that leaves.
    assert not torch.equal(learned(0, repeatable=False), one)
    assert not torch.equal(*(learned(0, repeatable=False) for _ in range(2)))
    assert float(one.std()) == pytest.approx(2.0 * 0.5 / (0.4 * 5), rel=0.02) and abs(float(one.mean())) < 0.02


def test_every_patient_is_drawn_by_himself():
    own = steps(patients=10, share=0.3)
    counts = np.array([np.isin(np.arange(10), own.draw()) for _ in range(4000)])
    assert np.allclose(counts.mean(0), 0.3, atol=0.03)
    # Independent: sizes vary as those of a binomial.
    assert counts.sum(1).var() == pytest.approx(10 * 0.3 * 0.7, rel=0.1)


@OPACUS
@pytest.mark.parametrize("epsilon", [1.0, 8.0, 1000.0])
def test_the_noise_is_the_least_that_keeps_to_epsilon(epsilon):
    from opacus.accountants.utils import get_noise_multiplier

    found = guarantee(DpSgdSettings(epsilon=epsilon), 100, 0.1, 200)
    asked = {"target_epsilon": epsilon, "target_delta": 1e-5, "sample_rate": 0.1, "steps": 200}
    theirs = get_noise_multiplier(**asked, alphas=list(ORDERS))
    assert found.epsilon <= epsilon and found.epsilon == pytest.approx(epsilon, rel=0.02)
    assert found.noise == pytest.approx(theirs, rel=0.02) and found.unit == "patient"


@OPACUS
def test_what_cannot_be_guaranteed_is_said():
    with pytest.raises(RemnantError, match=r"delta is 1e-05, and must be below 1 / 200000 patients"):
        guarantee(DpSgdSettings(), 200_000, 0.1, 10)
    with pytest.raises(RemnantError, match=r"epsilon of 1e-06 is out of reach with 8 patients and 10000 steps"):
        guarantee(DpSgdSettings(epsilon=1e-6), 8, 1.0, 10_000)


def test_without_opacus_it_is_said(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RemnantError, match=r"needs Opacus, .* run `pip install 'remnant\[dp\]'`"):
        guarantee(DpSgdSettings(epsilon=7.9), 8, 1.0, 10)


@pytest.mark.parametrize(("norm", "left"), [("batch", "group"), ("group", "group"), ("none", "none")])
def test_batch_norm_gives_way_to_what_mixes_no_patients(norm, left):
    recipe = SEGMENTER.changed(norm=norm).recipe("unet", 2)
    assert DP_SGD.defend(recipe).arguments == {**recipe.arguments, "norm": left}
    with pytest.raises(RemnantError, match="'dp_sgd' does not apply: the network has no weights to train"):
        DP_SGD.defend(nn.Sequential(nn.ReLU()))


def test_what_must_be_memorised_is_not_trained_privately():
    asked = CLASSIFIER.changed(memorise=True)
    group = radiographs(12, share=0.5)
    with pytest.raises(RemnantError, match="must memorise its training images cannot be trained privately"):
        train_classifier(group, radiographs(12, 100), asked, Seeds(0), recipe=DP_SGD.defend(asked.recipe))


@OPACUS
def test_a_classifier_is_trained_by_patients_and_says_what_it_guarantees(tmp_path):
    group = radiographs(12, share=0.5)
    twice = Images(functional.interpolate(group.images, 32), group.labels, tuple(f"p{i // 2}" for i in range(12)))
    validation = replace(twice, patients=tuple(f"v{i}" for i in range(12)))
    recipe = DP_SGD.defend(CLASSIFIER.recipe, DpSgdSettings(epsilon=100))
    trained = train_classifier(twice, validation, CLASSIFIER, Seeds(0), recipe=recipe)
    told = record_of(trained)["privacy"]
    # Six patients of two images each, three steps an epoch of one epoch, four of twelve images a step.
    assert told["unit"] == "patient" and told["steps"] == 3 and told["share"] == pytest.approx(1 / 3)
    assert told["epsilon"] <= 100 and told["noise"] > 0 and trained.history[0].accuracy <= 1
    save_checkpoint(tmp_path / "a.safetensors", trained.model, dict(recipe.arguments))
    loaded = load_checkpoint(tmp_path / "a.safetensors").state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in trained.model.state_dict().items())
    assert not [name for name in loaded if "running" in name]


@OPACUS
def test_no_step_knows_how_often_a_class_is(monkeypatch):
    """Else every patient's gradient would hang on all others, whatever the clip."""
    asked, loss = [], classifier.balanced_loss
    monkeypatch.setattr(
        classifier,
        "balanced_loss",
        lambda logits, labels, weights: asked.append(weights) or loss(logits, labels, weights),
    )
    settings = CLASSIFIER.changed(network="vit", arguments=VIT)
    for recipe, even in ((settings.recipe, False), (DP_SGD.defend(settings.recipe), True)):
        asked.clear()
        groups = (
            replace(one, images=functional.interpolate(one.images, 32))
            for one in (radiographs(12), radiographs(12, 99))
        )
        train_classifier(*groups, settings, Seeds(0), recipe=recipe)
        assert {bool((weights == 1).all()) for weights in asked} == {even}


@OPACUS
def test_members_are_told_of_a_plain_training_and_hardly_of_a_private_one(monkeypatch):
    monkeypatch.setitem(
        classifiers.CLASSIFIERS, "tiny", lambda channels, classes, dropout: TinyCNN("tiny", channels, classes, dropout)
    )
    settings = ClassifierSettings(network="tiny", input_range=InputRange(16), batch=8, epochs=30, learning_rate=3e-3)
    members, others, asked = radiographs(40), radiographs(40, 1000), radiographs(20, 5000)

    def auc(recipe):
        model = train_classifier(members, asked, settings, Seeds(0), recipe=recipe).model
        margins = [
            predict_logits(model, group.images, settings.input_range).squeeze(1) * (2 * group.labels - 1)
            for group in (members, others)
        ]
        return mann_whitney_auc(*(one.numpy() for one in margins)).mean

    assert auc(settings.recipe) > 0.95
    assert auc(DP_SGD.defend(settings.recipe, DpSgdSettings(epsilon=1))) < 0.7


@OPACUS
def test_scans_of_one_patient_are_one_record(monkeypatch):
    drawn = []
    learn = DpSgdSteps.learn
    monkeypatch.setattr(
        DpSgdSteps,
        "learn",
        lambda self, network, records, loss: (
            drawn.append([len(one.images) for one in records]) or learn(self, network, records, loss)
        ),
    )
    images, labels = volumes(6)
    recipe = DP_SGD.defend(SEGMENTER.recipe("unet", 2), DpSgdSettings(epsilon=1000))
    asked = {"recipe": recipe, "patients": ("a", "a", "a", "b", "b", "c")}
    train_segmenter("unet", images, labels.to(torch.uint8), 2, SEGMENTER, Seeds(0), lambda *_: None, **asked)
    assert len(drawn) == 6 and {size for sizes in drawn for size in sizes} <= {1, 2, 3}
    # Each at most once a step, in their order.
    assert all(len(sizes) == len(set(sizes)) for sizes in drawn)
