"""What holds for every defence of the list, and of other packages: one seed one network, nobody but those trained on, a
refusal in one sentence, and a task that can still be learnt.
"""

import copy
import importlib.util
from dataclasses import replace

import pytest
import torch
from tests.targets.tiny import TinyCNN
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.defense import KINDS
from remnant.defenses.dp_sgd import DpSgdSettings
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.defenses.privacynet.training import pretrain, train_adversarially
from remnant.defenses.registry import DEFENSES, all_defenses, listed
from remnant.engine.loop import FitSettings
from remnant.measure.overlap import dice
from remnant.nets import classifiers
from remnant.nets.segmenter import Segmenter
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.classifier import train_classifier
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange
from remnant.targets.recipes import Batch, ClassifierSettings, Recipe
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

CLASSIFIER = ClassifierSettings(network="tiny", input_range=InputRange(16), batch=8, epochs=30, learning_rate=3e-3)
SEGMENTER = SegmenterSettings(widths=(4, 4, 8, 16), fit=FitSettings(epochs=40, learning_rate=1e-2))
CLASSES = 2
OF_KIND = {kind: [name for name, one in sorted(all_defenses().items()) if one.kind == kind] for kind in KINDS}
BRIGHTEST = 0.45  # of those who are trained on; whoever is not is brighter than any change makes them
STRANGER = 0.95


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(
        classifiers.CLASSIFIERS,
        "tiny",
        lambda channels, classes, dropout: TinyCNN("tiny", channels, classes, dropout),
    )


def chests(n, first=0, brightest=BRIGHTEST):
    """Radiographs of a sort (n, 1, 16, 16), those of class 1 with a bright corner, nobody brighter than `brightest`."""
    images = 0.5 * brightest * torch.rand(n, 1, 16, 16, generator=torch.Generator().manual_seed(first))
    labels = torch.arange(n) % 2
    images[labels == 1, :, 2:9, 2:9] += 0.5 * brightest
    return Images(images, labels, tuple(f"p{first + i}" for i in range(n)))


def heads(n, first=0, brightest=BRIGHTEST):
    """Scans of a sort (n, 1, 16, 16, 16) of one bright ball each, and where it is, uint8 (n, 16, 16, 16)."""
    drawing = torch.Generator().manual_seed(first)
    grid = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij"))
    middles = 5 + 6 * torch.rand(n, 3, generator=drawing)
    balls = ((grid[None] - middles[:, :, None, None, None]).square().sum(1) < 16).to(torch.uint8)
    images = 0.3 * brightest * torch.rand(n, 1, 16, 16, 16, generator=drawing) + 0.7 * brightest * balls[:, None]
    return images, balls


def classify(recipe, seed=0, strangers=STRANGER):
    found = train_classifier(chests(24), chests(12, 100, brightest=strangers), CLASSIFIER, Seeds(seed), recipe=recipe)
    return found.model


def segment(recipe, seed=0, strangers=STRANGER):
    images, labels = heads(6)
    asked = {"recipe": recipe, "validation": heads(2, 100, brightest=strangers)}
    return train_segmenter("unet", images, labels, CLASSES, SEGMENTER, Seeds(seed), lambda *_: None, **asked)


def shortened(recipe, epochs):
    """The recipe of so many epochs."""
    return replace(recipe, fit=recipe.fit.changed(epochs=epochs))


TRAININGS = {"classifier": classify, "segmenter": segment}
# What two dozen people can be learnt by.
LEARNABLE = {"dp_sgd": DpSgdSettings(epsilon=1e5)}
PLAIN: dict[str, Recipe] = {"classifier": CLASSIFIER.recipe, "segmenter": SEGMENTER.recipe("unet", CLASSES)}


def defended(name, task, settings=None):
    """The recipe of a defence, for a task that it suits."""
    defense, plain = all_defenses()[name], PLAIN[task]
    if defense.applies(plain):
        pytest.skip(defense.applies(plain))
    if name == "dp_sgd" and not importlib.util.find_spec("opacus"):
        pytest.skip("Opacus, of the extra dp, is not installed; `make setup` does it")
    return defense.defend(plain, settings)


def same(one, other):
    one, other = (model.state_dict() for model in (one, other))
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def batches():
    return [CLASSIFIER.input_range(part) for part in chests(16, 500).images.split(8)]


@pytest.fixture(scope="module")
def finished():
    """A trained classifier with BatchNorm."""
    before = dict(classifiers.CLASSIFIERS)
    classifiers.CLASSIFIERS["tiny"] = lambda channels, classes, dropout: TinyCNN("tiny", channels, classes, dropout)
    model = classify(CLASSIFIER.recipe)
    classifiers.CLASSIFIERS.clear()
    classifiers.CLASSIFIERS.update(before)
    return model


