"""The training that an owner need not write: it learns, one seed is one network, and what defences ask of it happens."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.around import put_around, why_not_around
from remnant.defenses.dp_sgd import DP_SGD, DpSgdSettings
from remnant.defenses.registry import all_defenses
from remnant.nets.grouped import group_norms
from remnant.targets import standard
from remnant.targets.standard import standard_training

OPACUS = pytest.mark.skipif(
    not importlib.util.find_spec("opacus"), reason="Opacus, of the extra dp, is not installed; `make setup` does it"
)
TRAIN = standard_training(epochs=40, learning_rate=1e-2)


def network(outputs=2, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, outputs),
    )


def items(patients=24, each=1):
    """Bright in a corner or not, `each` images a patient."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for i in range(patients * each):
        image = 0.3 * torch.rand(1, 8, 8, generator=draw)
        image[:, :4, :4] += 0.6 * (i // each % 2)
        found.append({"image": image, "label": i // each % 2, "patient": f"p{i // each}"})
    return found


def right(model, outputs=2):
    images = torch.stack([item["image"] for item in items()])
    with torch.no_grad():
        answers = model.eval()(images)
    told = answers.argmax(1) if outputs == 2 else answers[:, 0] > 0
    return float(np.mean([int(one) == item["label"] for one, item in zip(told, items(), strict=True)]))


def under(name, settings=None):
    defense = all_defenses()[name]
    assert not why_not_around(defense, TRAIN, network(), segments=False, scenario="checkpoint", public=False)
    return put_around(defense, TRAIN, settings or defense.settings())


@pytest.mark.parametrize("outputs", [1, 2])
def test_it_learns_and_one_seed_is_one_network(outputs):
    one, again, other = (TRAIN(network(outputs), items(), seed) for seed in (0, 0, 1))
    assert right(one, outputs) == 1.0 and not one.training
    assert torch.equal(one[5].weight, again[5].weight) and not torch.equal(one[5].weight, other[5].weight)


def test_so_does_a_segmenter_by_label_maps_and_arrays_do_as_well():
    torch.manual_seed(0)
    model = nn.Conv2d(1, 2, 1)
    own = [{**item, "image": item["image"].numpy(), "label": (item["image"] > 0.5).long().numpy()} for item in items()]
    standard_training(epochs=40, learning_rate=0.3)(model, own, 0)
    images = torch.stack([item["image"] for item in items()])
    found = model(images).argmax(1)
    assert (found == (images[:, 0] > 0.5)).float().mean() > 0.97


@pytest.mark.parametrize(
    "name", ["weight_decay", "label_smoothing", "mixup", "early_stopping", "dropout", "augmentation"]
)
def test_defences_look_into_it_and_it_still_learns(name):
    plain, changed = TRAIN(network(), items(), 0), under(name)(network(), items(), 0)
    assert not torch.equal(plain[5].weight, changed[5].weight) and right(changed) > 0.9


def test_who_watches_an_early_stopping_trains_nothing(monkeypatch):
    seen, step = set(), standard._cross_entropy
    watching = standard._parted([item["patient"] for item in items(each=2)], Seeds(0).child("watching"))[1]
    marked = items(each=2)
    for place in watching:
        marked[place]["image"] = marked[place]["image"] + 10

    def watched(self, *inputs):
        if self.training:
            seen.add(bool(inputs[0].max() > 5))
        return call(self, *inputs)

    call = nn.Sequential.__call__
    monkeypatch.setattr(nn.Sequential, "__call__", watched)
    under("early_stopping")(network(), marked, 0)
    assert seen == {False} and len(watching) == 2 * 5 and step is standard._cross_entropy


@OPACUS
def test_dp_sgd_takes_the_patient_with_all_images_and_no_batch_norm():
    model = under("dp_sgd", DpSgdSettings(epsilon=1e5))(network(), items(each=2), 0)
    assert type(model[1]) is nn.GroupNorm and right(model) > 0.9
    silent = under("dp_sgd", DpSgdSettings(epsilon=0.5))(network(), items(each=2), 0)
    assert right(silent) < right(model)
    with pytest.raises(RemnantError, match=r"delta is 0\.1, and must be below 1 / 24 patients"):
        under("dp_sgd", DpSgdSettings(delta=0.1))(network(), items(), 0)


@OPACUS
@pytest.mark.parametrize("epsilon", [100.0, 1000.0])
def test_large_epsilons_are_settings_that_work_and_promise_nothing(epsilon):
    model = under("dp_sgd", DpSgdSettings(epsilon=epsilon))(network(), items(), 0)
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())
    told = DP_SGD.promises(DpSgdSettings(epsilon=epsilon))
    assert (
        told.startswith(f"The guarantee ({epsilon:g}, 1e-05) allows a membership advantage of 1.00")
        and "bounds no attack" in told
    )


def test_a_small_epsilon_promises_a_number():
    # By its own corner points: at a false positive rate x the true one is at most min(e x + d, 1 - (1 - d - x) / e).
    epsilon, delta = 1.0, 1e-3
    rates = np.linspace(0, 1, 100_001)
    most = np.minimum(np.exp(epsilon) * rates + delta, 1 - (1 - delta - rates) / np.exp(epsilon)) - rates
    told = DP_SGD.promises(DpSgdSettings(epsilon=epsilon, delta=delta))
    assert f"at {most.max():.2f}." in told and "any attack" in told
    assert all_defenses()["dropout"].promises(None) == ""


class Odd(nn.BatchNorm2d):
    """A layer of somebody's own."""


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (
            Odd(8),
            r"The layer '1' \(Odd\) normalises over images of several patients, .*; build the network with GroupNorm",
        ),
        (nn.InstanceNorm2d(8, track_running_stats=True), r"The layer '1' keeps running statistics of its images"),
    ],
)
def test_a_layer_for_which_nothing_can_be_put_is_named(layer, said):
    model = network()
    model[1] = layer
    with pytest.raises(RemnantError, match=said):
        group_norms(model)
    with pytest.raises(RemnantError, match="The layer 'that the network is'"):
        group_norms(nn.BatchNorm2d(4))


