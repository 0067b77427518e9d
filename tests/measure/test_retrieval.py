"""Average precision against scikit-learn and against all orders of ties, chance against shuffling, intervals against a loop."""

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from remnant.base.errors import RemnantError
from remnant.measure.retrieval import average_precision, chance_average_precision, retrieval


def generator(seed=0):
    return np.random.default_rng(seed)


def crowd(patients, images, spread, seed=0):
    """Embeddings of patients who lie `spread` apart, and whose they are."""
    random = generator(seed)
    centres = spread * random.normal(size=(patients, 4))
    return np.repeat(centres, images, axis=0) + random.normal(size=(patients * images, 4)), np.repeat(
        [f"p{i}" for i in range(patients)], images
    )


def test_average_precision_agrees_with_scikit_learn():
    random = generator()
    for images in (1, 2, 7, 40):
        away, relevant = random.random(images), random.random(images) < 0.3
        relevant[random.integers(images)] = True
        assert average_precision(away, relevant) == pytest.approx(average_precision_score(relevant, -away))


@pytest.mark.parametrize("away", [[0, 0, 0, 0, 0], [1, 0, 1, 1, 0], [2, 1, 1, 1, 0], [0, 1, 1, 2, 2]])
def test_ties_are_the_mean_over_their_orders(away):
    relevant = np.array([True, False, True, False, True])
    away = np.array(away, dtype=float)
    orders = [np.array(order) for order in itertools.permutations(range(5))]
    ranked = [order for order in orders if (np.diff(away[order]) >= 0).all()]
    expected = np.mean([average_precision_score(relevant[order], -np.arange(5)) for order in ranked])
    assert average_precision(away, relevant) == pytest.approx(expected)


@pytest.mark.parametrize(("relevant", "images"), [(1, 1), (1, 10), (3, 10), (10, 10), (2, 180)])
def test_chance_is_what_shuffling_gives(relevant, images):
    random, marks = generator(), np.arange(images) < relevant
    drawn = [average_precision(random.random(images), marks) for _ in range(2000)]
    chance = chance_average_precision(relevant, images)
    assert chance == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / math.sqrt(2000) + 1e-12)
    assert chance == pytest.approx(average_precision(np.zeros(images), marks))
    assert chance >= relevant / images


def test_chance_of_one_of_ten():
    assert chance_average_precision(1, 10) == pytest.approx(0.2928968)
    with pytest.raises(RemnantError, match="1 to 10"):
        chance_average_precision(0, 10)


def test_every_image_searches_all_others():
    embeddings, patients = crowd(12, 3, 1.0)
    found = retrieval(embeddings, patients, generator())
    expected, first = [], []
    for query in range(36):
        away = np.linalg.norm(embeddings - embeddings[query], axis=1)
        others = np.arange(36) != query
        expected.append(average_precision_score(patients[others] == patients[query], -away[others]))
        first.append(patients[np.where(others, away, np.inf).argmin()] == patients[query])
    assert found.mean_average_precision.mean == pytest.approx(np.mean(expected))
    assert found.rank1.mean == pytest.approx(np.mean(first))
    assert 0.1 < found.rank1.mean < 0.9
    assert found.chance == pytest.approx(chance_average_precision(2, 35))
    assert (found.queries, found.left_out, found.images, found.rank1.n) == (36, 0, 36, 12)


def test_interval_draws_patients_with_all_their_queries():
    """Against a loop; patients differ in their number of images and in how well they are found, as real ones do."""
    random = generator(1)
    patients = np.repeat([f"p{i:02}" for i in range(14)], [*[6] * 6, *[2] * 7, 1])
    number = np.unique(patients, return_inverse=True)[1]
    embeddings = random.normal(size=(14, 4))[number] + np.where(number % 2, 0.1, 2)[:, None] * random.normal(
        size=(51, 4)
    )
    found = retrieval(embeddings, patients, generator(), resamples=4000)
    assert (found.queries, found.left_out, found.images, found.rank1.n) == (50, 1, 51, 13)
    values = {}
    for query in range(50):
        others = np.arange(51) != query
        away = np.linalg.norm(embeddings[others] - embeddings[query], axis=1)
        values.setdefault(patients[query], []).append(average_precision(away, patients[others] == patients[query]))
    names = list(values)
    drawn = [np.mean(np.concatenate([values[name] for name in random.choice(names, 13)])) for _ in range(4000)]
    found = found.mean_average_precision
    np.testing.assert_allclose([found.low, found.high], np.quantile(drawn, [0.025, 0.975]), atol=0.015)
    assert found.low < found.mean < found.high


def test_an_embedding_that_knows_nobody_is_at_chance_and_one_that_knows_all_is_perfect():
    _, patients = crowd(12, 2, 1.0)
    blind = retrieval(np.zeros((24, 3)), patients, generator())
    assert blind.mean_average_precision.mean == pytest.approx(blind.chance) and blind.rank1.mean == 0
    exact = retrieval(np.repeat(np.arange(12.0), 2)[:, None], patients, generator())
    assert exact.mean_average_precision.mean == exact.rank1.mean == exact.rank1.low == 1


def test_nobody_twice_and_one_patient():
    alone = retrieval(np.eye(4), list("abcd"), generator())
    few = retrieval(*crowd(9, 2, 1.0), generator()).mean_average_precision
    assert math.isfinite(few.mean) and math.isnan(few.low) and few.n == 9
    assert math.isnan(alone.mean_average_precision.mean) and math.isnan(alone.chance)
    assert (alone.queries, alone.left_out, alone.rank1.n) == (0, 4, 0)
    one = retrieval(np.array([[0.0], [0.1], [5.0]]), ["a", "a", "b"], generator())
    assert one.rank1.mean == 1 and math.isnan(one.rank1.low) and one.rank1.n == 1 and one.left_out == 1


@pytest.mark.parametrize(
    ("embeddings", "patients"), [(np.zeros(3), ["a"] * 3), (np.zeros((3, 2)), ["a"]), ([[math.nan], [0.0]], ["a", "a"])]
)
def test_refuses(embeddings, patients):
    with pytest.raises(RemnantError, match="Retrieval needs"):
        retrieval(embeddings, patients, generator())
