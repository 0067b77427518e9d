"""Rows and controls of scores of pairs whose strength is set here, so that the answers are known."""

import numpy as np
import pytest

from remnant.attacks.attack import PairScores
from remnant.audit.findings.pair_rows import adversary_rows, beyond_rows, pair_controls, pair_keys, pair_rows
from remnant.audit.findings.pairs import Paired, scan_pairs
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.outcome import outcome_of
from remnant.base.seeds import Seeds
from remnant.base.terms import CODES, MAPS, RAW

SEEDS = Seeds(0)


def paired(view, adversary, strength, patients=20, exchanged=0.0, where="", seed=0):
    """Two scans of each patient; pairs of one are `strength` standard deviations more alike than those of two."""
    draw = np.random.default_rng([seed, len(view), len(adversary)])
    names = [f"p{i}" for i in range(patients)]
    same = [(name, name) for name in names]
    different = [(names[i], names[(i + step) % patients]) for step in range(1, 5) for i in range(patients)]
    scores = np.concatenate([draw.normal(strength, 1, patients), draw.normal(size=len(different))])
    other = draw.normal(exchanged, 1, patients)
    return Paired(view, adversary, where, 0.0, np.array([*same, *different]), scores, other)


def rows_of(*several):
    found = {"verification": list(several)}
    keys = pair_keys(found)
    return adjusted(pair_rows(found, levels([(key, False) for key in keys]), SEEDS))


def controls(raw=4.0, exchanged=0.0, patients=20, code=0.0):
    codes = [paired(CODES, name, code, patients, exchanged) for name in ("a", "bb")]
    scans = [paired(RAW, name, raw, patients) for name in ("a", "bb")]
    return pair_controls("verification", codes, scans, SEEDS)


def test_a_view_is_one_test_of_its_strongest_adversary():
    rows = rows_of(
        paired(CODES, "weak", 0.2), paired(CODES, "strong", 3.0), paired(MAPS, "weak", 0.0), paired(RAW, "weak", 5.0)
    )
    assert [row.view for row in rows] == [CODES, MAPS]
    codes, maps = rows
    assert codes.counts.startswith("strong, the strongest of 2 adversaries; 20 pairs of one patient, 80 of two")
    assert codes.value > 0.95 and outcome_of(codes, controls()) == "exposed"
    assert outcome_of(maps, controls()) == "not shown" and 0.6 < maps.detectable < 0.9


def test_intervals_and_p_hold_for_all_adversaries_that_were_looked_at():
    (alone,) = rows_of(paired(CODES, "a", 1.0))
    (several,) = rows_of(paired(CODES, "a", 1.0), *(paired(CODES, "b" * i, 0.0) for i in range(2, 8)))
    assert several.value == alone.value and several.p == pytest.approx(7 * alone.p)
    assert several.low < alone.low and several.high > alone.high and several.bound_low < alone.bound_low
    assert alone.detectable < several.detectable


def test_of_adversaries_that_know_nothing_the_strongest_exposes_nobody():
    for seed in range(20):
        (row,) = rows_of(*(paired(CODES, "x" * i, 0.0, seed=seed) for i in range(1, 10)))
        assert outcome_of(row, controls()) == "not shown", seed


def test_whoever_is_surely_wrong_knows_the_answer():
    (row,) = rows_of(paired(CODES, "a", -3.0))
    assert row.value > 0.95 and row.low > 0.5 and outcome_of(row, controls()) == "exposed"
    (told,) = adversary_rows({"verification": [paired(CODES, "a", -3.0)]}, SEEDS)
    assert told["wrongly"] and told["auc"] == row.value


def test_one_faultless_adversary_is_not_hidden_behind_one_whose_p_is_lower():
    (row,) = rows_of(paired(CODES, "sure", 9.0, patients=12), paired(CODES, "nearly", 1.5, patients=12))
    assert row.value == 1 and row.counts.startswith("sure") and outcome_of(row, controls()) == "exposed"


def test_scores_that_are_all_alike_show_nothing():
    one = paired(CODES, "a", 0.0)
    flat = Paired(CODES, "a", "", 0.0, one.patients, np.zeros(len(one.scores)), np.zeros(20))
    (row,) = rows_of(flat)
    assert (row.value, row.p, row.detectable) == (0.5, 1.0, None) and outcome_of(row, controls()) == "not shown"


def test_real_visits_are_a_test_of_their_own():
    rows = rows_of(paired(CODES, "a", 0.0), paired(CODES, "a", 3.0, where="real visits"))
    assert [(row.where, outcome_of(row, controls())) for row in rows] == [("", "not shown"), ("real visits", "exposed")]


def test_an_attack_that_does_not_know_scans_themselves_clears_nobody():
    (row,) = rows_of(paired(CODES, "a", 0.0))
    null, planted = controls(raw=0.0)
    assert null.passed is True and planted.passed is False and "too weak" in planted.sentence
    assert outcome_of(row, [null, planted]) == "attack too weak"
    # What it found all the same it found.
    (found,) = rows_of(paired(CODES, "a", 3.0))
    assert outcome_of(found, [null, planted]) == "exposed"


