"""Quantiles of what others are fit: the regression against scikit-learn's, the attack against a bare threshold and SACRO-ML's."""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import special
from sklearn.linear_model import QuantileRegressor
from sklearn.metrics import roc_auc_score

from remnant.base.errors import RemnantError
from remnant.measure.quantile import FEWEST, beyond_quantile, pinball, quantile_regression


def people(seed, count, features=6):
    """Who differ in how well all models fit them, and how noisily, by what they look like."""
    draw = np.random.default_rng(seed)
    looks = draw.normal(size=(count, features))
    noise = np.exp(0.5 * looks[:, 1])
    return looks, 2 * looks[:, 0] + noise * draw.normal(size=count), noise


def objective(found, features, values, level, penalty):
    return pinball(values - found[0] - features @ found[1:], level) + penalty * np.abs(found[1:]).sum()


@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize("penalty", [0.0, 0.02, 0.3])
def test_the_regression_is_scikit_learns(level, penalty):
    looks, values, _ = people(0, 60)
    found = quantile_regression(looks, values, level, penalty)
    theirs = QuantileRegressor(quantile=level, alpha=penalty, solver="highs").fit(looks, values)
    expected = objective(np.array([theirs.intercept_, *theirs.coef_]), looks, values, level, penalty)
    assert objective(found, looks, values, level, penalty) == pytest.approx(expected, rel=1e-7)
    # Of so few features about so many lie below.
    assert np.mean(values <= found[0] + looks @ found[1:] + 1e-9) == pytest.approx(level, abs=0.15)


def test_by_hand_where_nothing_is_known_of_anybody():
    values = np.arange(101.0)
    found = beyond_quantile(np.zeros((101, 2)), values, np.ones((3, 2)), np.array([50.0, 90.0, 10.0]), np.arange(101))
    assert found == pytest.approx([0, 1, -1], abs=0.03)


@cache
def told(seed, leak=1.5, own=120):
    """Members' labels, and the scores by quantiles and bare, of 100 candidates."""
    looks, values, _ = people([seed, 0], own)
    asked, fits, noise = people([seed, 1], 100)
    members = np.arange(100) < 50
    fits = fits + leak * noise * members
    return members, beyond_quantile(looks, values, asked, fits, np.arange(own)), fits, (looks, values, asked)


def test_it_tells_more_than_a_threshold_and_nothing_where_nothing_leaks():
    ours, bare = (np.mean([roc_auc_score(told(seed)[0], told(seed)[place]) for seed in range(6)]) for place in (1, 2))
    assert ours > bare + 0.05 > 0.6
    assert np.mean([roc_auc_score(*told(seed, leak=0.0)[:2]) for seed in range(6)]) == pytest.approx(0.5, abs=0.05)


def test_non_members_exceed_the_tail_as_often_as_it_says():
    shares = [float((told(seed, leak=0.0)[1] > 1).mean()) for seed in range(6)]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.04)


def test_it_tells_no_less_than_sacro_mls():
    """Whose quantile is a constant of so few: its trees have twenty in a leaf."""
    attacks = pytest.importorskip("sacroml.attacks.qmia_attack", reason="make setup installs it")
    areas = []
    for seed in range(6):
        members, ours, fits, (looks, values, asked) = told(seed)

        def answered(images, values=values, fits=fits):
            margins = values if len(images) == len(values) else fits
            return special.softmax(np.stack([-margins / 2, margins / 2], axis=1), axis=1)

        model = SimpleNamespace(model=None, predict_proba=answered, model_name="", model_params={}, train_params={})
        target = SimpleNamespace(
            model=model, X_train=asked, y_train=np.ones(100, int), X_test=looks, y_test=np.ones(len(looks), int)
        )
        attack = attacks.QMIAAttack(write_report=False, alpha=0.1, report_individual=True)
        attack._attack(target)
        theirs = np.array(attack.attack_metrics[0]["individual"]["margin"])[:100]
        areas.append([roc_auc_score(members, ours), roc_auc_score(members, theirs)])
    ours, theirs = np.mean(areas, axis=0)
    assert ours > theirs - 0.02 and theirs > 0.6


def test_patients_are_held_out_whole_and_too_few_are_refused():
    looks, values, _ = people(0, FEWEST)
    one = beyond_quantile(looks, values, looks, values, np.arange(FEWEST))
    assert one.shape == (FEWEST,) and np.isfinite(one).all()
    assert np.isfinite(beyond_quantile(looks, 0 * values, looks, values, np.arange(FEWEST) // 2)).all()
    with pytest.raises(RemnantError, match=f"learned of {FEWEST} images or more"):
        beyond_quantile(looks[1:], values[1:], looks, values, np.arange(FEWEST - 1))
