"""BaVarIA: by hand, and in its limit."""

import mpmath
import numpy as np
import pytest
from scipy import stats
from tests.measure.shadowed import world

from remnant.measure.bavaria import _log_t_tail, bavaria, bavaria_offline
from remnant.measure.lira import lira
from remnant.measure.sides import mean_prior, side_of, variance_prior


def predictive(values, centre, worth, degrees, within):
    """The posterior predictive t of a normal-inverse-gamma prior, by its textbook parameters (Murphy 2007, section 3)."""
    n, alpha, beta = len(values), degrees / 2, degrees * within / 2
    worth_n, alpha_n = worth + n, alpha + n / 2
    centre_n = (worth * centre + values.sum()) / worth_n
    beta_n = beta + ((values - values.mean()) ** 2).sum() / 2 + worth * n * (values.mean() - centre) ** 2 / 2 / worth_n
    return stats.t(2 * alpha_n, centre_n, np.sqrt(beta_n * (worth_n + 1) / alpha_n / worth_n))


def test_it_is_the_ratio_of_two_predictive_distributions():
    fit, fits, trained, _ = world(0)
    out, inside = side_of(fits, ~trained), side_of(fits, trained)
    degrees, within = variance_prior(out, inside)
    centre, worth = mean_prior(out.mean, within / out.count, within)
    added, sure = mean_prior(inside.mean - out.mean, within / inside.count + within / out.count, within)
    alone = variance_prior(out)
    centre_alone, worth_alone = mean_prior(out.mean, alone[1] / out.count, alone[1])
    found, offline = bavaria(fit, fits, trained), bavaria_offline(fit, fits, trained)
    for i in range(len(fit)):
        mine, others = fits[i, trained[i]], fits[i, ~trained[i]]
        drawn = (worth * centre + others.sum()) / (worth + len(others))
        prior = 1 / (1 / sure + 1 / (worth + len(others)))
        expected = predictive(mine, drawn + added, prior, degrees, within).logpdf(fit[i]) - predictive(
            others, centre, worth, degrees, within
        ).logpdf(fit[i])
        assert found[i] == pytest.approx(expected)
        assert offline[i] == pytest.approx(-predictive(others, centre_alone, worth_alone, *alone).logsf(fit[i]))


def test_of_very_many_models_of_one_variance_it_is_lira():
    fit, fits, trained, _ = world(0, swaps=1000, spread=0.0)
    np.testing.assert_allclose(bavaria(fit, fits, trained), lira(fit, fits, trained, pooled=True), atol=0.05)


def test_what_does_not_count_may_be_unknown():
    fit, fits, trained, _ = world(0)
    np.testing.assert_array_equal(
        bavaria_offline(fit, np.where(trained, np.nan, fits), trained), bavaria_offline(fit, fits, trained)
    )


def test_a_fit_beyond_all_numbers_has_its_place():
    """Where shadow models hardly differ and the audited one knows an image far better."""
    for freedom in (12.0, 900.0):
        x = np.array([3.0, 20.0, 1e3, 1e20, 1e40])
        exact = [
            float(
                mpmath.log(
                    mpmath.betainc(freedom / 2, 0.5, 0, freedom / (freedom + mpmath.mpf(one) ** 2), regularized=True)
                    / 2
                )
            )
            for one in x
        ]
        np.testing.assert_allclose(_log_t_tail(x, freedom), exact, rtol=2e-3)
    fit, fits, trained, _ = world(0)
    close = fits.mean(1, keepdims=True) + 1e-3 * (fits - fits.mean(1, keepdims=True))
    found = bavaria_offline(np.where(np.arange(len(fit)) % 2, fit + 1e6, fit), close, trained)
    assert np.isfinite(found).all() and found[1::2].min() > found[::2].max()
