"""The table of prepared images, of one shape or of several."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from remnant.base.errors import RemnantError
from remnant.base.store import keep, kept
from remnant.cohort.case import Case
from remnant.cohort.images import AGE, SEX, Images, people_in, visits_of

AGES = np.array([40.0, 50.0, np.nan, 60.0])


def images(of):
    """Four images of three patients, as `of` holds a batch."""
    batch, labels = torch.arange(16.0).reshape(4, 1, 2, 2), torch.tensor([0, 1, 0, 1])
    return Images(of(batch), of(labels), ("a", "b", "a", "c"), {"age": AGES})


@pytest.mark.parametrize("of", [tuple, lambda batch: batch])
def test_images_of_one_shape_may_be_one_tensor(of):
    part = images(of).of(("a", "c"))
    assert type(part.images) is type(part.labels) is type(of(torch.zeros(1)))
    assert [float(image.min()) for image in part.images] == [0, 8, 12]
    assert [int(label) for label in part.labels] == [0, 0, 1] and part.patients == ("a", "a", "c")
    assert np.array_equal(part.details["age"], AGES[[0, 2, 3]], equal_nan=True)
    assert images(of).batches(3) == [[0, 1, 2], [3]] and images(of).spatial == 2


@pytest.mark.parametrize("lacking", ["labels", "patients", "age"])
def test_every_image_has_one_of_each(lacking):
    given = {"labels": (0, 1), "patients": ("a", "b"), "age": np.zeros(2)}
    given[lacking] = given[lacking][:1]
    with pytest.raises(RemnantError, match="one patient, label and detail"):
        Images(torch.zeros(2, 1, 4, 4), given["labels"], given["patients"], {"age": given["age"]})


def test_what_is_known_of_visits_goes_along():
    told = {"visits": (1, 2, 1, 1), "roles": ("test", "test", "training", "test"), "kinds": ("real",) * 4}
    every = replace(images(tuple), **told, classes=("none", "gm"), spacing_mm=2.0)
    part = every.take([3, 1])
    assert (part.visits, part.roles, part.kinds) == ((1, 2), ("test", "test"), ("real", "real"))
    assert part.classes == ("none", "gm") and part.spacing_mm == 2.0
    assert every.where("test") == [0, 1, 3] and every.where("test", visit=2) == [1]
    with pytest.raises(RemnantError, match=r"Got \[2, 4\] of them"):
        replace(every, visits=(1, 2))


def test_simulated_visits_are_what_a_study_rests_on():
    told = {"roles": ("test",) * 4, "visits": (1, 2, 1, 2), "kinds": ("simulated", "simulated", "real", "real")}
    every = replace(images(tuple), **told)
    assert every.kind == "simulated" and every.where("test") == [0, 1] and every.where("test", kind="real") == [2, 3]
    assert replace(every, kinds=()).where("test") == [0, 1, 2, 3] and replace(every, kinds=()).kind == "real"


def test_taking_of_images_that_lie_apart_copies_none():
    whole = images(lambda batch: batch)
    assert whole.apart().take([2]).images[0].data_ptr() == whole.images[2].data_ptr()


def test_they_are_kept_with_all_that_is_known(tmp_path):
    told = {"visits": (1, 2, 1, 1), "roles": ("test",) * 4, "kinds": ("real",) * 4, "classes": ("none", "gm")}
    every = replace(images(lambda batch: batch), **told, spacing_mm=2.0)
    keep(tmp_path / "images.npz", every)
    read = kept(tmp_path / "images.npz", Images)
    assert torch.equal(read.images, every.images) and torch.equal(read.labels, every.labels)
    assert np.array_equal(read.details["age"], AGES, equal_nan=True) and read.spacing_mm == 2.0
    assert {name: getattr(read, name) for name in told} == told and read.patients == every.patients
    keep(tmp_path / "bare.npz", replace(images(lambda batch: batch), labels=None, details={}))
    bare = kept(tmp_path / "bare.npz", Images)
    assert (bare.labels, bare.details, bare.visits, bare.classes, bare.spacing_mm) == (None, {}, (), (), None)


def test_visits_are_counted_by_the_order_of_sessions():
    sessions = [("b", "ses-10"), ("a", "x"), ("b", "ses-9"), ("b", "ses-2"), ("ab", "y")]
    assert visits_of([Case(patient, session, Path("i")) for patient, session in sessions]) == (3, 1, 2, 1, 1)


def test_what_is_not_known_of_people_is_no_number():
    cases = [
        Case("a", "1", Path("i"), age=40.0, sex="M"),
        Case("b", "1", Path("i"), sex="F"),
        Case("c", "1", Path("i")),
    ]
    found = people_in(cases)
    assert np.array_equal(found[AGE], [40.0, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(found[SEX], [1.0, 0.0, np.nan], equal_nan=True)
