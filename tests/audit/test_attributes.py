"""The audit of age and sex: what a network remembers of its members' is exposed, what any image shows is not."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.audit.example import Classifier, folds, images_of, trained

from remnant.attacks.attack import Work
from remnant.attacks.attributes import ATTRIBUTES, of_patients
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.reading import read_in_parts, shown
from remnant.audit.config import AuditConfig
from remnant.audit.findings.attribute_rows import truth_of
from remnant.audit.inputs.trained import forecast_trained, material_of
from remnant.audit.materials.material import Material, roles_of
from remnant.audit.run.attacks import attacks_of
from remnant.audit.run.model import audit_model
from remnant.audit.run.results import Clock, conclude, machine
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.report.audit import render_audit
from remnant.report.egress import told_outside
from remnant.targets.audited import Audited
from remnant.targets.head import head_of

PATIENTS = 64


def material(*, leaks, seen=False, seed=0, patients=PATIENTS, **details):
    """A network that learned by heart of its members, the first half, a label that is their sex, or one that has nothing to do
    with it. `seen`: the sex shows in every image. Ages are noise."""
    draw = np.random.default_rng(seed + 1)
    images = images_of(Classifier, seed, patients)
    sexes = draw.permutation(np.arange(patients) % 2).astype(float)
    if seen:
        shown_ = [image + 0.5 * (2 * sex - 1) for image, sex in zip(images.images, sexes, strict=True)]
        images = replace(images, images=tuple(shown_))
    if leaks:
        images = replace(images, labels=tuple(int(sex) for sex in sexes))
    members = tuple(i < patients // 2 for i in range(patients))
    network = trained(Classifier, images.take(range(patients // 2)), seed, 150)
    raw = network(torch.stack(images.images[:4]))
    head, labels = head_of(raw, [np.asarray(label) for label in images.labels], images.images[0])
    told = {"sex": sexes, "age": draw.uniform(20, 80, patients)} | details
    images = Images(images.images, tuple(labels), images.patients, {k: v for k, v in told.items() if v is not None})
    return Material(Audited(network, head), images, roles_of(images.patients, members), {"name": "n"})


def audited(tmp_path, own, scenario="checkpoint", name="run"):
    config = AuditConfig(scenario=scenario)
    with Run.start(tmp_path / name, "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, own, config, quiet=True)
        results = conclude(config, **parts, **machine(Clock(), ""))
    return {one.attack: one for one in results.findings if one.claim == "attributes"}, results


def controls(results, attribute):
    return {one.kind: one.passed for one in results.controls if one.attack == attribute}


def test_the_sex_that_a_network_remembers_of_its_members_is_exposed_and_outside(tmp_path):
    found, results = audited(tmp_path, material(leaks=True))
    sex, age = found["sex"], found["age"]
    assert sex.statistic == "skill_gap" and sex.null == 0 and sex.value > 0.3 and sex.outcome == "exposed"
    assert age.outcome == "not shown" and sex.view == age.view == "features before the network's head"
    assert results.model["layer that was read"] == "head"
    assert controls(results, "sex") == controls(results, "age") == {"blind": True, "planted": True}
    (blind,) = (one.sentence for one in results.controls if one.kind == "blind" and one.attack == "sex")
    assert blind.startswith(
        "That a reader of sex that never saw the model reads members unlike non-members is not shown "
    )
    assert re.search(r"members minus non-members −?\d\.\d\d \[−?\d\.\d\d, −?\d\.\d\d\]\)\.$", blind)
    (judged,) = (one for one in results.verdict.judged if one.limit == "attribute")
    assert judged.ruling == "outside" and results.findings[judged.finding] == sex
    assert "of 1" in sex.counts and "women members" in sex.counts
    rows = {(row["attribute"], row["group"]): row for row in results.tables["attributes"]}
    assert (
        rows["sex", "members"]["accuracy_balanced"] > 0.9
        and 0.3 < rows["sex", "non-members"]["accuracy_balanced"] < 0.7
    )
    assert rows["age", "members"]["mae"] > 0 and rows["sex", "members"]["mae"] is None
    assert 10 < rows["age", "members"]["guess_mae"] < 20


def test_a_network_that_remembers_something_else_is_not(tmp_path):
    found, results = audited(tmp_path, material(leaks=False))
    assert {one.outcome for one in found.values()} == {"not shown"}
    assert [one.ruling for one in results.verdict.judged if one.limit == "attribute"] == ["cannot tell"]


@pytest.mark.slow
def test_so_it_is_for_twenty_seeds(tmp_path):
    for leaks in (True, False):
        outcomes = [
            audited(tmp_path, material(leaks=leaks, seed=seed), name=f"{leaks}{seed}")[0]["sex"].outcome
            for seed in range(20)
        ]
        assert outcomes.count("exposed") == (20 if leaks else 0)


@pytest.mark.slow
def test_what_every_image_shows_is_no_disclosure_by_training_but_is_one_by_latents(tmp_path):
    own = material(leaks=False, seen=True)
    found, results = audited(tmp_path, own)
    rows = {(row["attribute"], row["group"]): row["accuracy_balanced"] for row in results.tables["attributes"]}
    assert min(rows["sex", "members"], rows["sex", "non-members"]) > 0.9 and found["sex"].outcome == "not shown"
    found, results = audited(tmp_path, own, "latents", "latents")
    assert found["sex"].statistic == "skill" and found["sex"].null == 0 and found["sex"].outcome == "exposed"
    assert found["age"].outcome == "not shown"
    assert controls(results, "sex") == {"null": True, "planted": True}
    assert {one.limit: one.ruling for one in results.verdict.judged}["attribute"] == "outside"


def test_without_ages_and_sexes_it_is_said_that_nothing_can_be_tested(tmp_path):
    own = material(leaks=True, sex=None, age=None)
    found, results = audited(tmp_path, own)
    assert not found and not results.tables.get("attributes")
    (run,) = (one for one in results.scenario.attacks if one.name == "attributes")
    assert not run.run and run.why.startswith(
        "neither ages nor sexes that differ are known: give age and sex with the items"
    )
    said = " ".join(one.sentence for one in results.verdict.judged)
    assert f"No attack that applies measures attribute disclosure; {run.why}." in said and "`attribute = false`" in said


def test_one_of_both_is_enough_and_few_are_not():
    config = AuditConfig()
    few = np.full(PATIENTS, np.nan)
    few[:8] = np.arange(8) % 2
    for sex, age, why in (
        (few, None, "fewer than 10"),
        (None, np.arange(PATIENTS) + 1.0, ""),
        (np.ones(64), None, "neither"),
    ):
        own = material(leaks=False, sex=sex, age=age)
        found = dict((attack.name, said) for attack, said in attacks_of(own, config))
        assert found["attributes"].startswith(why) if not why else why in found["attributes"]


def test_groups_that_differ_without_the_model_make_it_not_testable(tmp_path):
    """Of members alone the sex shows in the image."""
    own = material(leaks=True)
    sexes = own.images.details["sex"]
    changed = [
        image + 0.5 * (2 * sex - 1) * (i < PATIENTS // 2)
        for i, (image, sex) in enumerate(zip(own.images.images, sexes, strict=True))
    ]
    found, results = audited(tmp_path, replace(own, images=replace(own.images, images=tuple(changed))))
    assert controls(results, "sex")["blind"] is False and found["sex"].outcome == "not testable"


def test_nobodys_own_attribute_is_used_to_read_it(tmp_path):
    own = material(leaks=True)
    work = Work(Seeds(0), tmp_path)
    features = shown(own.target, own.images, "checkpoint", None)
    first = read_in_parts(ATTRIBUTES, features, own.candidates, work)[0]
    values = own.images.details["sex"].copy()
    values[5] = 1 - values[5]
    told = replace(own.images, details={**own.images.details, "sex": values})
    other = read_in_parts(ATTRIBUTES, replace(features, images=told), own.candidates, work)[0]
    place = first.patients.index(own.images.patients[5])
    assert first.patients == other.patients
    assert first.predicted["sex"][place] == other.predicted["sex"][place]
    assert (first.predicted["sex"] != other.predicted["sex"]).sum() > PATIENTS / 2


def test_a_patient_has_one_age_and_one_sex():
    images = Images(
        (torch.zeros(1, 2, 2),) * 5,
        None,
        ("a", "a", "b", "b", "c"),
        {"age": np.array([40, 44, np.nan, 60, np.nan]), "sex": np.array([0, 1, 1, np.nan, 0])},
    )
    ages, sexes = of_patients(images, "age"), of_patients(images, "sex")
    assert (ages["a"], ages["b"]) == (42, 60) and np.isnan(ages["c"])
    assert np.isnan(sexes["a"]) and (sexes["b"], sexes["c"]) == (1, 0)
    assert truth_of(images, "age").classes == {"a": False, "b": True}


@pytest.mark.parametrize("shapes", [((1, 16, 16), (1, 16, 16)), ((1, 16, 16), (1, 20, 24))])
def test_images_of_all_shapes_have_features_of_one_length(shapes):
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2)
    ).eval()
    draw = torch.Generator().manual_seed(0)
    images = Images(tuple(torch.rand(shape, generator=draw) for shape in shapes), (0, 1), ("a", "b"))
    head, _ = head_of(network(images.images[0][None].repeat(2, 1, 1, 1)), [np.array(0), np.array(1)], images.images[0])
    target = Audited(network, head)
    for scenario, width in (("checkpoint", 3), ("latents", 3), ("outputs", 2)):
        assert shown(target, images, scenario, None).values.shape == (2, width)
    assert shown(target, images, "latents", "0").values.shape == (2, 3 * 64)


def test_it_is_in_the_list():
    assert all_attacks()["attributes"] is ATTRIBUTES


def test_the_models_of_folds_are_read_by_their_answers_and_it_is_forecast(tmp_path):
    trained_ = folds(Classifier, leaks=True)
    sexes = np.array([int(label) for label in trained_.images.labels[::2]]).repeat(2)
    told = replace(trained_, images=replace(trained_.images, details={"sex": sexes.astype(float)}))
    own, _ = material_of(told, None, Seeds(0))
    found, _ = audited(tmp_path, own)
    assert found["sex"].view == "the answers" and found["sex"].statistic == "skill_gap" and "age" not in found
    pieces, _ = forecast_trained(own, AuditConfig())
    assert {piece.name: piece.seconds for piece in pieces}["attributes"] > 0


def test_the_report_shows_both_groups_and_few_patients_do_not_leave(tmp_path):
    _, results = audited(tmp_path, material(leaks=True))
    page = render_audit(tmp_path / "run", results)
    assert "Age and sex" in page and "features before the network" in page and "Accuracy, guessed" in page
    rows = [row | {"accuracy": 31 / 32} for row in results.tables["attributes"]]
    outside = told_outside(results.model_copy(update={"tables": results.tables | {"attributes": rows}}))
    (sex,) = (one for one in outside.findings if one.attack == "sex")
    members = next(row for row in outside.tables["attributes"] if row["group"] == "members")
    assert members["accuracy_balanced"] is members["low"] is members["accuracy"] is None and members["n"] == 32
    assert sex.value is None and sex.counts == "withheld: fewer than 10 patients"
