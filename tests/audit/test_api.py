"""An audit from Python: of a module, with datasets or arrays, in this process."""

import numpy as np
import pandas as pd
import pytest
import torch
from tests.audit.example import Classifier, images_of, trained
from torch import nn

import remnant
from remnant import RemnantError
from remnant.audit.groups import images_of_groups

HALF = 12


@pytest.fixture(scope="module")
def own():
    """A network that learned the first half by heart, and all images."""
    images = images_of(Classifier, 0)
    return trained(Classifier, images.take(range(HALF)), 0, 150), images


def items(images, places):
    return [(images.images[i], images.labels[i], images.patients[i]) for i in places]


def arrays(images, places):
    return (
        torch.stack([images.images[i] for i in places]).numpy(),
        np.array([images.labels[i] for i in places]),
        [images.patients[i] for i in places],
    )


@pytest.fixture(scope="module")
def found(own):
    network, images = own
    return remnant.audit(network, members=items(images, range(HALF)), non_members=arrays(images, range(HALF, 24)))


def test_a_leak_is_found_and_shown(found):
    assert found.verdict.ruling in ("outside", "cannot tell") and "exposed" in set(found.findings.outcome)
    assert isinstance(found.findings, pd.DataFrame) and {"output", "gradient"} <= set(found.findings.attack)
    assert found.report().name == "report.html" and "Decision support" in found.report().read_text("utf-8")
    assert "<table" in found._repr_html_()
    assert found.results.cohort["members"] == found.results.cohort["non_members"] == HALF
    assert found.results.model["architecture"] == "Classifier"


def test_without_out_nothing_of_the_patients_stays(own):
    network, images = own
    held = remnant.audit(network, items(images, range(HALF)), items(images, range(HALF, 24)), scenario="outputs")
    path = held.path
    assert path.is_dir()
    del held
    assert not path.exists()


def test_the_model_is_left_as_it_was(own, tmp_path):
    network, images = own
    network.train()
    network.features.eval()
    network.head.weight.requires_grad_(True)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = remnant.audit(network, items(images, range(HALF)), items(images, range(HALF, 24)), out=tmp_path / "run")
    assert network.training and not network.features.training and network.head.training
    assert network.head.weight.requires_grad and not network.features.weight.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    # In the same place the same audit goes on, and another does not.
    cell = tmp_path / "run" / "cells" / "attack-output.json"
    kept = cell.stat().st_mtime_ns
    again = remnant.audit(network, items(images, range(HALF)), items(images, range(HALF, 24)), out=tmp_path / "run")
    assert cell.stat().st_mtime_ns == kept and again.findings.equals(first.findings)
    with pytest.raises(RemnantError, match="other settings"):
        remnant.audit(network, items(images, range(HALF)), items(images, range(HALF, 24)), seed=1, out=tmp_path / "run")


def test_the_appetite_and_the_loss_are_the_owners(own):
    network, images = own
    seen = []

    def loss(model, item):
        seen.append((tuple(item["image"].shape), item["label"]))
        return nn.functional.cross_entropy(model(item["image"]), torch.tensor([item["label"]]))

    found = remnant.audit(
        network,
        items(images, range(HALF)),
        items(images, range(HALF, 24)),
        loss=loss,
        appetite={"membership_advantage": 0.9, "membership_tpr": False},
    )
    assert ((1, 1, 16, 16), images.labels[0]) in seen
    assert "the owner's loss" in set(found.findings["view"])
    limits = {limit.name: limit for limit in found.results.limits}
    assert limits["membership_advantage"].value == 0.9 and not limits["membership_tpr"].asked


class Set(torch.utils.data.Dataset):
    """Three images of two people, as mappings."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return {"image": torch.full((1, 4, 4), float(i)), "label": i % 2, "patient": f"a{i // 2}", "age": 50 + i}


def test_groups_in_every_form_are_one_table():
    others = (np.ones((2, 1, 4, 4)) * np.array([[[[7.0]]], [[[8.0]]]]), [0, 1], ["b", "c"])
    images, who = images_of_groups(
        Set(), others, attacker={"image": [torch.zeros(1, 4, 4)], "label": [1], "patient": ["d"]}
    )
    assert images.patients == ("a0", "a0", "a1", "b", "c", "d")
    assert who == (True, True, True, False, False, None)
    assert images.details["age"][:3].tolist() == [50, 51, 52] and np.isnan(images.details["age"][3:]).all()
    assert [float(image[0, 0, 0]) for image in images.images] == [0, 1, 2, 7, 8, 0]


GOOD = [(torch.full((1, 4, 4), float(i)), i % 2, f"p{i}") for i in range(4)]
WRONG = {
    "no module": (lambda: remnant.audit([1], GOOD, GOOD), "The model is a list; give the torch.nn.Module"),
    "pairs": (
        lambda: images_of_groups([(torch.zeros(1, 4, 4), 1)], GOOD),
        r"Item 0 of members is a tuple of 2; give \(image, label, patient\)",
    ),
    "unequal rows": (
        lambda: images_of_groups(GOOD, (torch.zeros(3, 1, 4, 4), [0, 1], ["a", "b", "c"])),
        r"non_members has rows of unequal number \(3 of image, 2 of label, 3 of patient\)",
    ),
    "no patients": (lambda: images_of_groups({"image": [], "label": []}, GOOD), "members has no patient; give image"),
    "a label in words": (
        lambda: images_of_groups(GOOD, [(torch.zeros(1, 4, 4), "ill", "x")]),
        "Item 0 of non_members has the label 'ill'",
    ),
    "nothing": (lambda: remnant.audit(nn.Flatten(), [], GOOD), "No patient is a member"),
    "the same people": (lambda: remnant.audit(nn.Flatten(), GOOD, GOOD), "4 patients have images on both sides"),
    "an unknown scenario": (lambda: remnant.audit(nn.Flatten(), GOOD, GOOD, scenario="all"), "^scenario must be"),
    "an unknown limit": (
        lambda: remnant.audit(nn.Flatten(), GOOD, GOOD, appetite={"advantage": 0.1}),
        r"appetite\.advantage is no setting here",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_told(what):
    work, said = WRONG[what]
    with pytest.raises(RemnantError, match=said):
        work()
