"""Scores of other packages, where the method is the same: PrivacyGuard's LiRA and RMIA, SACRO-ML's LiRA."""

import numpy as np
import pandas as pd
import pytest
from scipy import special
from tests.measure.shadowed import world

from remnant.measure.lira import lira, lira_offline
from remnant.measure.rmia import rmia

WANTED = "make setup installs it"
WITHIN = {"rtol": 1e-6, "atol": 1e-6}


def scored(attack, count):
    """What an attack of PrivacyGuard says of everybody, in order."""
    found = attack.run_attack()
    both = pd.concat([found.df_train_user, found.df_test_user]).set_index("user_id")["score"]
    return both.reindex(range(count)).to_numpy()


def privacyguard_lira(fit, deviations, means, own):
    attacks = pytest.importorskip("privacy_guard.attacks.lira_attack", reason=WANTED)
    inputs = pytest.importorskip("privacy_guard.analysis.mia.aggregate_analysis_input")
    columns = {f"score_{name}_{side}": values[side] for side in ("in", "out") for name, values in
               (("mean", means), ("std", deviations))}  # fmt: skip
    frame = pd.DataFrame({"user_id": np.arange(len(fit)), "score_orig": fit, **columns})
    parts = (frame[own].copy(), frame[~own].copy())
    return scored(attacks.LiraAttack(*parts, inputs.AggregationType.NONE, online_attack=True), len(fit))


@pytest.mark.parametrize("swaps", [2, 4, 8])
def test_lira_online_is_privacyguards(swaps):
    fit, fits, trained, own = world(swaps, swaps=swaps)
    sides = {"in": trained, "out": ~trained}
    means = {name: np.array([fits[i, side[i]].mean() for i in range(len(fit))]) for name, side in sides.items()}
    deviations = {name: np.array([fits[i, side[i]].std() for i in range(len(fit))]) for name, side in sides.items()}
    theirs = privacyguard_lira(fit, deviations, means, own)
    np.testing.assert_allclose(lira(fit, fits, trained, pooled=False), theirs, **WITHIN)
    # One deviation a side for everybody, the root of the mean of unbiased variances, which its users would hand it over.
    one = {
        name: np.full(len(fit), np.sqrt(np.mean([fits[i, side[i]].var(ddof=1) for i in range(len(fit))])))
        for name, side in sides.items()
    }
    np.testing.assert_allclose(lira(fit, fits, trained, pooled=True), privacyguard_lira(fit, one, means, own), **WITHIN)


@pytest.mark.parametrize("online", [True, False])
def test_rmia_is_privacyguards_before_its_population(online):
    attacks = pytest.importorskip("privacy_guard.attacks.rmia_attack", reason=WANTED)
    inputs = pytest.importorskip("privacy_guard.analysis.mia.aggregate_analysis_input")
    fit, fits, trained, own = world(3, swaps=4)
    of_others = world(4, patients=50, swaps=4)
    p, others, k = special.expit(fit), special.expit(fits), fits.shape[1]
    p_population, population = special.expit(of_others[0]), special.expit(of_others[1])

    def frame(p, others, trained):
        columns = {"user_id": np.arange(len(p)), "score_orig": p}
        for j in range(k):
            columns |= {f"score_ref_{j}": others[:, j], f"member_ref_{j}": trained[:, j]}
        return pd.DataFrame(columns)

    everybody, nobody = frame(p, others, trained), frame(p_population, population, np.zeros((50, k), dtype=bool))
    attack = attacks.RmiaAttack(
        everybody[own],
        everybody[~own],
        nobody.drop(columns="user_id"),
        row_aggregation=inputs.AggregationType.NONE,
        num_reference_models=k if online else k // 2,
        online=online,
    )
    # Nobody of the population trained a model. Offline it takes the likelier half of these.
    asked = population if online else np.sort(population, axis=1)[:, k // 2 :]
    ratios = rmia(
        p_population, asked, np.zeros(asked.shape, dtype=bool), online=False, **({"a": 1.0} if online else {})
    )
    ours = rmia(p, others, trained, online=online)
    np.testing.assert_allclose((ours[:, None] > ratios).mean(1), scored(attack, len(p)), **WITHIN)


def test_lira_is_sacros(tmp_path):
    attacks = pytest.importorskip("sacroml.attacks.likelihood_attack", reason=WANTED)
    fit, fits, trained, _ = world(5, swaps=4)
    labels = np.arange(len(fit)) % 2
    p = special.expit(fit)
    predictions = np.where(labels[:, None] == [0, 1], p[:, None], 1 - p[:, None])
    out, inside = ({i: fits[i, side[i]].tolist() for i in range(len(fit))} for side in (~trained, trained))

    def by(mode):
        attack = attacks.LIRAAttack(str(tmp_path), write_report=False, mode=mode)
        return np.array(attack._compute_scores(labels, predictions, out, inside)[0])[:, 1]

    np.testing.assert_allclose(lira(fit, fits, trained, pooled=False), by("online-carlini"), **WITHIN)
    # It gives the probability, of which ours is minus the logarithm of what is left to 1.
    offline = lira_offline(fit, fits, trained, pooled=False)
    np.testing.assert_allclose(-np.expm1(-offline), by("offline"), **WITHIN)
