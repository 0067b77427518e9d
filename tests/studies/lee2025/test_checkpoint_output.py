"""The audit of a given checkpoint without a prior: its own output alone, and when its silence counts."""

import csv
import shutil

import numpy as np
import pytest
import torch
from torch.nn import functional

from remnant.attacks.membership.signals import signed_margin
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.results import Results
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.cohort.radiograph.prepare import read_radiographs
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.classifiers import build_classifier
from remnant.studies.frame import AUDIT, AUDIT_OF_OURS, Asked
from remnant.studies.lee2025 import audit_checkpoint, checkpoint_preset
from remnant.studies.lee2025.checkpoint_conclude import doubted
from remnant.studies.lee2025.checkpoint_verdict import _identified, headline
from remnant.studies.lee2025.feeding import Feeding, in_order
from remnant.studies.lee2025.outputs import does_its_task, task_of
from remnant.studies.membership_tables import ByOutput, membership_tables
from remnant.targets.checkpoint import save_checkpoint
from remnant.targets.classifier_files import save_state_dict
from remnant.targets.inputs import InputRange

SETTINGS = checkpoint_preset("smoke")


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
    chosen = [i for i, case in enumerate(radiographs.cases) if case.split == "train"]
    images = InputRange(64, 1, (0.5,), (0.5,))(torch.from_numpy(radiographs.images[chosen]))
    labels = torch.tensor([float("Oedema" in radiographs.cases[i].findings) for i in chosen])[:, None]
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
    save_state_dict(path, model)
    return path


