"""What of the list of attacks is told of a checkpoint, before anybody hands over patients."""

import json
from dataclasses import replace

import pytest
import torch
from tests.targets.tiny import TinyCNN
from typer.testing import CliRunner

from remnant.attacks.listed import SEES, lines_for, listed, listed_for
from remnant.attacks.registry import all_attacks
from remnant.audit.scenario import SEEN
from remnant.cli.main import app
from remnant.targets.description import Layer
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise


@pytest.fixture
def file(tmp_path):
    torch.save(TinyCNN().state_dict(), tmp_path / "a.pt")
    return tmp_path / "a.pt"


def test_every_attack_is_told_with_what_it_sees_claims_and_needs(file):
    described = recognise(open_checkpoint(file))
    lines = {line.split()[1].rstrip(":"): line for line in lines_for(described)}
    assert list(lines) == [row["name"] for row in listed()] == list(all_attacks())
    for row in listed_for(described):
        assert row["applies"] and not row["why"]
        for said in ("words", "claim", "needs"):
            assert row[said] in lines[row["name"]]
        assert SEES[row["access"]] in lines[row["name"]]
    assert lines["attributes"].endswith("needs ages or sexes of the patients.")


def test_a_network_that_no_audit_asks_is_told_so(file):
    described = replace(recognise(open_checkpoint(file)), task="detector")
    why = "an audit is of classifiers and segmenters, and this is a detector"
    assert {(row["applies"], row["why"]) for row in listed_for(described)} == {(False, why)}
    assert all(line.startswith("does not") and line.endswith(f"{why}.") for line in lines_for(described))


def test_what_draws_radiographs_is_for_their_classifiers(file):
    described = recognise(open_checkpoint(file))
    bare = replace(described.statistics, layers=0)
    for other, said in (
        ({"task": "segmenter"}, "it is for classifiers"),
        ({"task": "classifier", "dimensions": 3}, "it is for classifiers"),
        ({"statistics": bare}, "statistics of BatchNorm"),
    ):
        why = {row["name"]: row["why"] for row in listed_for(replace(described, **other))}
        assert why["joint"].startswith(said) and not why["output"]
    # Of a network without statistics a search for its classes is left, and more of one that attends.
    assert why["gmi"] == "" and why["published"] == why["pixels"] and why["published"].startswith("neither statistics")
    attention = Layer("a", "attention", {"in_proj_weight": (6, 2)}, 12)
    why = {row["name"]: row["why"] for row in listed_for(replace(described, statistics=bare, layers=(attention,)))}
    assert why["published"] == why["per_class"] == why["pixels"] == "" != why["joint"]


def test_inspect_tells_it_in_text_and_json(file):
    said = CliRunner().invoke(app, ["inspect", str(file)]).output
    assert "In an audit of it" in said
    assert all(line in said for line in lines_for(recognise(open_checkpoint(file))))
    told = json.loads(CliRunner().invoke(app, ["inspect", str(file), "--json"]).output)
    assert [row["name"] for row in told["audit"]] == list(all_attacks())
    assert {row["applies"] for row in told["audit"]} == {True}


def test_every_access_has_words():
    assert {*SEES} >= {access for seen in SEEN.values() for access in seen}
