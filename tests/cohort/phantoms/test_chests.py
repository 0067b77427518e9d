"""Phantom chests: their effects can be learnt, a person is a person in every session, and a seed is a seed."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from remnant.base.errors import RemnantError
from remnant.cohort.phantoms import ChestPhantoms, chest_anatomy, chest_visit
from remnant.cohort.phantoms.chest_anatomy import CLEAR, LARGE_HEART
from remnant.cohort.phantoms.chest_render import FIELD_MM, HALF_WIDTH, render

PEOPLE = 260
TRAIN = 180


@pytest.fixture(scope="module")
def population():
    """First radiographs of 260 people, 32 pixels a side, and who they are."""
    cohort = ChestPhantoms(patients=PEOPLE, side=32, seed=3)
    return [cohort.scan(patient) for patient in range(PEOPLE)], [cohort.patient(patient) for patient in range(PEOPLE)]


@pytest.fixture(scope="module")
def predicted(population):
    """`predicted(truth)`: what ridge regression on 50 principal components says of the people it did not learn from."""
    pixels = np.stack([one.image.ravel() for one in population[0]]).astype(float)
    pixels -= pixels[:TRAIN].mean(0)
    axes = np.linalg.svd(pixels[:TRAIN], full_matrices=False)[2][:50]
    features = pixels @ axes.T
    features /= features[:TRAIN].std(0)

    def predict(truth):
        known = features[:TRAIN]
        mean = truth[:TRAIN].mean()
        weights = np.linalg.solve(known.T @ known + 20 * np.eye(50), known.T @ (truth[:TRAIN] - mean))
        return features[TRAIN:] @ weights + mean

    return predict


def auc(truth, score):
    ranks = rankdata(score)[truth]
    return (ranks.mean() - (len(ranks) + 1) / 2) / (~truth).sum()


def test_sex_and_a_large_heart_can_be_learnt(population, predicted):
    for name, value in (("sex", "M"), ("large_heart", True)):
        truth = np.array([getattr(one, name) == value for one in population[0]])
        assert auc(truth[TRAIN:], predicted(truth.astype(float))) > 0.88, name


def test_age_can_be_learnt(population, predicted):
    age = np.array([one.age for one in population[0]])
    assert np.corrcoef(predicted(age), age[TRAIN:])[0, 1] > 0.6


def test_sex_and_age_are_no_certainty(population):
    """One number of the anatomy alone does not tell them: a model must look."""
    scale = np.array([person.scale[0] for person in population[1]])
    men = np.array([person.sex == "M" for person in population[1]])
    assert 0.8 < auc(men, scale) < 0.995
    knob, age = (np.array([getattr(person, name) for person in population[1]]) for name in ("knob_mm", "age"))
    assert 0.7 < np.corrcoef(knob, age)[0, 1] < 0.99


def test_the_label_is_the_cardiothoracic_ratio(population):
    _, people = population
    ratio = np.array([person.ratio for person in people])
    assert ((ratio > LARGE_HEART) == [person.large_heart for person in people]).all()
    assert np.abs(ratio - LARGE_HEART).min() >= CLEAR - 1e-9
    assert 0.3 < np.mean(ratio > LARGE_HEART) < 0.5


@pytest.mark.parametrize("ratio", [0.42, 0.5, 0.6])
def test_the_heart_is_as_wide_in_the_picture_as_the_ratio_says(ratio):
    """The shadow that a heart adds to a chest with hardly any, over the inner width of the chest."""
    person, visit = chest_anatomy.draw(0, 0), chest_visit.draw(0, 0, 0)
    straight = replace(person.warp, values=0 * person.warp.values)
    visit = replace(visit, heart=1.0, angle=0.0, breath_mm=0.0, magnification=1.0, noise=0.0, wobble=straight)
    images = [render(replace(person, ratio=r, warp=straight), visit, 256) for r in (ratio, 0.1)]
    columns = np.flatnonzero(((images[0] - images[1]) > 0.02).any(axis=0))
    width = (columns[-1] - columns[0] + 1) * FIELD_MM / 256 / person.scale[0]
    assert width / (2 * HALF_WIDTH) == pytest.approx(ratio, rel=0.06)


def test_other_session_is_nearer_than_other_patients():
    count = 40
    cohort = ChestPhantoms(patients=count, sessions=2, side=32, seed=2)
    first, second = (np.stack([cohort.scan(i, s).image.ravel() for i in range(count)]) for s in (0, 1))
    mean = first.mean(0)
    similarity = np.corrcoef(first - mean, second - mean)[:count, count:]
    own, others = np.diag(similarity), similarity[~np.eye(count, dtype=bool)]
    assert np.mean(own[:, None] > similarity) > 0.85
    assert own.mean() > others.mean() + 0.4
    assert own.max() < 0.995, "sessions differ"


def test_same_seed_same_bytes_whatever_was_drawn_before():
    def digest(one):
        return hashlib.sha256(one.image.tobytes() + repr(one[1:]).encode()).hexdigest()

    cohort = ChestPhantoms(patients=3, sessions=2, side=32)
    forwards = [digest(cohort.scan(patient, session)) for patient in range(3) for session in range(2)]
    backwards = [digest(cohort.scan(patient, session)) for patient in (2, 1, 0) for session in (1, 0)]
    assert forwards == backwards[::-1] and len(set(forwards)) == 6
    assert digest(ChestPhantoms(patients=3, sessions=2, side=32, seed=1).scan(0)) != forwards[0]


def test_a_person_does_not_depend_on_the_cohort_around():
    small, large = ChestPhantoms(patients=2, side=32), ChestPhantoms(patients=9, sessions=3, side=32)
    np.testing.assert_array_equal(small.scan(1).image, large.scan(1).image)


@pytest.mark.parametrize("side", [16, 48, 100, 256])
def test_same_person_at_any_size(side):
    image = ChestPhantoms(patients=1, side=side).scan(0).image
    assert image.shape == (side, side) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1 and np.isfinite(image).all()
    at = (np.arange(16) + 0.5) * side / 16
    coarse = np.add.reduceat(np.add.reduceat(image, (at - at[0]).astype(int), 0), (at - at[0]).astype(int), 1)
    reference = ChestPhantoms(patients=1, side=16).scan(0).image
    assert np.corrcoef(coarse.ravel(), reference.ravel())[0, 1] > 0.97


def test_it_looks_like_a_frontal_radiograph(population):
    """Bone and heart bright, lungs dark, air black, and the heart on the right of the picture."""
    mean = np.mean([one.image for one in population[0]], axis=0)
    lungs, middle, abdomen, corner = mean[12:18, 6:11], mean[8:20, 14:18], mean[27:31, 10:22], mean[20:, :2]
    assert corner.mean() < lungs.mean() < abdomen.mean() and lungs.mean() + 0.3 < middle.mean()
    heart = slice(16, 22)
    assert mean[heart, 18:22].mean() > mean[heart, 10:14].mean() + 0.05


def test_later_sessions_are_later_and_views_vary():
    cohort = ChestPhantoms(patients=20, sessions=4, side=16)
    ages = [cohort.scan(0, session).age for session in range(4)]
    assert ages == sorted(ages) and 1.0 < ages[-1] - ages[0] < 5
    views = [cohort.scan(patient, session).view for patient in range(20) for session in range(4)]
    assert 5 < views.count("AP") < 40 and set(views) == {"AP", "PA"}


def test_noise_is_drawn_anew_in_each_session():
    cohort = ChestPhantoms(patients=1, sessions=2, side=128)
    # Neighbours' differences: anatomy is smooth there, noise is not.
    noise = [np.diff(cohort.scan(0, session).image, axis=0) for session in (0, 1)]
    abdomen = (slice(108, 126), slice(30, 50))
    assert abs(np.corrcoef(noise[0][abdomen].ravel(), noise[1][abdomen].ravel())[0, 1]) < 0.2


def test_a_side_too_small():
    with pytest.raises(RemnantError, match="side"):
        ChestPhantoms.checked(side=8)
