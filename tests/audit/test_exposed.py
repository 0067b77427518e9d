"""Tables of single patients: what they say of a training that leaks and of one that does not, and what leaves the house of
them."""

import json

import numpy as np
import pytest
import torch
from benchmarks._exposed_world import exposed_world
from tests.audit.test_shadows import FOUR, audited, by_heart, own
from tests.report.example_audit import audit_results

from remnant.audit.findings.exposed import PatientFits, exposure_tables
from remnant.audit.findings.rests_on import Traits, groups_of, rests_on, traits_of_patients
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.report.audit import render_audit
from remnant.report.egress import told_outside

NAMES = ("exposure_summary", "exposure", "most_exposed", "exposure_ranks", "exposure_groups", "own_thresholds")


def tables(patients=60, swaps=8, own_fit=True, images=None, **world):
    values, trained, true = exposed_world(0, patients, swaps, **world)
    names = tuple(f"name{i}" for i in range(patients))
    roles = {name: MEMBER if i % 2 else NON_MEMBER for i, name in enumerate(names)}
    fit = values[:, 0] + 0.0 if own_fit else None
    counts = np.ones(patients, dtype=int) if images is None else images
    traits = Traits(names, counts, ("class 1",) * patients, np.ones(patients))
    fits = PatientFits(names, values, trained, "signed margin", fit)
    found = exposure_tables(fits, traits, roles, lambda name: f"P-{int(name[4:]):08x}", np.random.default_rng(0))
    return found, true


def test_every_table_of_a_leaking_training():
    found, true = tables(added=1.0, unlike=1.0)
    assert (*found,) == NAMES
    (summary,), rows = found["exposure_summary"], found["exposure"]
    assert summary["why"] == "" and (summary["patients"], summary["networks"]) == (60, 16)
    assert summary["exposure_low"] < true.mean() < summary["exposure_high"] and 1 < summary["spread"] < 2
    assert len(rows) == 60 and [row["exposure"] for row in rows] == sorted(
        (row["exposure"] for row in rows), reverse=True
    )
    assert summary["flagged"] == sum(row["flagged"] for row in rows) > 3
    assert all(row["low"] < row["exposure"] < row["high"] for row in rows)
    by_name = {row["pseudonym"]: row for row in rows}
    exposures = np.array([by_name[f"P-{i:08x}"]["exposure"] for i in range(60)])
    assert np.corrcoef(exposures, true)[0, 1] > 0.6
    assert {row["role"] for row in rows} == {"trained on", "not trained on"} and by_name["P-00000001"][
        "role"
    ] == "trained on"
    (most,) = found["most_exposed"]
    assert most["pseudonym"] == rows[0]["pseudonym"] and most["seems"] == rows[0]["exposure"] > most["shrunken"]
    assert most["corrected_low"] < most["corrected"] < most["corrected_high"]
    ranks = found["exposure_ranks"]
    assert [row["patients"] for row in ranks] == [10] * 6 and ranks[0]["exposure"] > ranks[-1]["exposure"] + 0.1
    thirds = [row for row in found["exposure_groups"] if row["trait"].startswith("fit")]
    assert [row["patients"] for row in thirds] == [20, 20, 20]
    rates = found["own_thresholds"]
    assert [row["told"] is None for row in rates] == [False, True, True]
    assert (rates[0]["members"], rates[0]["non_members"]) == (30, 30) and 0.05 < rates[0]["networks_fpr"] < 0.15
    json.dumps(found, allow_nan=False)


def test_of_too_few_the_reason_stands_alone():
    found, _ = tables(patients=60, swaps=3)
    assert (*found,) == ("exposure_summary",)
    assert found["exposure_summary"][0]["why"].startswith("6 shadow models are too few")
    some, _ = tables(patients=24, swaps=4)
    assert some["exposure_summary"][0]["flagged"] is None and some["exposure"][0]["adjusted_p"] is None
    assert not any(row["flagged"] for row in some["exposure"]) and len(some["exposure_ranks"]) == 2


def test_without_the_fit_of_the_audited_model_there_are_no_thresholds():
    assert tables(own_fit=False)[0]["own_thresholds"] == []


def test_traits_of_classes_outputs_and_label_maps():
    blank = torch.zeros(1, 4, 4)
    classes = Images(
        (blank,) * 5, (0, 0, 0, 1, 0), ("a", "b", "c", "c", "d"), {"age": np.array([50, 60, 70, 70, np.nan])}
    )
    found = traits_of_patients(classes)
    assert found.patients == ("a", "b", "c", "d") and found.images.tolist() == [1, 1, 2, 1]
    assert found.rarest == ("class 0", "class 0", "class 1", "class 0") and found.share.tolist() == [1, 1, 0.25, 1]
    assert found.people["age"][:3].tolist() == [50, 60, 70]
    several = Images(
        (blank,) * 3, tuple(torch.tensor(one) for one in ([1.0, 0], [1, 1], [0, torch.nan])), ("a", "b", "c")
    )
    assert traits_of_patients(several).rarest == ("output 0", "output 1", "")
    assert np.isnan(traits_of_patients(several).share[2])
    maps = tuple(torch.full((4, 4), one) for one in (0, 1, 2))
    named = Images((blank,) * 3, maps, ("a", "b", "c"), classes=("background", "liver"))
    assert traits_of_patients(named).rarest == ("", "liver", "class 2")
    assert traits_of_patients(Images((blank,), None, ("a",))).rarest == ("",)