def changed(name, network, seed=0):
    return all_defenses()[name].defend(network, seeds=Seeds(seed), public=batches())


# Of the list.


@pytest.mark.parametrize("name", sorted(all_defenses()))
def test_words_are_for_a_list_and_a_sentence_says_what_it_costs(name):
    one = all_defenses()[name]
    assert one.name == name and name.replace("_", "").isalnum() and name.islower()
    assert not one.words.endswith(".") and len(one.words.split()) <= 8
    assert one.does.endswith(".") and one.does.count(".") == 1 and ";" in one.does and len(one.does.split()) <= 30
    assert one.source and one.kind in KINDS and one.settings() == one.settings.model_validate(one.settings().resolved())


def test_the_list_is_told_in_its_order():
    assert [row["name"] for row in listed()][: len(DEFENSES)] == [one.name for one in DEFENSES]
    assert {row["changes"] for row in listed()} == set(KINDS.values())


@pytest.mark.parametrize("name", sorted(all_defenses()))
def test_where_it_does_not_apply_it_says_so_in_one_sentence(name):
    defense = all_defenses()[name]
    subjects = [nn.Sequential(nn.ReLU()), nn.Conv3d(1, 1, 3), nn.Linear(2, 2), TinyCNN()]
    for subject in (*subjects, *(PLAIN.values() if defense.kind in ("training", "network") else ())):
        why = defense.applies(subject)
        assert isinstance(why, str) and "\n" not in why and not why.endswith(".") and len(why.split()) <= 25
        if why:
            with pytest.raises(RemnantError, match=rf"^The defence '{name}' does not apply: .*\.$"):
                defense.defend(subject)


# Of a training.


@pytest.mark.parametrize("task", TRAININGS)
@pytest.mark.parametrize("name", OF_KIND["training"])
def test_one_seed_is_one_network_and_another_than_without(name, task):
    recipe = defended(name, task)
    few = shortened(recipe, 3)
    one, again, other = (TRAININGS[task](few, seed=seed) for seed in (0, 0, 1))
    assert same(one, again) and not same(one, other) and not one.training
    assert recipe.defenses == {name: all_defenses()[name].settings()} and PLAIN[task].defenses == {}


@pytest.mark.parametrize("task", TRAININGS)
@pytest.mark.parametrize("name", OF_KIND["training"])
def test_a_step_sees_nobody_but_those_trained_on(name, task, monkeypatch):
    """Whoever is not trained on is brighter than any change makes the others."""
    recipe, seen = shortened(defended(name, task), 2), []
    step = nn.Module.__call__

    def watched(self, *inputs, **named):
        if self.training and isinstance(self, TinyCNN | Segmenter):
            seen.append(float(inputs[0].max()))
        return step(self, *inputs, **named)

    monkeypatch.setattr(nn.Module, "__call__", watched)
    TRAININGS[task](recipe)
    assert seen and max(seen) < 0.8


@pytest.mark.parametrize("task", TRAININGS)
@pytest.mark.parametrize("name", OF_KIND["training"])
def test_only_a_stopping_asks_patients_beside(name, task):
    """The weights hang on the validation patients where they choose the epoch, and else not at all."""
    recipe = shortened(defended(name, task), 3)
    one, other = (TRAININGS[task](recipe, strangers=strangers) for strangers in (STRANGER, 0.2))
    assert recipe.stopping or same(one, other)


@pytest.mark.parametrize("name", OF_KIND["training"])
def test_a_batch_keeps_its_patients_and_their_truth_in_bounds(name):
    """What a defence does to a batch takes nothing from outside: two batches in turn give what each gives alone."""
    for recipe, truth in (
        (PLAIN["classifier"], torch.arange(6) % 2 * 1.0),
        (PLAIN["segmenter"], torch.eye(CLASSES)[torch.arange(6) % 2][..., None, None, None].expand(-1, -1, 4, 4, 4)),
    ):
        if all_defenses()[name].applies(recipe):
            continue
        of_volumes = truth.dim() > 1
        images = BRIGHTEST * torch.rand(
            6, 1, *[4] * (3 if of_volumes else 2), generator=torch.Generator().manual_seed(0)
        )
        change = all_defenses()[name].defend(recipe).change_of_batches(Seeds(0))
        strange = Batch(torch.full_like(images, STRANGER), truth)
        for _ in range(20):
            change(strange)
            found = change(Batch(images, truth))
            assert found.images.shape == images.shape and found.truth.shape == truth.shape
            assert found.images.max() < 0.8 and found.images.min() >= 0
            assert found.truth.min() >= 0 and found.truth.max() <= 1
            if of_volumes:
                torch.testing.assert_close(found.truth.sum(1), torch.ones(6, 4, 4, 4))


