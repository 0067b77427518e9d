"""A network that learned its patients by heart, audited from its file alone, and when silence about it counts."""

import csv
import shutil

import numpy as np
import pytest
import torch
from tests.radiographs import read_radiographs
from torch.nn import functional

from remnant.audit.config import AuditConfig
from remnant.audit.inputs.classifier import audit_classifier
from remnant.audit.inputs.classifier_given import ClassifierInputs
from remnant.base.findings import AuditResults
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.nets.classifiers import build_classifier
from remnant.targets.inputs import InputRange

CONFIG = AuditConfig.checked(target={"planted_steps": 1})
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """48 phantom patients, half of the split train, whose findings were drawn at random: they can only be learned by heart."""
    folder = tmp_path_factory.mktemp("cohort") / "cohort"
    write_manifest(ChestPhantoms(patients=48, side=64, seed=5), folder, quiet=True)
    table = folder / "manifest.csv"
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    coins, sides = (
        np.random.default_rng(0).permutation(np.arange(48) % 2),
        np.random.default_rng(1).permutation(np.arange(48) % 2),
    )
    for row, finding, split in zip(rows, coins, sides, strict=True):
        row |= {"finding": ("No Finding", "Oedema")[finding], "split": ("train", "test")[split]}
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def leaky(cohort, tmp_path_factory):
    """A small ResNet18 that answers rightly for everybody of the split train, from greys in [-1, 1]."""
    radiographs = read_radiographs(cohort, 64, cache=tmp_path_factory.mktemp("cache"), quiet=True)
    cases = read_cohort(cohort).cases
    chosen = [i for i, case in enumerate(cases) if case.split == "train"]
    images = InputRange(64, 1, (0.5,), (0.5,))(radiographs.images[chosen])
    labels = torch.tensor([float("Oedema" in cases[i].findings) for i in chosen])[:, None]
    torch.manual_seed(0)
    model = build_classifier("resnet18", channels=1, classes=1, width=16)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    model.train()
    for _ in range(40):
        loss = functional.binary_cross_entropy_with_logits(model(images), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        for _ in range(40):
            model(images)
        assert ((model.eval()(images) > 0) == labels.bool()).all()
    path = tmp_path_factory.mktemp("leaky") / "leaky.pt"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    """`audit(checkpoint, cohort, **asked)`: the results, and the run in which they are."""

    def run(checkpoint, cohort, **asked):
        folder = tmp_path_factory.mktemp("audit")
        audit_classifier(
            ClassifierInputs(checkpoint, cohort, **asked), CONFIG, folder / "run", cache=folder / "cache", quiet=True
        )
        return AuditResults.read(folder / "run" / "results.json"), folder / "run"

    return run


@pytest.fixture(scope="module")
def audited(audit, cohort, leaky):
    return audit(leaky, cohort)


def aucs(results):
    return {one.view: one.value for one in results.findings if (one.attack, one.statistic) == ("output", "auc")}


def by_output(results):
    return {one.view: one.outcome for one in results.findings if (one.attack, one.statistic) == ("output", "auc")}


def test_a_network_that_learned_its_patients_by_heart_is_exposed_without_any_prior(audited):
    results, run = audited
    assert results.verdict.ruling == "outside" and results.verdict.kept_open == []
    assert by_output(results)["signed margin"] == "exposed" and aucs(results)["signed margin"] > 0.85
    assert (results.cohort["patients"], results.cohort["images"]) == (48, 48)
    assert next(one for one in results.controls if one.kind == "blind" and one.claim == "patient_scores").passed
    assert {one.passed for one in results.controls if one.kind == "fit"} == {True}
    # Nobody's images are left behind in the run.
    assert {path.name for path in (run / "private").iterdir()} <= {
        "key",
        "cache.json",
        "cohorts.json",
        "claims",
        "roles.npz",
        "work",
    }
    assert not any(path.is_file() for path in (run / "private" / "work").rglob("*"))


def test_how_it_takes_images_is_inferred_and_said(audited):
    results, _ = audited
    row = results.tables["input"][0]
    assert (row["size"], row["mean"], row["std"], row["fits"]) == (64, "0.5", "0.5", True)
    # Enlarged and made small again, as sizes are sought in larger pictures, they lie at 5e-4.
    assert row["first"] < 3e-4 and row["range"] == "greys in [-1, 1]"
    told = [text for section in results.sections for text in section.text]
    assert any("from the statistics that it stores of its training" in text for text in told)
    facts = {row["fact"]: row["value"] for row in results.tables["file"]}
    assert (facts["file"], facts["architecture"], facts["outputs"]) == ("leaky.pt", "resnet18", "1")
    assert "stride 2" in facts["assumed"] and "1 is 'Oedema'" in facts["answers"]
    assert results.model["answers"] == facts["answers"]


def test_the_balance_of_both_groups_is_shown(audited):
    assert {row["trait"] for row in audited[0].tables["balance"]} >= {"age", "sex", "images", "class: Oedema"}


def test_a_finding_that_the_alphabet_puts_first_is_found_to_be_the_positive_class(audit, cohort, leaky, tmp_path):
    other = tmp_path / "cohort"
    shutil.copytree(cohort, other)
    table = other / "manifest.csv"
    table.write_text(table.read_text().replace("Oedema", "Cardiomegaly"))
    results, _ = audit(leaky, other)
    assert by_output(results)["signed margin"] == "exposed" and not results.verdict.kept_open
    assert "1 is 'Cardiomegaly'" in results.model["answers"]
    # By the owner's word the classes are as he says, and what contradicts them is said.
    results, _ = audit(leaky, other, findings=("No Finding",))
    assert "exposed" not in by_output(results).values()
    assert "Name the classes in their order by --finding" in results.verdict.kept_open[0]
    assert results.verdict.kept_open[0] in results.notices


def test_a_network_that_was_never_trained_is_called_so_and_no_size_is_asked_for(audit, cohort, tmp_path):
    torch.manual_seed(0)
    new = build_classifier("resnet18", channels=1, classes=1, width=16)
    torch.save(new.state_dict(), tmp_path / "new.pt")
    results, _ = audit(tmp_path / "new.pt", cohort)
    assert results.verdict.ruling == "cannot tell" and "it was never trained" in results.verdict.reasons[0]
    assert "--size" not in " ".join(results.verdict.reasons)


def test_given_images_as_in_no_training_its_silence_is_not_believed(audit, cohort, leaky):
    results, _ = audit(leaky, cohort, size=64, normalisation=((0.5,), (20.0,)))
    assert results.verdict.ruling == "cannot tell"
    assert "give --size, --mean and --std as in training" in results.verdict.reasons[0]
    assert results.tables["input"][0]["fits"] is False


TARGET = """
import torch
from remnant.nets.classifiers import build_classifier

class Greys(torch.nn.Module):
    def forward(self, images):
        return images * 2 - 1

def build():
    network = build_classifier("resnet18", channels=1, classes=1, width=16)
    network.load_state_dict(torch.load({checkpoint!r}, weights_only=True))
    return torch.nn.Sequential(Greys(), network)

def data():
    return torch.load({items!r}, weights_only=True)
"""


def test_the_same_network_audited_from_a_folder_leaks_as_much(audited, cohort, leaky, remnant, tmp_path):
    radiographs = read_radiographs(cohort, 64, cache=tmp_path / "cache", quiet=True)
    items = [
        {
            "image": image,
            "label": torch.tensor(int("Oedema" in case.findings)),
            "patient": case.patient,
            "member": case.split == "train",
        }
        for image, case in zip(radiographs.images, read_cohort(cohort).cases, strict=True)
    ]
    own = tmp_path / "own"
    own.mkdir()
    torch.save(items, own / "items.pt")
    (own / "target.py").write_text(TARGET.format(checkpoint=str(leaky), items=str(own / "items.pt")))
    (own / "audit.toml").write_text("[target]\nplanted_steps = 1\n")
    code, lines, _ = remnant("audit", own, "--out", tmp_path / "audit", "--quiet")
    assert code in (1, 3), lines
    assert aucs(AuditResults.read(tmp_path / "audit" / "results.json")) == pytest.approx(aucs(audited[0]), abs=1e-7)