def test_what_sets_a_patient_apart_in_words():
    traits = Traits(
        tuple("abcdefghijklmnopqrst"),
        np.array([7, *[1] * 19]),
        ("class 3", *["class 0"] * 19),
        np.array([0.05, *[0.95] * 19]),
    )
    assert rests_on(traits, 0, 0.0) == (
        "7 images, of others mostly 1; class 3, of 5% of patients; all networks fit worse than all other patients"
    )
    assert rests_on(traits, 1, 0.97) == "all networks fit better than 97% of other patients"
    assert rests_on(traits, 1, 0.5) == "nothing that is known"


def test_groups_that_all_share_are_none():
    traits = Traits(
        tuple("abcdef"),
        np.array([1, 1, 1, 2, 3, 1]),
        ("",) * 6,
        np.full(6, np.nan),
        {"sex": np.array([0, 0, 1, 1, 1, np.nan])},
    )
    found = {
        trait: [(words, int(chosen.sum())) for words, chosen in groups]
        for trait, groups in groups_of(traits, np.arange(6.0))
    }
    assert found == {
        "images": [("one image", 4), ("two images or more", 2)],
        "fit by all networks": [
            ("the third fit worst", 2),
            ("the middle third", 2),
            ("the third fit best", 2),
        ],
        "sex": [("women", 2), ("men", 3)],
    }
    alone = Traits(tuple("abc"), np.ones(3), ("",) * 3, np.full(3, np.nan))
    assert [trait for trait, _ in groups_of(alone, np.zeros(3))] == ["fit by all networks"]


def results_of(found):
    return audit_results(tables=audit_results().tables | found)


def test_what_leaves_the_house_has_no_patient_and_no_group_of_few(tmp_path):
    images = np.where(np.arange(60) < 4, 2, 1)
    found, _ = tables(added=1.5, unlike=0.5, images=images)
    inside = render_audit(tmp_path, results_of(found))
    assert found["exposure"][0]["pseudonym"] in inside and "winner" in inside and "one image" in inside
    told = told_outside(results_of(found))
    assert not {"exposure", "most_exposed"} & told.tables.keys()
    assert {row["trait"] for row in told.tables["exposure_groups"]} == {"fit by all networks"}
    assert all(row["exposure"] is not None for row in told.tables["exposure_ranks"])
    page = render_audit(tmp_path, told)
    assert "P-0000" not in page and "seems to have" not in page and "one image" not in page
    assert "Exposure of groups" in page and "The 10 most exposed patients" in page


@pytest.mark.parametrize(
    ("flagged", "said"),
    [(3, "&lt;10 patients are exposed"), (30, "30 patients are exposed"), (57, "&gt;50 patients are exposed")],
)
def test_how_many_are_exposed_leaves_as_a_bound_where_they_are_few(flagged, said, tmp_path):
    found, _ = tables()
    found["exposure_summary"][0]["flagged"] = flagged
    assert said in render_audit(tmp_path, told_outside(results_of(found)))


def test_members_told_by_thresholds_of_their_own_leave_as_bounds():
    found, _ = tables()
    found["own_thresholds"][0] |= {"told": 4, "false_alarms": 15, "false_alarms_share": 0.5}
    (row,) = (row for row in told_outside(results_of(found)).tables["own_thresholds"] if row["carried"])
    assert row["told"] == "<10" and row["told_share"] is None and row["told_share_low"] is None
    assert row["false_alarms"] == 15 and row["false_alarms_share"] is not None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.2, 0.4, "pass theirs more often"), (0.01, 0.09, "pass theirs less often"), (0.05, 0.2, "")],
)
def test_that_thresholds_do_not_hold_for_a_model_that_was_trained_otherwise_is_said(low, high, said, tmp_path):
    found, _ = tables()
    found["own_thresholds"][0] |= {"false_alarms_share_low": low, "false_alarms_share_high": high}
    page = render_audit(tmp_path, results_of(found))
    assert ("trained otherwise than the shadow models" in page) is bool(said) and said in page


def test_of_few_members_no_threshold_is_told_and_a_page_is_made(tmp_path):
    found, _ = tables()
    rows = [row | {"members": 8, "non_members": 52} for row in found["own_thresholds"]]
    page = render_audit(tmp_path, told_outside(results_of(found | {"own_thresholds": rows})))
    assert "A threshold for each patient" not in page and "Exposure of groups" in page


def test_a_group_that_is_what_others_leave_of_all_takes_them_with_it():
    found, _ = tables()
    rows = [
        {"trait": "sex", "group": one, "patients": n, "exposure": 0.6, "exposure_low": 0.5, "exposure_high": 0.7}
        for one, n in (("women", 60), ("men", 55))
    ]
    told = told_outside(results_of(found | {"exposure_groups": rows})).tables["exposure_groups"]
    assert told == []
    rows[1]["patients"] = 60
    assert len(told_outside(results_of(found | {"exposure_groups": rows})).tables["exposure_groups"]) == 2


def test_an_audit_with_shadow_models_has_the_tables(tmp_path, monkeypatch):
    config = FOUR.changed(shadows={"count": 8}, target={"planted_steps": 0})
    parts = audited(tmp_path / "run", own(by_heart, patients=40), config)
    assert {*NAMES} <= parts["tables"].keys()
    (summary,) = parts["tables"]["exposure_summary"]
    assert summary["exposure"] > 0.8 and summary["flagged"] > 10
    few = audited(tmp_path / "few", own(by_heart, patients=40), FOUR.changed(target={"planted_steps": 0}))
    assert "exposure" not in few["tables"] and few["tables"]["exposure_summary"][0]["why"]
