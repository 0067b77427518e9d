from types import SimpleNamespace

import pytest
from statsmodels.stats.multitest import multipletests

from remnant.studies.columns import difference_columns, with_holm


def test_a_difference_has_its_columns_and_no_nan():
    found = SimpleNamespace(difference=0.1, low=float("nan"), high=0.3, p=0.01, p_bound=True, detectable=0.2, n=5)
    assert difference_columns(found) == {
        **{"difference": 0.1, "low": None, "high": 0.3},
        **{"p": 0.01, "p_bound": True, "detectable": 0.2},
    }


def test_p_values_hold_for_all_rows_that_were_tested_and_the_rest_stays_empty():
    rows = [
        {"p": p, "p_bound": bound, "x": i} for i, (p, bound) in enumerate(((0.03, False), (None, False), (0.001, True)))
    ]
    made = with_holm(rows)
    assert [row["x"] for row in made] == [0, 1, 2]
    assert made[1]["holm_p"] is None and not made[1]["holm_p_bound"]
    expected = multipletests([0.03, 0.001], method="holm")[1]
    assert [made[0]["holm_p"], made[2]["holm_p"]] == pytest.approx(expected)
    assert [row["holm_p_bound"] for row in made] == [False, False, True]
