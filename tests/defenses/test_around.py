"""What holds for every defence that is put around an owner's training, of other packages, too: one seed one network, items as
they were, nobody beside them, and an owner's network as the training leaves it.
"""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from remnant.defenses.around import put_around, why_not_around
from remnant.defenses.registry import all_defenses

SETTINGS = {"latent_noise": {"layer": "0"}, "distillation": {"epochs": 3}}
BRIGHTEST = 0.5


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 2),
    )


def items(count=8):
    draw = torch.Generator().manual_seed(1)
    return [
        {"image": BRIGHTEST * torch.rand(1, 8, 8, generator=draw), "label": i % 2, "patient": f"p{i}"}
        for i in range(count)
    ]


def public():
    draw = torch.Generator().manual_seed(2)
    return [torch.rand(4, 1, 8, 8, generator=draw) for _ in range(2)]


def train(model, items, seed):
    torch.manual_seed(seed)
    images, labels = torch.stack([one["image"] for one in items]), torch.tensor([one["label"] for one in items])
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        functional.cross_entropy(model(images + 0.1 * torch.randn(images.shape)), labels).backward()
        optimiser.step()


def why_not(name, own=train, **changed):
    asked = {"segments": False, "scenario": "latents", "public": True} | changed
    return why_not_around(all_defenses()[name], own, network(), **asked)


AROUND = [name for name in sorted(all_defenses()) if not why_not(name)]


def around(name, own=train):
    defense = all_defenses()[name]
    return put_around(defense, own, defense.settings(**SETTINGS.get(name, {})), public)


def trained(name, seed=0, own=train):
    model = network().train()
    found = around(name, own)(model, items(), seed)
    return model if found is None else found


def answers(model):
    # Some are drawn anew each time that they are asked.
    return copy.deepcopy(model).eval()(torch.stack([one["image"] for one in items()]))


def test_these_are_all_that_there_are():
    assert {*AROUND} >= {
        "augmentation",
        "distillation",
        "dropout",
        "folded_statistics",
        "latent_noise",
        "public_statistics",
        "unstored_statistics",
    }


@pytest.mark.parametrize("name", AROUND)
def test_one_seed_is_one_network_and_not_the_one_without(name):
    one, again, other = (trained(name, seed) for seed in (0, 0, 1))
    assert torch.equal(answers(one), answers(again)) and answers(one).shape == (8, 2)
    assert not torch.equal(answers(one), answers(other))
    plain = network().train()
    train(plain, items(), 0)
    # Folded statistics answer as before, and that is all of them.
    assert torch.allclose(answers(one), answers(plain), atol=1e-5) == (name == "folded_statistics")


@pytest.mark.parametrize("name", AROUND)
def test_the_training_sees_the_items_patients_and_leaves_the_items_as_they_were(name):
    seen, given = [], items()
    before = copy.deepcopy(given)

    def watched(model, items, seed):
        seen.extend(items)
        train(model, items, seed)

    around(name, watched)(network().train(), given, 0)
    assert {one["patient"] for one in seen} == {one["patient"] for one in given}
    # Whoever is not trained on is brighter.
    assert max(float(one["image"].max()) for one in seen) <= BRIGHTEST
    assert all(np.array_equal(one["image"], own["image"]) for one, own in zip(given, before, strict=True))
    assert all(one.keys() == own.keys() for one, own in zip(given, before, strict=True))


@pytest.mark.parametrize("name", AROUND)
def test_a_network_that_the_training_returns_counts_and_what_is_none_is_passed_on(name):
    def elsewhere(model, items, seed):
        other = network().train()
        train(other, items, seed)
        return other

    given = network().train()
    found = around(name, elsewhere)(given, items(), 0)
    assert found is not given and isinstance(found, nn.Module)
    # Who calls the training says what is wrong with it.
    assert around(name, lambda model, items, seed: 5)(network(), items(), 0) == 5


@pytest.mark.parametrize("name", [name for name in AROUND if all_defenses()[name].kind == "training"])
def test_a_defence_of_the_training_leaves_no_hook_also_where_it_fails(name):
    def fails(model, items, seed):
        raise ValueError("of the owner")

    model = network()
    with pytest.raises(ValueError, match="of the owner"):
        around(name, fails)(model, items(), 0)
    assert not [one for one in model.modules() if one._forward_pre_hooks or one._forward_hooks]


def test_it_is_said_why_not():
    assert why_not("augmentation", segments=True) == "label maps would have to move with the images"
    assert why_not("dropout", segments=True) == ""
    for name in ("distillation", "public_statistics"):
        assert why_not(name, public=False) == "it needs images that the attacker owns, and data() gives none"
    assert (
        why_not("latent_noise", scenario="checkpoint") == "in the scenario checkpoint nothing is sent that it changes"
    )
