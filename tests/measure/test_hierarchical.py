"""The hierarchical ratio: by a regression an image, and where a model was trained otherwise than its shadow models."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tests.measure.shadowed import world

from remnant.measure import hierarchical as module
from remnant.measure.bavaria import bavaria
from remnant.measure.hierarchical import hierarchical, posterior
from remnant.measure.lira import lira
from remnant.measure.rmia import rmia
from remnant.measure.sides import mean_prior, side_of, variance_prior
from remnant.measure.swaps import dealt_halves, without_patient


def test_the_posterior_is_that_of_a_regression_with_a_conjugate_prior():
    """Murphy 2012, section 7.6.3, with matrices."""
    _, fits, trained, _ = world(0)
    fits[trained] *= 0.6
    out, inside = side_of(fits, ~trained), side_of(fits, trained)
    degrees, within = variance_prior(out, inside)
    slope = np.cov(out.mean, inside.mean)[0, 1] / (out.mean.var(ddof=1) - (within / out.count).mean())
    assert 0.4 < slope < 0.8
    centre, worth = mean_prior(out.mean, within / out.count, within)
    noise = within / inside.count + slope**2 * within / out.count
    gap, gap_worth = mean_prior(inside.mean - slope * out.mean, noise, within)
    found = posterior(fits, trained)
    prior, about = np.diag([worth, gap_worth]), np.array([centre, gap])
    for i in range(len(fits)):
        design = np.column_stack([np.where(trained[i], slope, 1), trained[i]])
        precision = prior + design.T @ design
        mean = np.linalg.solve(precision, prior @ about + design.T @ fits[i])
        left = fits[i] @ fits[i] + about @ prior @ about - mean @ precision @ mean
        variance = (degrees * within + left) / (degrees + fits.shape[1])
        inverse, both = np.linalg.inv(precision), np.array([slope, 1])
        expected = [mean[0], both @ mean, variance, inverse[0, 0], both @ inverse @ both]
        assert [*(one[i] for one in found[:3]), *(one[i] for one in found[3])] == pytest.approx(expected)


def test_the_score_by_hand():
    fit, fits, trained, _ = world(0)
    levels = np.array([fits[~trained[:, k], k].mean() for k in range(fits.shape[1])])
    base, inside, variance, unsure = posterior(fits - (levels - levels.mean()), trained)
    steps = [max(0.0, (w - b) / v**0.5) for w, b, v in zip(inside, base, variance, strict=True)]
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


def by_heart(seed, swaps, patients=170):
    """Training brings everybody to about one place, whatever he is fit by without it."""
    draw = np.random.default_rng([seed, swaps])
    base, noise = draw.normal(0, 2, patients), np.exp(draw.normal(0, 0.4, patients))
    trained, own = dealt_halves(patients, swaps, draw), dealt_halves(patients, 1, draw)[:, 0]
    added = np.maximum(3 - base, 0) + 0.3
    fits = base[:, None] + noise[:, None] * draw.normal(size=trained.shape) + added[:, None] * trained
    return base + noise * draw.normal(size=patients) + added * own, fits, trained, own


@pytest.mark.parametrize("swaps", [2, 4])
def test_of_a_training_by_heart_it_tells_more_than_without_the_slope(swaps, monkeypatch):
    def aucs():
        found = [by_heart(seed, swaps) for seed in range(30)]
        return np.array([roc_auc_score(own, hierarchical(fit, fits, who)) for fit, fits, who, own in found])

    with_slope = aucs()
    monkeypatch.setattr(module, "_kept", lambda out, inside, within: 1.0)
    assert (with_slope - aucs()).mean() > 0.001 and (with_slope > aucs()).mean() > 0.7
    found = [by_heart(seed, swaps) for seed in range(30)]
    bare = [roc_auc_score(own, fit) for fit, _, _, own in found]
    difference = [roc_auc_score(own, calibrated(fit, fits, who)) for fit, fits, who, own in found]
    # What is taken off for an easy patient is no longer there when he was learned.
    assert np.mean(difference) < np.mean(bare) + 0.01 < with_slope.mean()


def test_the_slope_is_between_none_and_all():
    _, fits, trained, _ = world(0, patients=170, swaps=8)

    def slope(changed):
        out, inside = side_of(changed, ~trained), side_of(changed, trained)
        return module._kept(out, inside, variance_prior(out, inside)[1])

    assert slope(fits) > 0.9 and slope(np.where(trained, 2 * fits, fits)) == 1
    assert slope(np.where(trained, 0.5 * fits, fits)) == pytest.approx(0.5, abs=0.1)
    assert slope(np.where(trained, -fits, fits)) == 0
    # Of images that are all alike, and of a single one, nothing is to be told.
    assert slope(np.random.default_rng(0).normal(size=fits.shape)) == 1 or slope(0 * fits) == 1
    one = side_of(fits[:1], trained[:1])
    assert module._kept(one, one, 1.0) == 1
