import pytest
from tests.studies.kim2019.test_page import changed, not_inverted

from remnant.studies.kim2019.findings import conclusion, protected


@pytest.fixture(scope="module")
def learned(tables):
    """Losses that fell, of every variant."""
    names = {row["name"] for row in tables["headline"]}
    return {
        "stage1": [
            {"name": name, "recipe": "ours", "term": "segmentation", "value": value}
            for name in names
            for value in (1.0, 0.5)
        ]
    }


def no_conclusion(tables, preset):
    return conclusion(tables, preset).no_conclusion


@pytest.fixture(scope="module")
def silent(tables, learned):
    """Nothing was inverted, nothing tells more than its map, no adversary distinguishes anybody."""
    quiet = changed(changed(not_inverted(tables), "headline", {"beyond": False}), "identity", {"knows": False})
    return quiet | learned


def test_a_full_run_whose_controls_succeed_concludes(silent, tables, learned):
    assert conclusion(silent, "cpu") == ([], [])
    assert conclusion(tables | learned, "cpu") == ([], [])


@pytest.mark.parametrize("preset", ["smoke", "demo"])
def test_a_trial_concludes_nothing_even_of_codes_that_were_inverted(tables, learned, preset):
    assert [preset in reason for reason in no_conclusion(tables | learned, preset)] == [True]


@pytest.mark.parametrize(
    ("table", "change", "where", "told"),
    [
        ("identity", {"patients": 9}, {}, "9 test patients"),
        ("stage1", {"value": 1.0}, {}, "The loss did not fall"),
        ("headline", {"inverted": False}, {"variant": "raw"}, "positive control"),
        ("identity", {"counts": False}, {}, "positive control"),
        ("stage1", {"term": "total"}, {}, "fewer than two losses"),
    ],
)
def test_silence_counts_only_with_patients_learning_and_controls(silent, table, change, where, told):
    reasons = no_conclusion(changed(silent, table, change, **where), "cpu")
    assert len(reasons) == 1 and told in reasons[0]


def test_an_adversary_that_distinguishes_patients_is_an_exposure(silent):
    weak = changed(silent, "identity", {"counts": False})
    assert no_conclusion(weak, "cpu")
    told = conclusion(changed(weak, "identity", {"knows": True}, variant="deformation", view="code"), "cpu")
    # It exposes its own variant; the silence about the others still lacks its control.
    assert told.no_conclusion == [] and "positive control" in told.left_open[1]
    others = [row["name"] for row in protected(silent) if row["variant"] != "deformation"]
    assert told.left_open[0].startswith(f"No conclusion about {'; '.join(others)}:")
    # That raw scans are distinguished exposes no code, nor that segmentations are.
    assert no_conclusion(changed(weak, "identity", {"knows": True}, variant="raw"), "cpu")
    assert no_conclusion(changed(weak, "identity", {"knows": True}, view="labels"), "cpu")


def test_where_no_adversary_attacked_a_variant_nobody_was_compared(silent):
    rows = [row for row in silent["identity"] if row["variant"] == "raw"]
    assert "No patients were compared" in " ".join(no_conclusion(silent | {"identity": rows}, "cpu"))


def test_without_losses_nobody_knows_whether_anything_was_learned(silent):
    assert "two losses" in " ".join(no_conclusion(silent | {"stage1": []}, "cpu"))


def test_a_leak_of_the_raw_scans_segmenter_clears_no_variant(silent):
    raw = next(row["name"] for row in silent["headline"] if row["variant"] == "raw")
    shown = {"target": raw, "control": False, "outcome": "shown", "auc": 0.9}
    few = changed(silent, "identity", {"patients": 9}) | {"membership_verdicts": [shown]}
    told = conclusion(few, "cpu")
    assert told.no_conclusion == [] and "9 test patients" in told.left_open[1]


def test_what_failed_for_the_exposed_variant_alone_leaves_nothing_open(silent):
    shown = changed(silent, "identity", {"knows": True, "patients": 9}, variant="deformation")
    name = next(row["name"] for row in silent["headline"] if row["variant"] == "deformation")
    still = [row | {"value": 1.0} if row["name"] == name else row for row in shown["stage1"]]
    assert conclusion(shown | {"stage1": still}, "cpu") == ([], [])


def test_the_fewest_patients_of_any_variant_decide(silent):
    few = changed(silent, "identity", {"patients": 9}, variant="deformation")
    assert "9 test patients" in " ".join(no_conclusion(few, "cpu"))