@pytest.mark.parametrize("name", OF_KIND["training"])
def test_a_classifier_still_learns(name):
    model = classify(defended(name, "classifier", LEARNABLE.get(name)), strangers=BRIGHTEST)
    told = predict_logits(model, (group := chests(40, 900)).images, CLASSIFIER.input_range).squeeze(1) > 0
    assert (told == group.labels.bool()).float().mean() > 0.9


@pytest.mark.parametrize("name", OF_KIND["training"])
def test_a_segmenter_still_learns_and_comes_back_from_its_file(name, tmp_path):
    recipe = defended(name, "segmenter", LEARNABLE.get(name))
    model = segment(recipe, strangers=BRIGHTEST)
    images, labels = heads(3, 900)
    assert dice(model.segment(images).numpy(), labels.numpy(), CLASSES)[:, 1].mean() > 0.7
    save_checkpoint(tmp_path / "a.safetensors", model, dict(recipe.arguments))
    assert same(load_checkpoint(tmp_path / "a.safetensors"), model)


# Of a finished network.


@pytest.mark.parametrize("name", OF_KIND["network"])
def test_the_network_itself_is_left_as_it_was(name, finished):
    before, hooks = copy.deepcopy(finished), len(finished.fc._forward_hooks)
    images = batches()[0]
    one, again = (changed(name, finished)(images) for _ in range(2))
    assert torch.equal(one, again) and one.shape == (8, 1)
    assert same(finished, before) and not finished.training and not changed(name, finished).training
    assert len(finished.fc._forward_hooks) == hooks and torch.equal(finished(images), before(images))


@pytest.mark.parametrize("name", OF_KIND["network"])
def test_it_still_does_its_task(name, finished):
    group = chests(40, 900)
    told = predict_logits(changed(name, finished), group.images, CLASSIFIER.input_range).squeeze(1) > 0
    assert (told == group.labels.bool()).float().mean() > 0.85


# Of a file.


@pytest.mark.parametrize("name", OF_KIND["file"])
def test_a_file_keeps_its_network_and_loses_what_lies_beside_it(name, finished, tmp_path):
    given, out = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save({"state_dict": finished.state_dict(), "epoch": 3, "patients": ["anna", "bert"]}, given)
    before = given.read_bytes()
    all_defenses()[name].defend(given, out=out)
    left = torch.load(out, weights_only=True)["state_dict"]
    assert all(torch.equal(value, left[key]) for key, value in finished.state_dict().items())
    assert given.read_bytes() == before and b"anna" in before and b"anna" not in out.read_bytes()
    with pytest.raises(RemnantError):
        all_defenses()[name].defend(given, out=out)


# Of what is sent.


@pytest.mark.parametrize("name", OF_KIND["sent"])
def test_a_pair_is_trained_as_the_seed_says(name, tmp_path):
    plain = privacynet_preset("smoke").changed(method="none", patch=8, batch=2)
    pair = all_defenses()[name].defend(plain)
    assert pair != plain and (pair.method != "none" or pair.noise)
    scans = Images(*heads(4), ("a", "a", "b", "b"))

    def trained(seed):
        networks = Networks.untrained(pair, CLASSES, Seeds(seed))
        for number, train in enumerate((pretrain, train_adversarially)):
            train(networks, scans, pair, Seeds(seed), tmp_path / f"{number}.pt", lambda *_: None)
            (tmp_path / f"{number}.pt").unlink(missing_ok=True)
        return networks

    one, again, other = (trained(seed) for seed in (0, 0, 1))
    assert same(one.segmenter, again.segmenter) and not same(one.segmenter, other.segmenter)
    if pair.encodes:
        assert same(one.encoder, again.encoder)


def test_two_that_change_what_is_sent_are_one_after_the_other():
    plain = privacynet_preset("smoke").changed(method="none")
    several = [name for name in OF_KIND["sent"] if name != "secret_mixing"]
    for names in (several, several[::-1]):
        pair = plain
        for name in names:
            pair = all_defenses()[name].defend(pair)
        assert pair.method == "both" and pair.drawn and pair.encodes and pair.noise


@pytest.mark.parametrize("other", ["privacy_net", "secret_deformation"])
def test_what_is_mixed_is_neither_deformed_nor_encoded(other):
    plain, known = privacynet_preset("smoke").changed(method="none"), all_defenses()
    mixed = known["secret_mixing"].defend(plain)
    assert known["code_noise"].defend(mixed).noise and mixed.mixes and not mixed.encodes and mixed.drawn is None
    for first, second, why in (
        ("secret_mixing", other, "its client mixes scans with a reference"),
        (other, "secret_mixing", "its client deforms or encodes what it sends"),
    ):
        with pytest.raises(RemnantError, match=why):
            known[second].defend(known[first].defend(plain))
