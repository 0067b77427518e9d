from dataclasses import replace

import numpy as np
import pytest

from remnant.cohort.check.duplicates import appearance, near_pairs
from remnant.cohort.phantoms import BrainPhantoms, ChestPhantoms


def test_different_people_and_sessions_of_one_person(clean, found):
    assert found(clean(4, 2), "duplicates") == []


def test_the_same_voxels_under_two_patients_and_under_one(clean, found):
    scans = clean(3)
    # Another header hides nothing.
    moved = scans["p0", "s0"].affine.copy()
    moved[:3, 3] += 40
    scans["p7", "s0"] = replace(scans["p0", "s0"], affine=moved)
    scans["p1", "s1"] = scans["p1", "s0"]
    error, warning = found(scans, "duplicates")
    assert error.severity == "error" and error.examples == ("images/p0s0.nii.gz", "images/p7s0.nii.gz")
    assert warning.severity == "warning" and warning.examples == ("images/p1s0.nii.gz", "images/p1s1.nii.gz")


@pytest.mark.parametrize(
    "change",
    [
        lambda image: 3.5 * image + 7,
        lambda image: image[::-1],
        lambda image: image.transpose(2, 0, 1),
        lambda image: np.pad(image, ((3, 0), (0, 5), (2, 2)), mode="edge"),
        lambda image: (image / image.max()) ** 0.9,
        lambda image: image + np.random.default_rng(0).normal(0, 20, image.shape),
        lambda image: np.round(image / 50) * 50,
    ],
    ids=["scale", "flip", "axes", "margin", "gamma", "noise", "quantised"],
)
def test_a_changed_copy_under_two_patients(clean, found, change):
    scans = clean(3)
    copy = change(scans["p0", "s0"].image).astype(np.float32)
    scans["p7", "s0"] = replace(scans["p0", "s0"], image=copy, labels=(copy > copy.mean()).astype(np.int16) * 10)
    (one,) = found(scans, "duplicates")
    assert one.severity == "error" and one.examples == ("images/p0s0.nii.gz", "images/p7s0.nii.gz")
    assert "but for" in one.text


def test_of_radiographs_a_noisy_copy_is_found_and_two_people_are_not():
    phantoms = ChestPhantoms(patients=12, side=64)
    images = [phantoms.scan(i).image for i in range(12)]
    noisy = images[3] + np.random.default_rng(0).normal(0, 0.02 * images[3].std(), images[3].shape)
    assert set(near_pairs([appearance(image) for image in [*images, noisy.astype(np.float32)]])) == {(3, 12)}
    # Two people as alike as the most alike of hundreds.
    one = np.random.default_rng(1).normal(size=(36, 36))
    other = 0.95 * one + 0.31 * np.random.default_rng(2).normal(size=(36, 36))
    assert near_pairs([one, other]) == {}


@pytest.mark.slow
def test_phantoms_of_two_people_are_no_copies():
    for skull in (False, True):
        phantoms = BrainPhantoms(patients=40, side=64, skull=skull)
        assert near_pairs([appearance(phantoms.scan(i).image) for i in range(40)]) == {}
