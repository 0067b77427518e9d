"""An audit from Python: of a module, with datasets or arrays, in this process."""

import random

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from tests.audit.example import Classifier, images_of, trained
from torch import nn

import remnant
from remnant import RemnantError
from remnant.attacks.prior import Prior, save_prior
from remnant.audit import api
from remnant.audit.owner.groups import images_of_groups
from remnant.audit.owner.module import digest_of, module_of
from remnant.base.provenance import sha256
from remnant.nets.pggan import Generator

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
    assert "<table" in found._repr_html_() and "planted members" in found._repr_html_()
    assert repr(found).splitlines()[1:] == [found.verdict.sentence]
    assert found.results.cohort["members"] == found.results.cohort["non_members"] == HALF
    assert found.results.model["architecture"] == "Classifier"


def test_the_sheet_names_the_weights_as_a_file_of_them_is_hashed(found, own, tmp_path):
    network, _ = own
    save_file(network.state_dict(), tmp_path / "own.safetensors")
    assert found.results.model["sha256"] == sha256(tmp_path / "own.safetensors")
    assert sha256(tmp_path / "own.safetensors") in found.report().read_text("utf-8")
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    alone = digest_of(tied)
    tied[1].weight = tied[0].weight
    assert len({alone, digest_of(tied), digest_of(nn.Sequential(tied[0], tied[0]))}) == 3


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


def moved(network, items, seed):
    """A training of nobody, which draws on every generator that is shared."""
    assert network.training and {*items[0]} == {"image", "label", "patient"} and 0 <= seed < 2**31
    with torch.no_grad():
        network.head.bias += torch.rand(2) + random.random() + np.random.rand()


def test_the_training_is_called_here_for_shadow_models(own, capsys):
    network, images = own
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    drawn = random.random(), np.random.rand(), float(torch.rand(1))
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    calls = []

    def train(network, items, seed):
        calls.append({item["patient"] for item in items})
        moved(network, items, seed)

    groups = items(images, range(HALF)), items(images, range(HALF, 24))
    found = remnant.audit(network, *groups, train=train, build=Classifier, shadows=4)
    assert (random.random(), np.random.rand(), float(torch.rand(1))) == drawn
    # Two deals of all patients to halves, and the first once more.
    assert (
        [len(half) for half in calls] == [HALF] * 5
        and calls[4] == calls[0]
        and calls[0] | calls[1] == {*images.patients} == calls[2] | calls[3]
    )
    assert "references" in set(found.findings.attack) and "shadow models" in " ".join(set(found.findings.view))
    recipe = {control.attack: control.passed for control in found.results.controls if control.kind == "recipe"}
    shadowed = ["references", "rmia", "lira", "bavaria", "hierarchical"]
    assert recipe == dict.fromkeys(["output", "label_only", "gradient", *shadowed])
    assert ", train=train, build=build, shadows=4, seed=0" in found.results.command

    def fails(network, items, seed):
        raise ValueError("the owner's own")

    with pytest.raises(ValueError, match="the owner's own"):
        remnant.audit(network, *groups, train=fails, build=Classifier)


def test_another_training_does_not_go_on_where_one_stopped(own, tmp_path):
    network, images = own
    groups = items(images, range(HALF)), items(images, range(HALF, 24))
    told = {"build": Classifier, "shadows": 4, "out": tmp_path / "run"}

    def stops(network, items, seed):
        if (tmp_path / "run" / "cells" / "shadow-0.json").exists():
            raise KeyboardInterrupt
        moved(network, items, seed)

    with pytest.raises(KeyboardInterrupt):
        remnant.audit(network, *groups, train=stops, **told)
    with pytest.raises(RemnantError, match=r"^train\(\) has changed since .* began to train shadow models"):
        remnant.audit(network, *groups, train=moved, **told)


def test_a_prior_is_that_of_the_folder(own, tmp_path, monkeypatch):
    network, images = own
    save_prior(tmp_path / "prior.safetensors", Prior(Generator(8, (8, 8, 8), 16).eval()))
    seen = []
    monkeypatch.setattr(api, "conduct", lambda material, config, *rest, **more: seen.append((material, config)))
    groups = items(images, range(HALF)), items(images, range(HALF, 24))
    remnant.audit(network, *groups, prior={"file": tmp_path / "prior.safetensors", "mean": [0.5], "std": [1.0]})
    ((material, config),) = seen
    assert material.prior.input_range.mean == (0.5,) and config.prior.file == tmp_path / "prior.safetensors"
    assert material.prior.digest == sha256(tmp_path / "prior.safetensors")


@pytest.mark.parametrize("wrap", [nn.DataParallel, lambda network: torch.compile(nn.DataParallel(network))])
def test_what_wraps_a_network_is_taken_off(own, wrap):
    network, _ = own
    assert module_of(wrap(network)) is network


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


def test_one_person_is_one_name_whatever_holds_the_number():
    tensors = torch.utils.data.TensorDataset(torch.zeros(2, 1, 4, 4), torch.tensor([0, 1]), torch.tensor([7, 8]))
    others = pd.DataFrame({"image": [np.ones((1, 4, 4))] * 2, "label": [0, 1], "patient": [8.0, 9.0]})
    images, _ = images_of_groups(torch.utils.data.Subset(tensors, [0, 1]), others)
    assert images.patients == ("7", "8", "8", "9")