def test_one_strong_adversary_on_scans_themselves_is_enough():
    codes = [paired(CODES, name, 0.0) for name in ("a", "bb")]
    scans = [paired(RAW, "a", 0.5), paired(RAW, "bb", 9.0)]
    assert pair_controls("verification", codes, scans, SEEDS)[1].passed is True


def test_adversaries_without_a_fault_show_of_ten_patients_that_they_are_able():
    scans = [paired(RAW, "a" * i, 9.0, patients=10) for i in range(1, 11)]
    planted = pair_controls("verification", [paired(CODES, "a", 0.0, patients=10)], scans, SEEDS)[1]
    assert planted.value == 1 and planted.passed is True and planted.p == pytest.approx(10 / 2**10)


def test_exchanged_patients_that_are_told_apart_void_what_was_found():
    found = controls(exchanged=3.0)
    assert found[0].passed is False and "are told from other pairs" in found[0].sentence
    (row,) = rows_of(paired(CODES, "a", 3.0))
    assert outcome_of(row, found) == "not testable"


def test_of_few_patients_nothing_is_said():
    null, planted = controls(patients=6)
    assert null.passed is None and planted.passed is None and "too few" in null.sentence
    (row,) = rows_of(paired(CODES, "a", 0.0, patients=6))
    assert outcome_of(row, [null, planted]) == "too few patients"
    # Chance may put one faultless adversary among a few.
    (sure,) = rows_of(*(paired(CODES, "a" * i, 9.0, patients=6) for i in range(1, 4)))
    assert sure.value == 1 and outcome_of(sure, controls()) == "too few patients"


def test_codes_are_held_against_their_own_segmentations_over_the_same_pairs():
    code, labels = paired(CODES, "a", 3.0), paired(MAPS, "a", 0.0)
    (row,) = beyond_rows({"verification": [code, labels, paired(CODES, "only", 1.0)]}, SEEDS)
    assert row["adversary"] == "a" and row["difference"] == pytest.approx(row["codes"] - row["segmentations"])
    assert row["low"] > 0 and row["patients"] == 20


def test_an_exchanged_pair_begins_as_the_pair_that_it_stands_for_and_is_of_two():
    names = ["a", "a", "b", "b", "c", "c", "c", "d"]
    asked = scan_pairs(names, 2, SEEDS)
    same = [pair for pair in asked.places[~asked.exchanged].tolist() if names[pair[0]] == names[pair[1]]]
    swapped = asked.places[asked.exchanged].tolist()
    assert len(same) == 1 + 1 + 3 and [pair[0] for pair in swapped] == [pair[0] for pair in same]
    assert all(names[one] != names[other] for one, other in swapped)
    told = asked.told([PairScores("v", np.empty((0, 2)), np.arange(len(asked.places), dtype=float), "x", 0.5)])
    assert told[0].held_for_own().patients[: len(same), 0].tolist() == [names[pair[0]] for pair in same]
    assert (told[0].held_for_own().patients[: len(same), 0] == told[0].held_for_own().patients[: len(same), 1]).all()
    assert not {frozenset(pair) for pair in swapped} & {
        frozenset(pair) for pair in asked.places[~asked.exchanged].tolist()
    }
    # Nobody else has two scans: his first with somebody's only one.
    alone = scan_pairs(["a", "a", "b"], 1, SEEDS)
    assert [names[place] for place in alone.places[alone.exchanged][0]] == ["a", "b"]


def test_pairs_of_two_are_of_the_same_visits_as_pairs_of_one():
    names = [f"p{i}" for i in range(9) for _ in range(2 + i % 2)]
    visit = np.array([names[:i].count(name) for i, name in enumerate(names)])
    asked = scan_pairs(names, 3, SEEDS)
    whose = np.array(names)[asked.places]
    same = (whose[:, 0] == whose[:, 1]) & ~asked.exchanged
    kinds = [tuple(kind) for kind in visit[asked.places].tolist()]
    for kind in ((0, 1), (0, 2), (1, 2)):
        counts = [
            sum(one == kind for one, chosen in zip(kinds, of, strict=True) if chosen) for of in (same, asked.exchanged)
        ]
        assert counts[0] == counts[1]
    # Three came thrice at least, so that there are two others for each third visit and three for each second one.
    strangers = [kind for kind, one in zip(kinds, ~same & ~asked.exchanged, strict=True) if one]
    assert strangers.count((0, 1)) == 3 * 9 and set(strangers) == {(0, 1), (0, 2), (1, 2)}
    assert len({frozenset(pair) for pair in asked.places.tolist()}) == len(asked.places)


def test_visits_that_differ_expose_nobody():
    """Who only sees that a visit was the second one, as on a new scanner, does not know whose it is."""
    exposed = 0
    for seed in range(40):
        names = [f"p{i}" for i in range(14) for _ in range(2)]
        asked = scan_pairs(names, 10, Seeds(seed))
        seen = np.random.default_rng(seed).normal(size=28) + 2.0 * (np.arange(28) % 2)
        scores = -np.abs(np.diff(seen[asked.places], axis=1))[:, 0]
        (one,) = asked.told([PairScores(CODES, np.empty((0, 2)), scores, "a", 0.0)])
        exposed += outcome_of(rows_of(one)[0], controls()) == "exposed"
    assert exposed <= 2
