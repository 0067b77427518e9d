"""Crops of a head, as in the Decathlon's hippocampus: nothing of the file survives that tells patients apart."""

import json
from dataclasses import replace

import numpy as np
import pydantic
import pytest
from scipy import ndimage

from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.volumes import PreparationSettings, prepare

SETTINGS = PreparationSettings(spacing_mm=1, scheme="labels", bias_field="none", region="crop", align=False)
PATIENTS = 10


def anatomy(rng, shape):
    """A smooth crop between 0 and 1, and its two structures."""
    image = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
    low, high = np.percentile(image, [0.5, 99.5])
    image = (image - low) / (high - low)
    return image, np.digitize(image, [0.6, 0.8]).astype(np.uint8)


@pytest.fixture
def prepare_crops(tmp_path, save_volume):
    """`prepare_crops({case: (image, labels)})` by way of nnU-Net's layout."""

    def run(crops, where="a"):
        root = tmp_path / where
        for name, (image, labels) in crops.items():
            save_volume(root / "imagesTr" / f"{name}_0000.nii.gz", image.astype(np.float32), np.eye(4))
            save_volume(root / "labelsTr" / f"{name}.nii.gz", labels, np.eye(4))
        about = {"labels": {"background": 0, "a": 1, "b": 2}, "channel_names": {"0": "T1"}}
        (root / "dataset.json").write_text(json.dumps(about))
        heads = prepare(read_cohort(root), SETTINGS, cache=root / "cache", quiet=True)
        found = align(heads, None, quiet=True)
        return replace(found, images=found.images.numpy(), labels=found.labels.numpy())

    return run


def test_size_and_border_are_the_same_for_all(prepare_crops):
    rng = np.random.default_rng(0)
    shapes = [(31, 40, 27), (36, 44, 24), (34, 47, 30)]
    prepared = prepare_crops({f"c{i}": anatomy(rng, shape) for i, shape in enumerate(shapes)})
    assert prepared.images.shape == (3, 1, 32, 48, 32)
    filled = [np.argwhere(ndimage.binary_closing(image[0] > 0)) for image in prepared.images]
    assert {(*found.min(0), *found.max(0)) for found in filled} == {(1, 4, 4, 30, 43, 27)}
    assert prepared.classes == ("background", "a", "b") and set(np.unique(prepared.labels)) == {0, 1, 2}
    outside = np.ones((32, 48, 32), bool)
    outside[1:31, 4:44, 4:28] = False
    assert not prepared.labels[:, outside].any()


def test_an_odd_size_is_no_blurrier_than_an_even_one(prepare_crops):
    image, labels = anatomy(np.random.default_rng(0), (32, 32, 32))
    even, odd = (30, 30, 30), (31, 31, 31)
    crops = {
        f"c{i}": (image[: s[0], : s[1], : s[2]], labels[: s[0], : s[1], : s[2]]) for i, s in enumerate((even, odd))
    }
    # But for the outermost voxels, which the smaller crop continues.
    one, two = prepare_crops(crops).images[:, 0, 2:-2, 2:-2, 2:-2]
    assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.9999


def test_crops_cannot_be_aligned():
    with pytest.raises(pydantic.ValidationError, match="crops of a head can only be centred; set align to false"):
        PreparationSettings(region="crop")


def combs(images):
    """(n, frequencies): how regularly the values of each image are spaced, what an intensity step leaves."""
    spectra = []
    for image in images:
        values = image[(image > 0) & (image < 1)]
        counts = np.histogram(values, bins=4096, range=(0, 1))[0] / len(values)
        spectra.append(np.abs(np.fft.rfft(counts))[12:400])
    return np.log(np.array(spectra) + 1e-4)


def own_first(images):
    """How many patients' second crops are found by their first one's comb alone."""
    first, second = (combs(images[session::2, 0]) for session in (0, 1))
    scores = np.corrcoef(first, second)[:PATIENTS, PATIENTS:]
    return int((scores.argmax(axis=1) == np.arange(PATIENTS)).sum())


def test_the_intensity_step_tells_nobody_apart(prepare_crops, monkeypatch):
    # Every patient has two crops with nothing in common but the step of their scan.
    rng = np.random.default_rng(0)
    crops = {}
    for patient in range(PATIENTS):
        levels = 30 * 1.13**patient
        for crop in "ab":
            image, labels = anatomy(rng, (32, 32, 32))
            crops[f"p{patient}{crop}"] = (np.rint(image * levels) * (17 / levels), labels)
    found = own_first(prepare_crops(crops).images)
    monkeypatch.setattr("remnant.cohort.prepare.head.without_step", lambda image: image)
    assert own_first(prepare_crops(crops, "control").images) >= 8
    # Chance is 1 of 10; 5 or more have a probability of 0.002.
    assert found <= 4
