"""Rank-1 against gallery size: the exact part against every gallery there is, the model against known probes."""

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from remnant.base.errors import RemnantError
from remnant.measure import gallery
from remnant.measure.gallery import (
    HalfSize,
    Impostors,
    chances_first,
    count_impostors,
    fit_tail,
    gallery_curve,
    half_size,
    rank1_of_tail,
)


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch):
    monkeypatch.setattr(gallery, "RESAMPLES", 60)


def probes(n, among, a, b, seed=0):
    random = np.random.default_rng(seed)
    return Impostors(random.binomial(among, random.beta(a, b, n)), np.full(n, among))


def test_agrees_with_every_gallery_of_that_size():
    scores = np.random.default_rng(0).integers(0, 6, (5, 7)).astype(float)  # with ties
    own = np.array([0, 3, 3, 6, 1])
    sizes = np.arange(1, 8)
    expected = [
        [
            np.mean([
                scores[row, own[row]] > max([scores[row, other] for other in others], default=-1)
                for others in itertools.combinations([i for i in range(7) if i != own[row]], size - 1)
            ])
            for size in sizes
        ]
        for row in range(5)
    ]  # fmt: skip
    np.testing.assert_allclose(chances_first(count_impostors(scores, own), sizes), expected, atol=1e-12)


def test_what_a_row_may_not_search_is_no_impostor():
    scores = np.array([[0.5, 0.9, 0.5, 0.1]])
    allowed = np.array([[True, False, True, True]])
    found = count_impostors(scores, np.array([0]), allowed)
    assert found.better.tolist() == [1] and found.among.tolist() == [2]


def test_the_tail_is_the_mean_over_a_beta_distribution():
    sizes = np.array([1, 2, 10, 500])
    expected = [
        integrate.quad(lambda p, k=k: (1 - p) ** (k - 1) * stats.beta.pdf(p, 0.7, 5), 0, 1, limit=200)[0] for k in sizes
    ]
    np.testing.assert_allclose(rank1_of_tail((0.7, 5), sizes), expected, rtol=1e-6)


def test_the_fit_finds_what_the_probes_were_drawn_from():
    a, b = fit_tail(probes(5000, 60, 0.5, 8))
    assert (a, b) == pytest.approx((0.5, 8), rel=0.12)
    random = np.random.default_rng(1)
    few = probes(40, 60, 0.5, 8)
    a, b = fit_tail(few)
    best = stats.betabinom.logpmf(few.better, few.among, a, b).sum()
    for shift in random.uniform(0.8, 1.25, (20, 2)):
        assert stats.betabinom.logpmf(few.better, few.among, a * shift[0], b * shift[1]).sum() <= best + 1e-6


def test_half_size_holds_the_truth_and_says_what_it_cannot():
    truth = 1 + int(np.argmax(rank1_of_tail((0.4, 30), np.arange(1, 2000)) < 0.5))
    found = half_size(probes(300, 100, 0.4, 30, seed=1), np.random.default_rng(0))
    assert found.low < truth < found.high
    assert found.low < found.size < found.high < found.limit == 2020
    never = half_size(Impostors(np.zeros(10, int), np.full(10, 23)), np.random.default_rng(0))
    assert math.isinf(never.size) and math.isinf(never.low)
    assert never.describe() == "beyond 480, not resolvable with this gallery"
    assert HalfSize(412.4, 180, math.inf, 480).describe() == "412 [180, beyond 480]"
    one = half_size(Impostors(np.full(9, 20), np.full(9, 23)), np.random.default_rng(0))
    assert math.isnan(one.low) and "no interval" in one.describe()
    nobody = half_size(Impostors(np.zeros(0, int), np.zeros(0, int)), np.random.default_rng(0))
    assert nobody.describe() == "no patients"


def test_the_curve_falls_and_ends_where_the_gallery_does():
    rows = gallery_curve(probes(40, 50, 0.5, 20), np.random.default_rng(0), points=12)
    measured = [row for row in rows if not row["extrapolated"]]
    assert [measured[0]["size"], measured[-1]["size"], rows[-1]["size"]] == [1, 51, 1020]
    assert measured[0]["rank1"] == 1
    for part in (measured, rows[len(measured) :]):
        values = [row["rank1"] for row in part]
        assert values == sorted(values, reverse=True)
    assert all(row["low"] <= row["rank1"] <= row["high"] and row["chance"] == 1 / row["size"] for row in rows)
    assert measured[-1]["rank1"] == pytest.approx(float((probes(40, 50, 0.5, 20).better == 0).mean()))
    assert gallery_curve(Impostors(np.zeros(0, int), np.zeros(0, int)), np.random.default_rng(0)) == []


def test_where_nobody_is_beaten_the_curve_claims_no_more_than_its_patients_show():
    rows = gallery_curve(Impostors(np.zeros(24, int), np.full(24, 23)), np.random.default_rng(0))
    assert not any(row["extrapolated"] for row in rows) and all(row["rank1"] == 1 for row in rows)
    assert rows[-1]["size"] == 24 and rows[-1]["low"] == pytest.approx(0.025 ** (1 / 24)) and rows[0]["low"] == 1


def test_refuses_sizes_that_were_not_measured():
    with pytest.raises(RemnantError, match="1 to 11"):
        chances_first(probes(3, 10, 1, 1), np.array([2, 12]))
    with pytest.raises(RemnantError, match="up to all"):
        Impostors(np.array([3]), np.array([2]))
