import numpy as np
import pytest
import torch

from remnant.attacks.checkpoint.generate import draw_images
from remnant.attacks.checkpoint.goals import BATCH, Goals, GoalSettings
from remnant.attacks.checkpoint.likely import LikelyScores, LikelySettings, rank, score
from remnant.attacks.checkpoint.probes import Probe, hooked
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.base.errors import RemnantError
from remnant.targets.access import weights_of


def inputs_of(target, names, batch):
    """What enters each layer of `names`, kept as it is, in double precision."""
    readings = {name: Probe(name, "input", lambda module, tensor: tensor.detach().clone()) for name in names}
    with torch.no_grad(), hooked(target, readings) as found:
        target(batch)
    return [found[name].double().numpy() for name in names]


@pytest.fixture
def many():
    return torch.rand(BATCH + 5, 1, 16, 16, generator=torch.Generator().manual_seed(3))


@pytest.mark.usefixtures("float32")
def test_the_distance_of_a_cnn_is_that_of_channel_means_to_stored_statistics(memorised, input_range, images, many):
    goals = Goals(memorised(images), input_range, GoalSettings())
    squared = np.zeros(len(many))
    for layer, name in zip(inputs_of(goals.target, ["bn1", "bn2"], input_range(many)), ("bn1", "bn2"), strict=True):
        norm = getattr(goals.target, name)
        means = layer.mean((2, 3))
        covariance = np.diag(norm.running_var.double().numpy() + norm.eps)
        share = min(1, np.mean(means.var(0) / covariance.diagonal()))
        assert share < 1
        inverse = np.linalg.inv(share * covariance)
        away = means - norm.running_mean.double().numpy()
        squared += [row @ inverse @ row for row in away]
    scores = score(many, goals, LikelySettings())
    np.testing.assert_allclose(scores.distance, np.sqrt(squared), rtol=1e-4)


@pytest.mark.usefixtures("float32")
def test_the_distance_of_a_vit_is_plain_or_to_public_statistics(tiny, input_range, images, many):
    access = weights_of(tiny.vit())
    goals = Goals(access, input_range, GoalSettings(), images)
    layers = inputs_of(goals.target, goals.layer_norms, input_range(many))
    public = inputs_of(goals.target, goals.layer_norms, input_range(images))
    plain = sum((layer.mean(1) ** 2).sum(1) for layer in layers)
    np.testing.assert_allclose(score(many, goals, LikelySettings()).distance, np.sqrt(plain), rtol=1e-5)
    squared = 0
    for layer, own in zip(layers, public, strict=True):
        variance = own.mean(1).var(0)
        squared += ((layer.mean(1) - own.mean((0, 1))) ** 2 / (variance + 0.01 * variance.mean())).sum(1)
    found = score(many, goals, LikelySettings(mahalanobis="public")).distance
    np.testing.assert_allclose(found, np.sqrt(squared), rtol=1e-3)
    with pytest.raises(RemnantError, match="'public' of a ViT needs the attacker's own images"):
        score(many, Goals(access, input_range, GoalSettings()), LikelySettings(mahalanobis="public"))


@pytest.mark.parametrize("kind", ["cnn", "vit"])
def test_excitation_is_the_weighted_sum_of_the_terms_without_total_variation(tiny, input_range, many, kind):
    goals = Goals(weights_of(getattr(tiny, kind)()), input_range, GoalSettings())
    weights = TermWeights(logits=3.0, total_variation=1e9)
    scores = score(many, goals, LikelySettings(weights=weights))
    expected = sum(getattr(weights, name) * values for name, values in scores.terms.items())
    np.testing.assert_allclose(scores.excitation, expected)
    assert "total_variation" not in scores.terms and len(scores.terms) in (3, 5)
    parts = [score(many[i : i + 1], goals, LikelySettings(weights=weights)).excitation[0] for i in range(3)]
    np.testing.assert_allclose(scores.excitation[:3], parts, rtol=1e-4)


def test_training_images_are_likelier_than_others(memorised, input_range, images, many):
    goals = Goals(memorised(images), input_range, GoalSettings())
    others = 0.4 * torch.nn.functional.avg_pool2d(many, 3, 1, 1)
    scores = score(torch.cat([others, images]), goals, LikelySettings())
    ranking = rank(scores, 0.2)
    assert set(ranking.order[:8]) == set(range(len(many), len(many) + 8))
    assert set(np.flatnonzero(ranking.likely)) <= set(range(len(many), len(many) + 8))


def test_the_likely_are_the_best_of_both_lists():
    excitation, distance = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]), np.array([9.0, 1, 8, 2, 7, 3, 6, 4, 10, 5])
    ranking = rank(LikelyScores(excitation, distance, {}), 0.3)
    assert np.flatnonzero(ranking.likely).tolist() == [1]
    assert (ranking.excitation_cutoff, ranking.distance_cutoff) == (3.0, 3.0)
    ranks = excitation.argsort().argsort() + distance.argsort().argsort()
    assert (np.diff(ranks[ranking.order]) >= 0).all() and ranking.order[0] == 1
    # Ties stand in the order they came in.
    assert ranking.order.tolist() == sorted(range(10), key=lambda i: (ranks[i], i))


def test_a_share_of_few_is_at_least_one():
    ranking = rank(LikelyScores(np.array([2.0, 1.0]), np.array([2.0, 1.0]), {}), 0.05)
    assert ranking.likely.tolist() == [False, True] and ranking.order.tolist() == [1, 0]


def test_a_score_that_is_not_finite_is_an_error(tiny, input_range, many):
    goals = Goals(weights_of(tiny.cnn()), input_range, GoalSettings())
    goals.target.bn1.running_mean.fill_(torch.nan)
    with pytest.raises(RemnantError, match="score is not finite"):
        score(many, goals, LikelySettings())


def test_candidates_that_are_scored_are_those_that_are_shown(tiny):
    drawn = draw_images(tiny.generator(), torch.full((2, 4), 50.0))
    assert drawn.min() >= 0 and drawn.max() <= 1
