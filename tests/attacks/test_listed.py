"""What of the list of attacks is told of a checkpoint, before anybody hands over patients."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tests.targets.tiny import TinyCNN
from typer.testing import CliRunner

from remnant.attacks.listed import SEES, lines_for, listed, listed_for
from remnant.attacks.registry import all_attacks
from remnant.audit.verdict.scenario import SEEN
from remnant.base.errors import RemnantError
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
    lines = {line.partition(":")[0].split()[-1]: line for line in lines_for(described)}
    assert list(lines) == [row["name"] for row in listed()] == list(all_attacks())
    for row in listed_for(described):
        codes = row["access"] == "codes"
        assert row["applies"] != codes and bool(row["why"]) == codes
        if codes:
            # No file holds both halves of what sends codes.
            assert lines[row["name"]].endswith("codes are of a client, whom `remnant protect evaluate` attacks.")
            continue
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
    assert (
        "In `remnant audit` of it, with members and non-members" in said
        and "In `remnant attack checkpoint` and the studies" in said
    )
    assert all(line in said for line in lines_for(recognise(open_checkpoint(file))))
    told = json.loads(CliRunner().invoke(app, ["inspect", str(file), "--json"]).output)
    assert [row["name"] for row in told["audit"]] == list(all_attacks())
    assert {row["applies"] for row in told["audit"] if row["access"] != "codes"} == {True}


def folder_of(tmp_path, kind):
    """A folder as nnU-Net, MONAI or an owner who begins an audit leaves it; and the checkpoint that tells."""
    top = tmp_path / kind
    name = {"nnunet": "fold_0/checkpoint_final.pth", "monai": "models/model.pt", "audit": "best.pt"}[kind]
    (top / name).parent.mkdir(parents=True)
    weights = TinyCNN().state_dict()
    torch.save({"network_weights": weights} if kind == "nnunet" else weights, top / name)
    if kind == "nnunet":
        (top / "plans.json").write_text("{}")
        (top / "dataset.json").write_text("{}")
    if kind == "monai":
        (top / "configs").mkdir()
        (top / "configs" / "metadata.json").write_text("{}")
    if kind == "audit":
        (top / "audit.toml").write_text('[target]\ncheckpoint = "./best.pt"\n')
        torch.save({"weight": torch.ones(1)}, top / "another.pt")
    return top, name


@pytest.mark.parametrize("kind", ["nnunet", "monai", "audit"])
def test_of_a_folder_it_is_told_by_its_checkpoint(tmp_path, kind):
    top, name = folder_of(tmp_path, kind)
    said = CliRunner().invoke(app, ["inspect", str(top)]).output
    told = json.loads(CliRunner().invoke(app, ["inspect", str(top), "--json"]).output)
    assert "In `remnant audit` of it, with members and non-members" in said and f"labels, by what {name} tells" in said
    assert told["audit_of"] == name
    why = {row["name"]: row["why"] for row in told["audit"]}
    assert list(why) == list(all_attacks()) and why["output"] == ""
    # nnU-Net trains segmenters alone, whatever a file looks like.
    assert why["joint"] == ("it is for classifiers of square 2D images" if kind == "nnunet" else "")
    assert all(f"{row['name']}: " in said for row in told["audit"])


@pytest.mark.parametrize("settings", ["[target\n", "a = " + "[" * 10_000, "target = 3", "[target]\ncheckpoint = 1"])
def test_of_a_folder_without_a_checkpoint_it_is_not_told(tmp_path, settings):
    (tmp_path / "audit.toml").write_text(settings)
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    said = CliRunner().invoke(app, ["inspect", str(tmp_path)])
    assert said.exit_code == 0 and "In an audit" not in said.output
    assert json.loads(CliRunner().invoke(app, ["inspect", str(tmp_path), "--json"]).output)["audit"] == []


def test_every_access_has_words():
    assert {*SEES} >= {access for seen in SEEN.values() for access in seen}


@pytest.mark.parametrize(
    ("access", "claim"), [("outputs", "pair_scores"), ("codes", "patient_scores"), ("codes", "candidates")]
)
def test_an_attack_of_another_package_cannot_claim_what_no_audit_measures(monkeypatch, access, claim):
    own = replace(all_attacks()["output"], name="pairs", access=access, claim=claim)
    point = SimpleNamespace(name="pairs", value="other:PAIRS", dist=SimpleNamespace(name="other"), load=lambda: own)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    all_attacks.cache_clear()
    said = f"'pairs' of other claims {claim} of {access}; pair_scores are of codes, of which"
    with pytest.raises(RemnantError, match=said):
        all_attacks()
    all_attacks.cache_clear()


def test_an_attack_of_another_package_may_score_pairs_of_codes(monkeypatch):
    own = replace(all_attacks()["verification"], name="pairs")
    point = SimpleNamespace(name="pairs", value="other:PAIRS", dist=SimpleNamespace(name="other"), load=lambda: own)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])
    all_attacks.cache_clear()
    assert all_attacks()["pairs"] is own
    all_attacks.cache_clear()
