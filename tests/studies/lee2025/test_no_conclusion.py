import numpy as np
import pytest
from tests.studies.lee2025.example import attacked, groups
from tests.studies.lee2025.test_page import changed, only

from remnant.studies.lee2025.findings import conclusion
from remnant.studies.lee2025.leak_findings import exposed
from remnant.studies.lee2025.prior_tables import prior_rows

ALIKE = [{"source": "public", "typical": 0.9, "varied": True, "alike": True}]


@pytest.fixture(scope="module")
def seen(tables):
    """The invented audit with a prior that is like its data, and stage 1 that learned."""
    tuned = [row | {"first": 2.0, "last": 1.0} for row in tables["tuning"]]
    return tables | {"prior": ALIKE, "tuning": tuned}


def no_conclusion(tables, preset):
    return conclusion(tables, preset).no_conclusion


@pytest.fixture(scope="module")
def silent(seen):
    """The same without any flag but the positive control's."""
    kept = [row if row["target"] == "cnn_planted" else row | {"flagged": False} for row in seen["leak"]]
    return seen | {"leak": kept}


def test_a_full_audit_concludes(seen, silent):
    assert exposed(seen) and not exposed(silent)
    assert conclusion(seen, "cpu") == ([], []) and conclusion(silent, "cpu") == ([], [])


def test_a_trial_concludes_nothing_even_of_a_flag(seen):
    assert ["'smoke'" in reason for reason in no_conclusion(seen, "smoke")] == [True]


@pytest.mark.parametrize(
    ("table", "change", "where", "told"),
    [
        ("patients", {"patients": 9}, {"group": "non_members"}, "9 non-members"),
        ("tuning", {"last": 2.0}, {}, "The loss did not fall"),
        ("leak", {"flagged": False}, {"target": "cnn_planted"}, "positive control"),
        ("prior", {"typical": 0.0, "alike": False}, {}, "unlike images"),
        ("prior", {"varied": False, "alike": False}, {}, "same image"),
        ("prior", {"source": "of no target"}, {}, "against no real images"),
        ("patients", {"source": "of no target"}, {}, "No patients were compared"),
        ("tuning", {"method": "another"}, {}, "fewer than two losses"),
    ],
)
def test_silence_counts_only_when_every_gate_is_open(seen, silent, table, change, where, told):
    reasons = no_conclusion(changed(silent, table, change, **where), "cpu")
    assert len(reasons) == 1 and told in reasons[0]
    # A flag needs none of them, but the silence about the others does.
    told = conclusion(changed(seen, table, change, **where), "cpu")
    assert told.no_conclusion == [] and told.left_open[0].startswith("No conclusion about CNN:")
    assert len(told.left_open) == 2 and (told.left_open[1] == reasons[0] or table == "tuning")


def test_what_failed_for_the_exposed_alone_leaves_nothing_open(seen):
    assert exposed(seen) == ["cnn_overfit"]
    assert conclusion(changed(seen, "tuning", {"last": 2.0}, target="cnn_overfit"), "cpu") == ([], [])


def test_methods_without_a_stage_1_have_no_loss_to_fall(silent):
    searched = changed(silent, "likely", {"method": "gmi"}, method="published") | {"tuning": []}
    assert no_conclusion(searched, "cpu") == []


def test_membership_by_its_output_exposes_its_target_alone(silent):
    shown = {"target": "cnn", "control": False, "outcome": "shown", "auc": 0.9}
    told = conclusion(changed(silent, "prior", {"alike": False}) | {"membership_verdicts": [shown]}, "cpu")
    assert told.no_conclusion == [] and told.left_open[0].startswith("No conclusion about overfit CNN:")


def test_without_a_control_silence_is_no_verdict(silent):
    alone = only(silent, "cnn") | {"prior": ALIKE}
    assert "no positive control" in " ".join(no_conclusion(alone, "cpu"))


def test_the_prior_is_held_against_the_radiographs_of_every_source():
    draw = np.random.default_rng(0)
    sources = groups(draw)
    prior = attacked(draw, "cnn", "prior", sources["private"], 0.0)
    rows = list(prior_rows([attacked(draw, "cnn", "published", sources["private"], 0.0), prior], sources))
    assert [row["source"] for row in rows] == ["private", "public"]
    # Invented images are noise of another contrast than the invented radiographs.
    assert all(row["drawn"] == 60 and row["real"] == 132 and not row["alike"] for row in rows)
    assert list(prior_rows([], sources)) == []
