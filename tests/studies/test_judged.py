"""Findings on several networks, judged together."""

import pytest

from remnant.base.findings import Control, Finding
from remnant.base.results import require_views
from remnant.report.figures import FIGURES
from remnant.studies.judged import (
    controls_section,
    exposed_of,
    findings_section,
    judged,
    judged_tables,
    open_of,
    strongest_of_each,
)


def finding(target, p, low=0.2, **other):
    told = {"attack": "inversion", "view": "latents", "claim": "reconstructions", "criterion": "singling out", "n": 24}
    told |= {"statistic": "rank1", "group": "a gallery of 24 patients", "value": low + 0.1, "high": 1.0, "null": 1 / 24}
    return Finding(target=target, low=low, p=p, **told | other)


def control(kind, passed):
    told = {"attack": "inversion", "claim": "reconstructions", "statistic": "rank1", "value": 0.1, "n": 24}
    return Control(kind=kind, passed=passed, sentence="So it is.", **told)


PLANTED = [control("null", True), control("planted", True)]


def outcomes(found, controls):
    return {one.target: one.outcome for one in judged(found, controls)}


def test_the_outcome_is_by_the_controls_of_the_target_itself():
    found = [finding("a", 1e-6), finding("b", 0.5, 0.0), finding("c", 0.5, 0.0), finding("d", 1e-6)]
    controls = {"a": PLANTED, "b": PLANTED, "d": [control("null", False)]}
    assert outcomes(found, controls) == {
        "a": "exposed",
        "b": "not shown",
        "c": "power unknown",
        "d": "not testable",
    }


def test_all_targets_are_tested_together():
    assert outcomes([finding("a", 0.004), finding("b", 0.5, 0.0)], {"a": PLANTED}) == {
        "a": "exposed",
        "b": "power unknown",
    }
    many = [finding("a", 0.004), *(finding(f"b{i}", 0.5, 0.0) for i in range(2))]
    assert outcomes(many, {"a": PLANTED})["a"] == "not shown"


def test_what_exposes_comes_first_and_then_the_highest_lower_end():
    found = judged([finding("a", 0.5, 0.3), finding("b", 1e-6, 0.2), finding("c", 0.5, 0.4)], {"b": PLANTED})
    assert [one.target for one in found] == ["b", "c", "a"] and [one.target for one in exposed_of(found)] == ["b"]


def test_silence_is_open_where_no_finding_of_a_claim_would_have_seen_it():
    scores = {"claim": "patient_scores", "statistic": "auc", "criterion": "inference", "null": 0.5, "attack": "output"}
    found = [
        finding("a, 1", 1e-6),
        finding("a, 2", 0.5, 0.0),
        finding("b, 1", 0.5, 0.0),
        finding("b, 2", 0.5, 0.0),
        finding("b", 0.5, 0.4, **scores),
        finding("c, 1", 0.5, 0.0),
    ]
    told = judged(found, {"b, 1": PLANTED, "c, 1": PLANTED})

    def group(target):
        return target[0]

    # One network of a is exposed; of b the reconstructions would have been seen, and membership nobody knows.
    assert list(open_of(told, group)) == ["b"]
    (reason,) = open_of(told, group)["b"]
    assert "AUC 0.50" in reason and "no control showed it" in reason
    assert set(open_of(told)) == {"a, 2", "b", "b, 2"}
    assert len(strongest_of_each(told, group)) == 4


def test_the_tables_hold_what_the_chapters_show():
    scores = {"claim": "patient_scores", "statistic": "auc", "criterion": "inference", "null": 0.5}
    controls = {"a": PLANTED}
    told = judged([finding("a", 1e-6), finding("a", 0.5, 0.5, **scores, attack="output", detectable=0.8)], controls)
    tables = judged_tables(told, controls)
    sections = [findings_section(tables), controls_section()]
    require_views(sections, tables)
    for section in sections:
        for shown in section.table.columns:
            names = [part.split("}")[0].split(":")[0] for part in shown.split("{")[1:]] or [shown]
            assert {*names} <= {*tables[section.table.name][0]}
    (row,) = tables["forest"]
    assert row["auc"] == pytest.approx(0.6) and row["detectable"] == 0.8
    assert sections[0].figures[0].kind in FIGURES and not findings_section({"forest": []}).figures
    assert [row["target"] for row in tables["controls"]] == ["a", "a"]