PEOPLE = list("abcd")
FEW = torch.zeros(4, 1, 4, 4)
GOOD = [(torch.full((1, 4, 4), float(i)), i % 2, f"p{i}") for i in range(4)]
FIXED = Classifier()


class Stateful(nn.Module):
    """Something beside tensors in its state, as where quantised layers keep their kind of numbers."""

    def get_extra_state(self):
        return "qint8"


def others():
    return [(torch.full((1, 4, 4), float(i)), i % 2, f"q{i}") for i in range(4, 8)]


def apart():
    images = images_of(Classifier, 0)
    return items(images, range(HALF)), items(images, range(HALF, 24))


WRONG = {
    "no module": (lambda: remnant.audit([1], GOOD, GOOD), "The model is a list; give the torch.nn.Module"),
    "pairs": (
        lambda: images_of_groups([(torch.zeros(1, 4, 4), 1)], GOOD),
        r"Item 0 of members is a tuple of 2; give \(image, label, patient\)",
    ),
    "no channel axis": (
        lambda: images_of_groups((FEW[:, 0], [0] * 4, PEOPLE), GOOD),
        r"members has images of shape \(4, 4, 4\) without a channel axis; give them as \(4, 1, 4, 4\)",
    ),
    "items without a channel axis": (
        lambda: remnant.audit(
            nn.Conv2d(1, 2, 3), *([(torch.rand(4, 5), 0, f"{name}{i}") for i in range(3)] for name in "ab")
        ),
        r"a picture needs a channel axis, \(1, 4, 5\)",
    ),
    "arrays without patients": (
        lambda: images_of_groups((FEW, [0] * 4), GOOD),
        r"members is a tuple of 2; of arrays give \(images, labels, patients\)",
    ),
    "one item": (
        lambda: images_of_groups(GOOD[0], GOOD),
        r"members is one item with an image of shape \(1, 4, 4\); give a list",
    ),
    "batches": (
        lambda: images_of_groups(torch.utils.data.DataLoader(GOOD, batch_size=2), GOOD),
        "members is a DataLoader, which gives batches; give its dataset, loader.dataset",
    ),
    "batches of another loader": (
        lambda: images_of_groups([(FEW, torch.zeros(4), PEOPLE)], GOOD),
        "Item 0 of members has 4 patients, as a batch has",
    ),
    "paths": (
        lambda: images_of_groups([{"image": "scan.nii.gz", "label": 0, "patient": "a"}], GOOD),
        "Item 0 of members has a path or a text as its image; load it",
    ),
    "mappings without patients": (
        lambda: images_of_groups([{"image": FEW[0], "label": 0}], GOOD),
        "Item 0 of members has no patient; give image, label and patient in every item",
    ),
    "a column of one value": (
        lambda: images_of_groups({"image": FEW, "label": 1, "patient": PEOPLE}, GOOD),
        "members has one label for all images",
    ),
    "no labels": (lambda: images_of_groups((FEW, None, PEOPLE), GOOD), "members has no label"),
    "half precision": (
        lambda: remnant.audit(nn.Linear(4, 2).half(), GOOD, others()),
        r"its weights are torch.float16 and images float32: give the network in float32, by .float\(\)",
    ),
    "TorchScript": (
        lambda: remnant.audit(torch.jit.script(nn.Flatten()), GOOD, others()),
        "The model is Flatten as TorchScript",
    ),
    "a quantised network": (
        lambda: remnant.audit(Stateful(), GOOD, others()),
        "state holds '_extra_state', which is no tensor, as where a network was quantised",
    ),
    "train without build": (
        lambda: remnant.audit(nn.Flatten(), GOOD, others(), train=moved),
        r"train and build go together; give build\(\)",
    ),
    "build that gives no module": (
        lambda: remnant.audit(Classifier(), *apart(), train=moved, build=dict),
        r"build\(\) gives a dict",
    ),
    "build that is a network": (
        lambda: remnant.audit(Classifier(), *apart(), train=moved, build=FIXED),
        "build is a Classifier; give a function that makes a new network at each call",
    ),
    "a training of other arguments": (
        lambda: remnant.audit(Classifier(), *apart(), train=lambda items: None, build=Classifier),
        r"^train\(\) must take \(model, items, seed\)",
    ),
    "a limit that is no table": (
        lambda: remnant.audit(nn.Flatten(), GOOD, others(), appetite=0.1),
        "^appetite must be a table. Got 0.1 instead",
    ),
    "a prior that is no table": (
        lambda: remnant.audit(nn.Flatten(), GOOD, others(), prior="prior.safetensors"),
        "^prior must be a table. Got 'prior.safetensors' instead",
    ),
    "build that gives the audited weights": (
        lambda: remnant.audit(FIXED, *apart(), train=moved, build=lambda: FIXED),
        r"train\(\) cannot begin anew, .* leave them out\.$",
    ),
    "an odd number of shadow models": (
        lambda: remnant.audit(nn.Flatten(), GOOD, others(), train=moved, build=nn.Flatten, shadows=5),
        "^shadows.count: must be 0, or an even number",
    ),
    "a prior without a file": (
        lambda: remnant.audit(nn.Flatten(), GOOD, others(), prior={"mean": [0.5]}),
        "prior has no file",
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


@pytest.mark.filterwarnings("ignore:.torch.jit.script")
@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_is_told(what):
    work, said = WRONG[what]
    with pytest.raises(RemnantError, match=said):
        work()
