import pytest
from tests.studies.kim2019.test_page import changed, not_inverted

from remnant.studies.kim2019.findings import no_conclusion

LEARNED = [{"name": "raw scan", "term": "segmentation", "value": value} for value in (1.0, 0.5)]


@pytest.fixture(scope="module")
def silent(tables):
    """Nothing was inverted, nothing tells more than its map, no adversary distinguishes anybody."""
    quiet = changed(changed(not_inverted(tables), "headline", {"beyond": False}), "identity", {"knows": False})
    return quiet | {"stage1": LEARNED}


def test_a_full_run_whose_controls_succeed_concludes(silent, tables):
    assert no_conclusion(silent, "cpu") == []
    assert no_conclusion(tables | {"stage1": LEARNED}, "cpu") == []


@pytest.mark.parametrize("preset", ["smoke", "demo"])
def test_a_trial_concludes_nothing_even_of_codes_that_were_inverted(tables, preset):
    assert [preset in reason for reason in no_conclusion(tables | {"stage1": LEARNED}, preset)] == [True]


@pytest.mark.parametrize(
    ("table", "change", "where", "told"),
    [
        ("identity", {"patients": 9}, {}, "9 test patients"),
        ("stage1", {"value": 1.0}, {}, "The loss did not fall"),
        ("headline", {"inverted": False}, {"variant": "raw"}, "positive control"),
        ("identity", {"counts": False}, {}, "positive control"),
    ],
)
def test_silence_counts_only_with_patients_learning_and_controls(silent, table, change, where, told):
    reasons = no_conclusion(changed(silent, table, change, **where), "cpu")
    assert len(reasons) == 1 and told in reasons[0]


def test_an_adversary_that_distinguishes_patients_is_an_exposure(silent):
    weak = changed(silent, "identity", {"counts": False})
    assert no_conclusion(weak, "cpu")
    assert not no_conclusion(changed(weak, "identity", {"knows": True}, variant="deformation", view="code"), "cpu")
    # That raw scans are distinguished exposes no code.
    assert no_conclusion(changed(weak, "identity", {"knows": True}, variant="raw"), "cpu")
