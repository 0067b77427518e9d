"""The hierarchical ratio: by a regression an image, and where a model was trained otherwise than its shadow models."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.measure.shadowed import world

from remnant.measure.bavaria import bavaria
from remnant.measure.hierarchical import hierarchical, posterior
from remnant.measure.lira import lira
from remnant.measure.rmia import rmia
from remnant.measure.sides import mean_prior, side_of, variance_prior
from remnant.measure.swaps import without_patient


def test_the_posterior_is_that_of_a_regression_with_a_conjugate_prior():
    """Murphy 2012, section 7.6.3, with matrices."""
    _, fits, trained, _ = world(0)
    out, inside = side_of(fits, ~trained), side_of(fits, trained)
    degrees, within = variance_prior(out, inside)
    centre, worth = mean_prior(out.mean, within / out.count, within)
    gap, gap_worth = mean_prior(inside.mean - out.mean, within / inside.count + within / out.count, within)
    found = posterior(fits, trained)
    prior, about = np.diag([worth, gap_worth]), np.array([centre, gap])
    for i in range(len(fits)):
        design = np.column_stack([np.ones(fits.shape[1]), trained[i]])
        precision = prior + design.T @ design
        mean = np.linalg.solve(precision, prior @ about + design.T @ fits[i])
        left = fits[i] @ fits[i] + about @ prior @ about - mean @ precision @ mean
        variance = (degrees * within + left) / (degrees + fits.shape[1])
        inverse, both = np.linalg.inv(precision), np.ones(2)
        expected = [*mean, variance, inverse[0, 0], both @ inverse @ both]
        assert [*(one[i] for one in found[:3]), *(one[i] for one in found[3])] == pytest.approx(expected)


def test_the_score_by_hand():
    fit, fits, trained, _ = world(0)
    levels = np.array([fits[~trained[:, k], k].mean() for k in range(fits.shape[1])])
    base, added, variance, unsure = posterior(fits - (levels - levels.mean()), trained)
    steps = [max(0.0, a / v**0.5) for a, v in zip(added, variance, strict=True)]
    above = [(f - b) / v**0.5 - s / 2 for f, b, v, s in zip(fit, base, variance, steps, strict=True)]
    expected = [
        (s + 1) * (z - np.median(above)) / (1 + (u + w) / 2) for s, z, u, w in zip(steps, above, *unsure, strict=True)
    ]
    np.testing.assert_allclose(hierarchical(fit, fits, trained), expected)


def test_how_a_shadow_model_came_out_tells_nothing():
    fit, fits, trained, _ = world(0)
    moved = fits + np.arange(fits.shape[1])
    np.testing.assert_allclose(hierarchical(fit + 3.5, moved, trained), hierarchical(fit, fits, trained))


def areas(scores, seeds=40, **kind):
    """Mean AUC of each of the scores."""
    found = []
    for seed in range(seeds):
        fit, fits, trained, own = world(seed, patients=170, **kind)
        found.append([roc_auc_score(own, score(fit, fits, trained)) for score in scores])
    return np.mean(found, axis=0)


def calibrated(fit, fits, trained):
    return fit - without_patient(fits, trained)


def as_probabilities(fit, fits, trained):
    p, others = (1 / (1 + np.exp(-values)) for values in (fit, fits))
    return rmia(p, others, trained, online=True)


@pytest.mark.parametrize("swaps", [2, 4, 8])
def test_it_tells_more_than_the_others_where_the_model_leaks_as_its_shadow_models(swaps):
    ours, *others = areas((hierarchical, lira, bavaria, as_probabilities, calibrated), swaps=swaps)
    assert ours > max(others) > 0.65


def test_it_tells_as_much_where_only_the_model_leaks_or_is_better_of_everybody():
    """There a ratio by shadow models alone has no slope, or turns about."""
    ours, ratio, difference = areas((hierarchical, lira, calibrated), leak=0.0, own_leak=3.0)
    assert ours > difference - 0.005 > 0.9 and ratio < 0.6
    ours, ratio, difference = areas((hierarchical, lira, calibrated), better=3.0)
    assert ours > difference > 0.6 > ratio
