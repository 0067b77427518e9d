from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.targets.tiny import TinyCNN, noise
from torch import nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses import augmentation
from remnant.defenses.augmentation import AUGMENTATION
from remnant.defenses.dropout import DROPOUT
from remnant.defenses.early_stopping import EARLY_STOPPING, EarlyStoppingSettings
from remnant.defenses.weight_decay import WEIGHT_DECAY
from remnant.nets import classifiers
from remnant.targets.classifier import balanced_loss, train_classifier
from remnant.targets.classifier_files import record_of
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import ClassifierSettings

INPUT = InputRange(16)


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    def build(channels, classes, dropout):
        return TinyCNN("tiny", channels, classes, dropout)

    monkeypatch.setitem(classifiers.CLASSIFIERS, "tiny", build)


OVERFIT = {"memorise": True}
REGULAR = (WEIGHT_DECAY, AUGMENTATION, EARLY_STOPPING)


def train(*defenses, training=None, validation=None, seed=0, report=lambda *epoch: None, patience=10, **changes):
    values = {"network": "tiny", "input_range": INPUT, "batch": 8, "epochs": 30, "learning_rate": 3e-3}
    settings = ClassifierSettings.checked(**(values | changes))
    recipe = settings.recipe
    for one in defenses:
        recipe = one.defend(recipe, EarlyStoppingSettings(patience=patience) if one is EARLY_STOPPING else None)
    return train_classifier(
        training or noise(24), validation or noise(20, 100), settings, Seeds(seed), report, recipe=recipe
    )


def weights(trained):
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_overfit_memorises_noise_and_keeps_the_last_epoch():
    lines = []
    trained = train(**OVERFIT, report=lambda *epoch: lines.append(epoch))
    assert trained.accuracy == 1.0 and trained.kept == 29 and len(trained.history) == 30
    assert trained.training.balanced.mean == 1.0 and trained.training.auc.mean == 1.0
    # There is nothing to learn: whoever was not shown is guessed.
    assert trained.validation.balanced.mean < 0.8 and trained.validation.guess_accuracy == 0.75
    assert not trained.model.training and trained.model.conv1.weight.requires_grad
    assert lines == [(i, epoch.loss, epoch.validation_loss) for i, epoch in enumerate(trained.history)]
    # Every layer moved.
    torch.manual_seed(Seeds(0).child("weights").integer)
    for name, value in TinyCNN().named_parameters():
        assert not torch.equal(value, trained.model.get_parameter(name)), name


def test_a_target_that_falls_short_goes_round_again():
    lines = []
    trained = train(**OVERFIT, epochs=2, report=lambda *epoch: lines.append(epoch))
    assert trained.accuracy == 1.0
    assert len(trained.history) in (4, 6, 8) and trained.kept == len(trained.history) - 1
    assert [line[0] for line in lines] == list(range(len(trained.history)))


def test_a_target_that_does_not_memorise_is_an_error():
    with pytest.raises(
        RemnantError, match=r"must read all 24 training images rightly at the end and reads \d+ .*epochs"
    ):
        train(**OVERFIT, epochs=1, learning_rate=1e-6)
    # A mitigation is there to hinder it.
    assert train(DROPOUT, epochs=1, learning_rate=1e-6).accuracy < 1


def test_labels_that_contradict_are_found_before_training():
    training = noise(24)
    training.images[20] = training.images[3]
    with pytest.raises(RemnantError, match="Training images 3 and 20 are the same and their labels differ"):
        train(**OVERFIT, training=training)
    training.images[20] = training.images[21]
    assert train(**OVERFIT, training=training).accuracy == 1


def test_early_stopping_keeps_the_best_epoch():
    trained = train(EARLY_STOPPING, epochs=60, patience=4)
    losses = [epoch.validation_loss for epoch in trained.history]
    assert trained.kept == int(np.argmin(losses)) and len(losses) == trained.kept + 1 + 4 < 60
    validation = noise(20, 100)
    logits = predict_logits(trained.model, validation.images, INPUT).squeeze(1)
    found = balanced_loss(logits, validation.labels.float(), torch.tensor([24 / 36, 24 / 12]))
    assert found.item() == pytest.approx(min(losses), rel=1e-5)


def test_weights_repeat_with_the_seed_and_differ_with_another():
    for defenses in (REGULAR, (DROPOUT,)):
        one, again, other = (weights(train(*defenses, seed=seed, epochs=3)) for seed in (0, 0, 1))
        assert same(one, again) and not same(one, other)


def test_another_seed_starts_from_other_weights():
    one, other = (train(DROPOUT, seed=seed, epochs=1, learning_rate=1e-9).model.conv1.weight for seed in (0, 1))
    assert (one - other).abs().max() > 1e-3


def test_every_step_is_augmented_anew_and_as_the_seed_says(monkeypatch):
    def drawn(seed):
        changes = []
        monkeypatch.setattr(augmentation, "augment", lambda images, change: changes.append(change) or images)
        train(AUGMENTATION, seed=seed, epochs=2)
        return [float(change.brightness[0]) for change in changes]

    one, again, other = (drawn(seed) for seed in (0, 0, 1))
    assert len(set(one)) == len(one) == 6 and one == again and not set(one) & set(other)