def test_group_norms_keep_scale_and_shift_and_mix_no_images():
    model = network()
    with torch.no_grad():
        model[1].weight.mul_(3)
    shared = nn.ModuleDict({"a": model, "b": model[1]})
    found = group_norms(shared)
    assert found["a"][1] is found["b"] and found["b"].num_groups == 4 and float(found["b"].weight.detach()[0]) == 3
    images = torch.rand(3, 1, 8, 8)
    together, apart = model(images), torch.cat([model(image[None]) for image in images])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize(
    ("channels", "groups"), [(1, 1), (2, 1), (3, 1), (8, 4), (24, 12), (64, 32), (96, 32), (100, 25)]
)
def test_a_group_has_two_channels_at_least_and_features_are_one(channels, groups):
    model = group_norms(nn.Sequential(nn.BatchNorm2d(channels), nn.Flatten(), nn.BatchNorm1d(4 * channels))).train()
    assert model[0].num_groups == groups and model[2].num_groups == 1
    assert bool(model(torch.rand(1, channels, 2, 2)).isfinite().all())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image": torch.zeros(1, 4, 4)}, "takes images and labels of one shape"),
        ({"label": 7}, "A label is 7, and the network has 2 outputs; give classes from 0"),
        ({"label": -1}, "A label is -1"),
    ],
)
def test_items_that_do_not_fit_are_told(change, said):
    own = [*items(), {**items()[0], **change}]
    with pytest.raises(RemnantError, match=said):
        TRAIN(network(), own, 0)


def test_numbers_of_no_training_are_refused():
    for wrong in ({"epochs": 0}, {"batch": 0}, {"learning_rate": 0}):
        with pytest.raises(RemnantError):
            standard_training(**wrong)
