"""Who is who: nobody on two sides, planted images of both classes, and what a table must say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.cohort.case import Case, Cohort
from remnant.cohort.images import Images, people_in
from remnant.studies.lee2025 import preset
from remnant.studies.lee2025.groups import read_groups
from remnant.studies.lee2025.sources import deal, labels_of, write_sources

SETTINGS = preset("smoke")


def cohort(name="private", patients=40, share=0.5, known=True, finding="Cardiomegaly", seed=0):
    draw = np.random.default_rng(seed)
    cases = []
    for number in range(patients):
        who = {"age": float(draw.integers(20, 90)), "sex": "FM"[int(draw.integers(2))]} if known else {}
        positive = number < share * patients
        for visit in range(1 + number % 2):
            findings = (finding,) if positive else ("No Finding",)
            cases.append(
                Case(f"{name}{number:03d}", f"v{visit}", Path(f"{name}-{number}-{visit}.png"), findings=findings, **who)
            )
    return Cohort(name, Path(name), tuple(cases))


def images(found):
    stack = np.random.default_rng(1).random((len(found.cases), 1, 16, 16), dtype=np.float32)
    return Images(torch.from_numpy(stack), None, tuple(case.patient for case in found.cases), people_in(found.cases))


def write(run, private, public, dealt):
    """Keep the groups of invented images of both cohorts."""
    cohorts = {"private": private, "public": public}
    write_sources(run, cohorts, {name: images(one) for name, one in cohorts.items()}, dealt)


def test_a_study_s_groups_share_nobody_and_planted_ones_are_half_of_each_class(tmp_path):
    private, public = cohort(), cohort("public", seed=2)
    dealt = deal(private, public, SETTINGS)
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    write(run, private, public, dealt)
    groups = {source: read_groups(run, source) for source in ("private", "public", "planted", "attacker")}
    for source in ("private", "public"):
        people = [set(groups[source][name].patients) for name in ("members", "validation", "non_members")]
        assert sum(map(len, people)) == len(set.union(*people)) and len(people[0]) == len(people[2])
    target = set.union(*(set(group.patients) for group in groups["public"].values()))
    assert not target & set.union(*(set(group.patients) for group in groups["attacker"].values()))
    planted = groups["planted"]
    assert sorted(planted["members"].labels) == [0] * 4 + [1] * 4 and len(set(planted["members"].patients)) == 8
    assert set(planted["members"].patients) <= set(groups["private"]["members"].patients)
    others = planted["non_members"]
    assert 2 * others.labels.sum() == len(others.labels) == len(set(others.patients)) > 8
    assert set(others.patients) <= set(groups["private"]["non_members"].patients)
    assert all(name.startswith("P-") for group in planted.values() for name in group.patients)
    # The image is the patient's own.
    shown, stack = {image.numpy().tobytes() for image in planted["members"].images}, images(private).images
    ids = set(dealt.planted["members"])
    assert shown == {
        image.numpy().tobytes() for case, image in zip(private.cases, stack, strict=True) if case.case_id in ids
    }


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_planted_non_members_are_of_equal_classes_where_the_cohort_is_not(share):
    dealt = deal(cohort(share=share), cohort("public", seed=2), SETTINGS)
    for name, least in (("members", 8), ("non_members", 8)):
        labels = [dealt.private_labels[case] for case in dealt.planted[name]]
        assert 2 * sum(labels) == len(labels) >= least, name


def test_people_of_one_name_in_two_cohorts_have_two_pseudonyms(tmp_path):
    private, public = cohort("same"), cohort("same", seed=2)
    run = Run.start(tmp_path / "run", "lee2025", {}, resume=False)
    write(run, private, public, deal(private, public, SETTINGS))
    one, other = (read_groups(run, source)["members"].patients for source in ("private", "public"))
    assert not set(one) & set(other)


def test_another_seed_deals_anew_but_the_attacker_keeps_his_half():
    private, public = cohort(), cohort("public", seed=2)
    one, other = (deal(private, public, SETTINGS.changed(seed=seed)) for seed in (0, 1))
    assert one.private != other.private and one.planted != other.planted
    assert one.attackers == other.attackers and one.within != other.within


def test_targets_that_are_not_trained_ask_for_nothing():
    public = cohort("public", finding="Edema", seed=2)
    alone = deal(cohort(share=0.06), public, SETTINGS.changed(targets=["cnn", "vit"]))
    assert alone.planted == {} and alone.within is None and alone.public_labels == {}
    every = deal(cohort(), cohort("public", seed=2), SETTINGS)
    assert alone.attacker == every.attacker


def test_images_without_a_label_train_no_target():
    found = labels_of(cohort("public", finding="Edema", share=0.2), "public", "Edema", "No Finding")
    assert set(found.values()) == {0, 1}
    mixed = cohort("public", share=0.3)
    extra = tuple(Case(f"other{i}", "v0", Path(f"{i}.png"), findings=("Fracture",)) for i in range(3))
    labels = labels_of(Cohort("public", mixed.root, mixed.cases + extra), "public", "Cardiomegaly", "No Finding")
    assert not [name for name in labels if name.startswith("other")]


@pytest.mark.parametrize(
    ("private", "public", "sentence"),
    [
        (
            cohort(finding="Edema"),
            cohort("public"),
            "has not the finding 'Cardiomegaly'.*has Edema, No Finding.*private-finding",
        ),
        (cohort(share=1), cohort("public"), r"has not a case of the other class \(any other\)"),
        (cohort(), cohort("public", share=0), "has not the finding 'Cardiomegaly'.*public-finding"),
        (cohort(share=0.06), cohort("public"), "takes 4 members of each class; private has .* leave cnn_planted out"),
        (cohort(), cohort("public", known=False), "None of the .* public radiographs of public has an age and a sex"),
        (cohort(patients=4), cohort("public"), "4 patients with a label are too few"),
    ],
)
def test_cohorts_that_do_not_serve(private, public, sentence):
    with pytest.raises(RemnantError, match=sentence):
        deal(private, public, SETTINGS)