def test_an_untrained_target_is_as_it_was_drawn():
    trained = train(epochs=0)
    assert trained.history == () and trained.kept == -1
    torch.manual_seed(Seeds(0).child("weights").integer)
    drawn = TinyCNN().state_dict()
    assert same(weights(trained), drawn) and not trained.model.training
    for layer in trained.model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert not layer.running_mean.any() and (layer.running_var == 1).all()
    assert record_of(trained)["epochs"] == [] and 0 <= trained.validation.auc.mean <= 1


def test_augmentation_changes_what_is_learnt():
    assert not same(weights(train(AUGMENTATION)), weights(train(**OVERFIT)))


def test_no_step_ever_sees_a_single_image():
    for n, batch in ((9, 8), (17, 8), (4, 3), (7, 3), (10, 3)):
        trained = train(EARLY_STOPPING, training=noise(n, share=0.5), batch=batch, epochs=2)
        assert min(trained.model.seen) >= 2 and max(trained.model.seen) <= batch
        assert sum(trained.model.seen) == 2 * n
    with pytest.raises(RemnantError, match="batch"):
        train(batch=2)


def test_classes_count_alike_however_many_they_are():
    logits = torch.tensor([0.3, -0.2, 1.0, 0.5])
    labels = torch.tensor([0.0, 0.0, 0.0, 1.0])
    entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    expected = (entropy[:3].mean() + entropy[3]) / 2
    assert balanced_loss(logits, labels, torch.tensor([4 / 6, 4 / 2])).item() == pytest.approx(expected.item())


def test_a_signal_is_learnt_in_spite_of_the_imbalance():
    trained = train(
        *REGULAR,
        training=noise(40, share=0.2, signal=0.3),
        validation=noise(40, 100, share=0.2, signal=0.3),
    )
    assert trained.validation.balanced.mean > 0.9 and trained.validation.auc.mean > 0.95
    assert trained.validation.guess_accuracy == 0.8


def test_a_patient_counts_once():
    validation = noise(20, 100)
    twice = replace(
        validation,
        images=torch.cat([validation.images, validation.images[:1].repeat(9, 1, 1, 1)]),
        labels=torch.cat([validation.labels, validation.labels[:1].repeat(9)]),
        patients=validation.patients + validation.patients[:1] * 9,
    )
    one, other = (train(**OVERFIT, validation=group).validation for group in (validation, twice))
    assert one.balanced == other.balanced and other.balanced.n == 20 and one.auc == other.auc


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda g: replace(g, images=g.images.repeat(1, 3, 1, 1)), r"float32 \(n, 1, N, N\)"),
        (lambda g: replace(g, images=g.images[:, :, :8]), r"float32 \(n, 1, N, N\)"),
        (lambda g: replace(g, images=g.images.double()), "Got torch.float64"),
        (lambda g: replace(g, images=g.images * 255), r"must be in \[0, 1\]"),
        (lambda g: replace(g, images=g.images / 0), r"must be in \[0, 1\]. Got values from nan|inf"),
        (lambda g: replace(g, images=g.images[:1], labels=g.labels[:1], patients=g.patients[:1]), "at least two"),
        (lambda g: replace(g, labels=g.labels * 0), "must be 0 and 1, and both be there"),
        (lambda g: replace(g, labels=g.labels * 2), "must be 0 and 1, and both be there"),
        (
            lambda g: replace(g, patients=("p103", *g.patients[1:])),
            "1 patient is in the training and in the validation",
        ),
    ],
)
def test_images_and_labels_that_do_not_serve(spoil, sentence):
    with pytest.raises(RemnantError, match=sentence):
        train(**OVERFIT, training=spoil(noise(24)))


def test_long_trainings_look_at_validation_patients_a_hundred_times():
    trained = train(**OVERFIT, training=noise(8, share=0.5), epochs=201, learning_rate=1e-2)
    looks = [number for number, epoch in enumerate(trained.history) if epoch.validation_loss is not None]
    assert looks == [*range(1, 200, 2), 200] and len(trained.history) == 201


def test_settings_come_from_a_file(tmp_path):
    (tmp_path / "a.toml").write_text("memorise = true\n[input_range]\nsize = 32\n")
    settings = ClassifierSettings().with_toml(tmp_path / "a.toml")
    assert settings.input_range.size == 32 and settings.memorise
    assert ClassifierSettings.model_validate(settings.resolved()) == settings


def test_a_resnet_whose_last_stride_would_see_a_single_pixel_is_not_trained():
    with pytest.raises(
        RemnantError, match=r"A ResNet is trained .* more than 16 pixels a side, and input_range\.size is 16"
    ):
        ClassifierSettings.checked(network="resnet18", input_range=InputRange(16))
    assert ClassifierSettings.checked(network="resnet18", input_range=InputRange(17)).input_range.size == 17