@pytest.fixture(scope="module")
def audited(cohort, leaky, tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    audit_checkpoint(leaky, SETTINGS, Asked(folder / "run", quiet=True), against=cohort, cache=folder / "cache")
    return folder / "run"


@pytest.mark.slow
def test_a_network_that_learned_its_patients_by_heart_is_exposed_without_any_prior(audited):
    results = Results.read(audited / "results.json")
    verdict = results.tables["membership_verdicts"][0]
    assert verdict["outcome"] == "shown" and verdict["auc"] > 0.85
    assert results.headline.startswith("This checkpoint reveals who trained it.")
    assert "got nothing" not in " ".join(results.findings) and any("patient data" in text for text in results.findings)
    assert (results.patients, results.scans) == (48, 48) and not results.tables["leak"]
    blind = next(row for row in results.tables["membership"] if row["signal"] == "blind")
    assert blind["p"] > 0.05 and (audited / "report.html").exists()
    # Nobody's images are left behind, and no demographic model is spoken of.
    assert {path.name for path in (audited / "private").iterdir()} <= {"key", "cache.json", "cohorts.json", "groups"}
    assert "demographic" not in str(results.measures)


@pytest.mark.slow
def test_how_it_takes_images_is_inferred_and_said(audited):
    results = Results.read(audited / "results.json")
    row = results.tables["input"][0]
    assert (row["size"], row["mean"], row["std"], row["fits"]) == (64, "0.5", "0.5", True)
    # Enlarged and made small again, as sizes are sought in larger pictures, they lie at 5e-4.
    assert row["first"] < 3e-4
    assert any("greys in [-1, 1]" in text for text in results.findings)
    facts = {row["fact"]: row["value"] for row in results.tables["file"]}
    assert (facts["file"], facts["architecture"], facts["outputs"]) == ("leaky.pt", "resnet18", "1")
    assert any("stride 2" in text for text in results.attacked)
    assert "1 is 'Oedema'" in facts["answers"]


@pytest.mark.slow
def test_a_finding_that_the_alphabet_puts_first_is_found_to_be_the_positive_class(cohort, leaky, tmp_path):
    other = tmp_path / "cohort"
    shutil.copytree(cohort, other)
    table = other / "manifest.csv"
    table.write_text(table.read_text().replace("Oedema", "Cardiomegaly"))
    # By the owner's word the classes are as he says, and what contradicts them is said.
    for settings, outcome in ((SETTINGS, "shown"), (SETTINGS.changed(findings=["No Finding"]), "cannot tell")):
        out = tmp_path / outcome
        audit_checkpoint(leaky, settings, Asked(out, quiet=True), against=other, cache=tmp_path / "cache")
        results = Results.read(out / "results.json")
        assert results.tables["membership_verdicts"][0]["outcome"] == outcome
        assert ("Name the classes in their order by --finding" in results.headline) == (outcome == "cannot tell")
        answers = next(row["value"] for row in results.tables["file"] if row["fact"] == "answers")
        assert ("1 is 'Cardiomegaly'" in answers) == (outcome == "shown")


@pytest.mark.slow
def test_a_network_that_was_never_trained_is_called_so_and_no_size_is_asked_for(cohort, tmp_path):
    torch.manual_seed(0)
    save_state_dict(tmp_path / "new.pt", build_classifier("resnet18", channels=1, classes=1, width=16))
    audit_checkpoint(
        tmp_path / "new.pt", SETTINGS, Asked(tmp_path / "run", quiet=True), against=cohort, cache=tmp_path / "cache"
    )
    results = Results.read(tmp_path / "run" / "results.json")
    assert results.tables["membership_verdicts"][0]["outcome"] == "cannot tell"
    assert "it was never trained" in results.headline and "--size" not in results.headline


@pytest.mark.slow
def test_the_page_says_whose_model_it_is_and_that_listed_patients_are_phantoms(cohort, audited, tmp_path):
    theirs = Results.read(audited / "results.json")
    arguments = {"name": "resnet18", "channels": 1, "classes": 1, "width": 16}
    save_checkpoint(tmp_path / "ours.safetensors", build_classifier(**arguments), arguments)
    asked = Asked(tmp_path / "run", quiet=True)
    table = cohort / "manifest.csv"
    audit_checkpoint(tmp_path / "ours.safetensors", SETTINGS, asked, against=table, cache=tmp_path / "cache")
    ours = Results.read(tmp_path / "run" / "results.json")
    assert (theirs.subject, ours.subject) == (AUDIT, AUDIT_OF_OURS)
    assert theirs.notices == ours.notices and "All 48 patients are phantoms" in ours.notices[0]


@pytest.mark.slow
def test_the_balance_of_both_groups_is_shown_and_nobody_is_called_matched(audited):
    results = Results.read(audited / "results.json")
    assert {row["trait"] for row in results.tables["balance"]} >= {
        "age",
        "women",
        "images a patient",
        "mean grey",
        "class 1",
    }
    text = " ".join([*results.findings, *results.attacked, *results.glossary.values()])
    assert "matched with" not in text
    assert [row["positive"] for row in results.tables["patients"]] != [0, 0]


@pytest.mark.slow
def test_given_images_as_in_no_training_its_silence_is_not_believed(cohort, leaky, tmp_path):
    wrong = SETTINGS.changed(size=64, mean=[0.5], std=[20.0])
    audit_checkpoint(leaky, wrong, Asked(tmp_path / "run", quiet=True), against=cohort, cache=tmp_path / "cache")
    results = Results.read(tmp_path / "run" / "results.json")
    assert results.tables["membership_verdicts"][0]["outcome"] == "cannot tell"
    assert "give --size, --mean and --std as in training" in results.headline
    assert results.tables["input"][0]["fits"] is False


def verdicts(shift, blind_shift=0.0):
    roles, random = np.repeat([MEMBER, NON_MEMBER], 20), np.random.default_rng(0)
    one, other = (
        membership_test(random.normal(by * (roles == MEMBER)), roles, np.random.default_rng(1))
        for by in (shift, blind_shift)
    )
    return membership_tables({"checkpoint": ByOutput({"margin": one}, other)})["membership_verdicts"]


@pytest.mark.parametrize(
    ("found", "begins", "says"),
    [
        ((0.033, 0.004, 0.115), "Training left a trace", "it identifies 3.3% of 60 members"),
        ((0.6, 0.4, 0.7), "This checkpoint reveals who trained it", "it identifies 60.0% of 60 members"),
        ((None, None, None), "This checkpoint reveals who trained it", "is not resolvable"),
    ],
)
def test_the_verdict_is_no_stronger_than_the_members_it_identifies(found, begins, says):
    columns = dict(zip(("true_positives", "true_positives_low", "true_positives_high"), found, strict=True))
    row = {"signal": "margin", "members": 60, "at_false_positives": 0.1, **columns}
    row["found"] = "not resolvable" if found[0] is None else f"{found[0]:.1%}"
    verdict = {"signal": "margin", "outcome": "shown", "sentence": "Shown."}
    tables = {"membership": [row], "membership_verdicts": [verdict], "likely": []}
    assert headline(tables).startswith(begins) and says in _identified(row)


FED = Feeding(InputRange(64, 1), "greys in [0, 1]", "greys as the file has them", 0.1, 0.1, None)
ABLE, AT_CHANCE = {"right": 19, "asked": 20, "by_chance": 0.5}, {"right": 11, "asked": 20, "by_chance": 0.5}
OTHER_CLASSES = {"right": 1, "asked": 20, "by_chance": 0.5}


@pytest.mark.parametrize(
    ("shift", "doubt", "task", "outcome"),
    [
        (0.0, None, ABLE, "not shown"),
        (0.0, None, {}, "cannot tell"),
        (3.0, None, {}, "shown"),
        (0.0, "It fits nothing.", ABLE, "cannot tell"),
        (0.0, None, AT_CHANCE, "cannot tell"),
        (0.0, None, OTHER_CLASSES, "cannot tell"),
        # What distinguishes members is no noise, however odd the images.
        (3.0, "It fits nothing.", AT_CHANCE, "shown"),
    ],
)
def test_silence_counts_only_where_the_target_was_given_images_as_in_training(shift, doubt, task, outcome):
    fed = Feeding(*(*(getattr(FED, name) for name in ("input_range", "words", "view", "distance", "first")), doubt))
    row = doubted(verdicts(shift), fed, task)[0]
    assert row["outcome"] == outcome and (doubt is None or outcome == "shown" or doubt in row["sentence"])


def test_silence_counts_only_where_the_order_of_the_classes_is_clear():
    labels, noise = np.arange(40.0) % 2, np.random.default_rng(0).normal(size=(40, 1)).astype(np.float32)
    sure = np.where(labels, 3.0, -3.0).astype(np.float32)[:, None]
    for logits, reverse, outcome in (
        (sure, False, "not shown"),
        (-sure, True, "not shown"),
        (noise, None, "cannot tell"),
    ):
        fed = in_order(FED, logits, labels)
        assert reverse in (None, fed.reversed) and (fed.unordered is None) == (outcome == "not shown")
        row = doubted(verdicts(0.0), fed, ABLE)[0]
        assert row["outcome"] == outcome and ("--finding" in row["sentence"]) == (outcome == "cannot tell")
        assert doubted(verdicts(3.0), fed, ABLE)[0]["outcome"] == "shown"
    # Who always answers the same is often right and tells nothing.
    assert in_order(FED, np.full((40, 1), 3.0, np.float32), np.array([1.0] * 36 + [0.0] * 4)).unordered


@pytest.mark.parametrize(("members", "others"), [(12, 12), (12, 120), (120, 12)])
@pytest.mark.parametrize("certainty", [0.0, 0.5])
def test_a_model_that_knows_nobody_is_flagged_as_often_as_its_level_says(members, others, certainty):
    """The order is chosen on the patients who are reported: members must fare no better for it, however few they are."""
    random, trials, shown = np.random.default_rng(0), 1200, 0
    roles = np.repeat([MEMBER, NON_MEMBER], [members, others])
    for _ in range(trials):
        labels = random.integers(0, 2, len(roles)).astype(float)
        logits = random.normal(certainty * (2 * labels - 1))[:, None].astype(np.float32)
        taken = 1 - labels if in_order(FED, logits, labels).reversed else labels
        test = membership_test(signed_margin(torch.from_numpy(logits), taken), roles, random)
        shown += test.p <= 0.05 and test.auc.mean > 0.5
    # One side of 5%, and 2.5 standard errors of so many trials.
    assert shown / trials <= 0.025 + 2.5 * (0.025 / trials) ** 0.5


def test_of_too_few_patients_it_is_said_that_they_are_too_few():
    roles = np.repeat([MEMBER, NON_MEMBER], 3)
    test = membership_test(np.arange(6.0) % 3, roles, np.random.default_rng(0))
    rows = membership_tables({"checkpoint": ByOutput({"margin": test}, test)})["membership_verdicts"]
    sentence = doubted(rows, FED, {"right": 3, "asked": 3, "by_chance": 0.56})[0]["sentence"]
    assert "3 members and 3 non-members are too few" in sentence and "is not shown: 3 of 3 answers" in sentence


def test_the_task_is_held_against_one_who_answers_as_often_each_way():
    labels = np.array([0, 1] * 20)
    sure = np.where(labels, 3.0, -3.0)[:, None]
    assert does_its_task(task_of(sure, labels)) and does_its_task({}) is None
    always = task_of(np.full((40, 1), 3.0), np.array([1] * 36 + [0] * 4))
    assert always["right"] == 36 and always["by_chance"] == pytest.approx(0.9) and not does_its_task(always)
    assert does_its_task(task_of(np.hstack([-sure, sure]), labels))
    assert does_its_task(task_of(np.hstack([sure, -sure]), np.stack([labels, 1 - labels], axis=1)))


@pytest.mark.slow
def test_what_cannot_be_begun(cohort, leaky, tmp_path):
    asked = Asked(tmp_path / "run", quiet=True)
    with pytest.raises(RemnantError, match="nothing to attack with: give patients"):
        audit_checkpoint(leaky, SETTINGS, asked)
    with pytest.raises(RemnantError, match="Public radiographs serve an attack with a generator"):
        audit_checkpoint(leaky, SETTINGS, asked, against=cohort, public=cohort)
    with pytest.raises(RemnantError, match="No image has the finding 'Edema'; the table has"):
        audit_checkpoint(leaky, SETTINGS.changed(findings=["Edema"]), asked, against=cohort)
    with pytest.raises(RemnantError, match="Mean and std belong together"):
        SETTINGS.changed(mean=[0.5])
    state = torch.load(leaky)
    for change, told in (
        (lambda t: t * 0, "Every weight .* is zero"),
        (lambda t: t * float("nan"), "holds NaN or infinity"),
        (lambda t: -t.abs() - 1, "a variance below zero"),
    ):
        broken = {name: change(t) if t.is_floating_point() else t for name, t in state.items()}
        torch.save(broken, tmp_path / "broken.pt")
        with pytest.raises(RemnantError, match=told):
            audit_checkpoint(tmp_path / "broken.pt", SETTINGS, asked, against=cohort)
    assert not (tmp_path / "run").exists()


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
VIEWS = {
    "margin": "signed margin",
    "margin_shifted": "signed margin, mean over shifted images",
    "correct": "right or wrong",
}


@pytest.mark.slow
def test_the_same_network_audited_as_a_strangers_file_leaks_as_much(audited, cohort, leaky, remnant, tmp_path):
    radiographs = read_radiographs(cohort, 64, cache=tmp_path / "cache", quiet=True)
    items = [
        {
            "image": torch.from_numpy(image),
            "label": torch.tensor(int("Oedema" in case.findings)),
            "patient": case.patient,
            "member": case.split == "train",
        }
        for image, case in zip(radiographs.images, radiographs.cases, strict=True)
    ]
    own = tmp_path / "own"
    own.mkdir()
    torch.save(items, own / "items.pt")
    (own / "target.py").write_text(TARGET.format(checkpoint=str(leaky), items=str(own / "items.pt")))
    (own / "audit.toml").write_text("[target]\nplanted_steps = 1\n")
    code, lines, _ = remnant("audit", own, "--out", tmp_path / "audit", "--quiet")
    assert code in (1, 3), lines
    found = {
        one.view: one.value
        for one in AuditResults.read(tmp_path / "audit" / "results.json").findings
        if one.attack == "output" and one.statistic == "auc"
    }
    rows = {row["signal"]: row["auc"] for row in Results.read(audited / "results.json").tables["membership"]}
    for signal, view in VIEWS.items():
        assert found[view] == pytest.approx(rows[signal], abs=1e-7), signal
