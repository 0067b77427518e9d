"""Attacks by shadow models where there is nothing to find: audits at the level of what networks fit, without any network."""

import numpy as np
import pytest
from tests.measure.shadowed import world

from remnant.attacks.membership.references import AGAINST_SHADOWS, MARGIN
from remnant.attacks.registry import all_attacks
from remnant.audit.cells.recipe import FEW_RESAMPLES, MOST_HITS, of_other_swaps
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.together import dealt_together
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.outcome import LEVEL
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.sides import side_of
from remnant.measure.swaps import dealt_halves, swap_test, without_patient

VIEWS = [
    (attack.name, one.view(MARGIN), one, attack.primary and place == 0)
    for attack in all_attacks().values()
    for place, one in enumerate(one for one in attack.calibrations if one.suits(MARGIN))
]
RECIPES = [one for _, _, one, _ in VIEWS]
NAMES = [view for _, view, *_ in VIEWS]
QUERIES = 5


def claims(seed, patients, swaps, leak, own_leak):
    """What every view says of the patients of a model."""
    fit, fits, trained, own = world(seed, patients, swaps, leak, own_leak=own_leak, queries=QUERIES)
    names, roles = tuple(map(str, range(patients))), np.where(own, MEMBER, NON_MEMBER)
    found = [
        ScoredPatients(attack, view, names, one.score(one.taken(fit), one.taken(fits), trained), roles, primary)
        for attack, view, one, primary in VIEWS
    ]
    difference = fit[:, 0] - without_patient(fits[..., 0], trained)
    return [ScoredPatients("references", AGAINST_SHADOWS.format(MARGIN), names, difference, roles), *found]


def flagged(seed, patients=60, swaps=4, leak=1.0, own_leak=0.0):
    """Whether an audit with all views shows a leak, with p adjusted over all tests, which are dealt together."""
    own = claims(seed, patients, swaps, leak, own_leak)
    level = levels([(one.key, one.primary) for one in own])
    dealt = dealt_together(own, np.random.default_rng(seed))
    rows = adjusted(membership_rows(own, level, np.random.default_rng(seed)), together=dealt)
    assert {row.view for row in rows} == {one.view for one in own} and sum(row.primary for row in rows) >= 3
    return any(row.adjusted_p <= LEVEL for row in rows)


def few(hits, tries, share=0.05):
    """Whether so many are no more than this share and chance: three standard errors above it."""
    return hits <= share * tries + 3 * (tries * share * (1 - share)) ** 0.5


def test_models_that_learned_neither_group_show_no_leak():
    """Shadow models leak, and the audited one does not: the one that leaks is there for the strength."""
    assert sum(map(flagged, range(25))) <= 2
    assert all(flagged(seed, own_leak=2.0) for seed in range(3))


def test_p_of_every_view_keeps_its_size_without_a_leak():
    hits = np.zeros(1 + len(VIEWS))
    for seed in range(150):
        own = claims(seed, 24, 4, 1.0, 0.0)
        draw = np.random.default_rng(seed)
        hits += [membership_test(one.scores, one.roles, draw).p <= 0.05 for one in own]
    assert all(few(one, 150) for one in hits), dict(zip(["references", *NAMES], hits, strict=True))


def test_every_network_is_the_target_of_those_of_other_swaps():
    draw, patients = np.random.default_rng(0), ("b", "a", "b", "c", "a", "d", "d")
    fits, trained = draw.normal(size=(7, 6)), dealt_halves(4, 3, draw)
    halves = np.stack([trained, np.roll(trained, 1, axis=0)])

    def score(fit, others, own):
        return fit - side_of(others, ~own).mean

    found = of_other_swaps(score, fits, patients)(np.empty((4, 6)), halves)
    for deal, who in enumerate(halves):
        for network in range(6):
            others = [k for k in range(6) if k // 2 != network // 2]
            for place, patient in enumerate("bacd"):
                images = [i for i, one in enumerate(patients) if one == patient]
                out = [k for k in others if not who[place, k]]
                expected = np.mean([fits[i, network] - fits[i, out].mean() for i in images])
                assert found[deal, place, network] == pytest.approx(expected)


def recipe_p(one, seed, patients, swaps, leak, resamples, most_hits=None):
    """p of the networks of a training as targets of each other."""
    _, fits, trained, _ = world(seed, patients, swaps, leak, queries=QUERIES)
    calibrate = of_other_swaps(one.score, one.taken(fits), tuple(map(str, range(patients))))
    draw = np.random.default_rng(seed)
    return swap_test(fits[..., 0], trained, draw, calibrate=calibrate, resamples=resamples, most_hits=most_hits).p


@pytest.mark.parametrize("one", RECIPES, ids=NAMES)
def test_trainings_that_leave_nothing_are_not_told_by_their_own_networks(one):
    """By scores that are not made anew for every deal one in seven would be at 0.05."""
    found = [recipe_p(one, seed, 24, 2, 0.0, resamples=19) for seed in range(40)]
    assert sum(p <= 0.05 for p in found) <= 7 and 10 <= sum(p <= 0.5 for p in found) <= 31
    assert recipe_p(one, 0, 60, 4, 3.0, resamples=39) == 1 / 40


@pytest.mark.slow
def test_of_two_hundred_audits_without_a_leak_five_in_a_hundred_at_the_most_are_flagged():
    for patients, swaps, leak in ((24, 4, 1.0), (170, 4, 1.0), (60, 8, 0.0)):
        hits = sum(flagged(seed, patients, swaps, leak) for seed in range(200))
        # The level is a hundredth: 5 of 200 come once in twenty times.
        assert hits <= 6, (patients, swaps, leak, hits)


@pytest.mark.slow
@pytest.mark.parametrize("one", RECIPES, ids=NAMES)
def test_of_two_hundred_trainings_that_leave_nothing_five_in_a_hundred_are_told(one):
    found = np.array([recipe_p(one, seed, 24, 2, 0.0, FEW_RESAMPLES // 4, MOST_HITS // 2) for seed in range(200)])
    assert few(sum(found <= 0.05), 200) and few(sum(found <= 0.2), 200, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("leak", [0.0, 1.0])
@pytest.mark.parametrize("one", RECIPES, ids=NAMES)
def test_the_interval_of_a_recipe_holds_its_auc(one, leak):
    tests = []
    for seed in range(200):
        _, fits, trained, _ = world(seed, 60, 4, leak, queries=QUERIES)
        calibrate = of_other_swaps(one.score, one.taken(fits), tuple(map(str, range(60))))
        tests.append(swap_test(fits[..., 0], trained, np.random.default_rng(seed), calibrate=calibrate, resamples=1))
    true = np.mean([test.auc.mean for test in tests]) if leak else 0.5
    assert np.mean([test.auc.low <= true <= test.auc.high for test in tests]) >= 0.93
