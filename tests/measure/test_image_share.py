"""How much an image weighs beside its shifts: chosen by the shadow models alone, and about as good as the better of the two."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from remnant.measure.hierarchical import hierarchical
from remnant.measure.image_share import SHARES, as_one, image_share, weighed
from remnant.measure.swaps import dealt_halves

QUERIES = 9


def world(seed, swaps, kept, near, patients=170):
    """As `shadowed.world`, of queries each with noise of its own, `near` times the image's, and shifts that keep a share of what
    training adds to the image."""
    draw = np.random.default_rng([seed, swaps])
    base, noise = draw.normal(0, 2, patients), np.exp(draw.normal(0, 0.4, patients))
    trained, own = dealt_halves(patients, swaps, draw), dealt_halves(patients, 1, draw)[:, 0]
    added = (noise * np.abs(draw.normal(1, 0.5, patients)))[:, None] * np.array([1] + [kept] * (QUERIES - 1))

    def fitted(inside):
        of_model, of_query = draw.normal(size=inside.shape), draw.normal(size=(*inside.shape, QUERIES))
        steady = (slice(None),) + (None,) * inside.ndim
        return (
            base[steady]
            + noise[steady] * (of_model[..., None] + near * of_query)
            + added[(slice(None),) + (None,) * (inside.ndim - 1)] * inside[..., None]
        )

    return fitted(own), fitted(trained), trained, own


def test_it_is_the_share_with_the_best_mean_auc_by_networks_of_other_swaps():
    _, fits, trained, _ = world(0, 3, 0.8, 0.5)
    found = {}
    for share in SHARES:
        one = share * fits[..., 0] + (1 - share) * fits.mean(2)
        level = [one[~trained[:, k], k].mean() for k in range(6)]
        areas = []
        for k in range(6):
            others = [j for j in range(6) if j // 2 != k // 2]
            out = [np.mean([one[i, j] - level[j] for j in others if not trained[i, j]]) for i in range(170)]
            areas.append(roc_auc_score(trained[:, k], one[:, k] - out))
        found[share] = np.mean(areas)
    assert image_share(fits, trained) == max(found, key=found.get)
    assert len({*found.values()}) == len(SHARES)


def test_one_signal_of_several_queries():
    queries = np.array([[4.0, 1.0, 1.0], [0.0, 3.0, 6.0]])
    assert as_one(queries, 1.0) == pytest.approx([4, 0]) and as_one(queries, 0.0) == pytest.approx([2, 3])
    assert as_one(queries, 0.25) == pytest.approx([2.5, 2.25])


def test_without_two_swaps_or_two_sides_it_is_one_half():
    _, fits, trained, _ = world(0, 2, 0.0, 0.5)
    assert image_share(fits, trained) == 1.0
    assert image_share(fits[:, :2], trained[:, :2]) == 0.5
    everybody = trained.copy()
    everybody[:, 3] = True
    assert image_share(fits, everybody) == 0.5


def test_of_several_deals_at_once_each_is_as_by_itself():
    fit, fits, trained, _ = world(1, 3, 0.85, 0.5, patients=40)
    draw, nobody = np.random.default_rng(0), trained.copy()
    nobody[:, 2] = False
    several = np.array([trained, *(dealt_halves(40, 3, draw) for _ in range(8)), nobody])[:, None]
    shares, found = image_share(fits, several), weighed(fit, fits, several)
    assert shares.shape == (10, 1, 1) and len({*shares.ravel()}) > 1 and shares[-1] == SHARES[0]
    assert found.shape == (10, 1, 40)
    for share, scores, (one,) in zip(shares.ravel(), found, several, strict=True):
        assert share == image_share(fits, one)
        np.testing.assert_allclose(scores[0], weighed(fit, fits, one))


@pytest.mark.parametrize(("kept", "near"), [(1.0, 1.0), (1.0, 0.3), (0.5, 0.5), (0.2, 0.5)])
@pytest.mark.parametrize("swaps", [2, 4])
def test_it_loses_next_to_nothing_against_the_better_of_image_and_shifts(kept, near, swaps):
    """Of a training that averages over shifts, and of one that learns the image alone by heart."""
    areas = []
    for seed in range(20):
        fit, fits, trained, own = world(seed, swaps, kept, near)
        scores = [weighed(fit, fits, trained)]
        scores += [hierarchical(as_one(fit, share), as_one(fits, share), trained) for share in (1.0, 0.0)]
        areas.append([roc_auc_score(own, one) for one in scores])
    chosen, image, shifts = np.mean(areas, axis=0)
    assert chosen > max(image, shifts) - 0.005 and abs(image - shifts) > 0.005
