"""The commands: options become settings, and what a user can mend is one sentence and exit code 2."""

import pytest

from remnant.base.files import read_json
from remnant.base.results import Results


def test_a_checkpoint_is_attacked_against_its_owner_s_patients(remnant, stranger, prior_file, owners, tmp_path):
    config, people = tmp_path / "few.toml", tmp_path / "people.csv"
    config.write_text("[attack]\ncandidates = 6\n")
    people.write_text("age,sex,count\n60,F,900\n60,M,1100\n")
    options = ("--preset", "smoke", "--config", config, "--population", people, "--site", 500, "--seed", 7, "--quiet")
    out = tmp_path / "run"
    code, error, printed = remnant(
        "attack", "checkpoint", stranger, "--prior", prior_file, "--against", owners, "--out", out, *options
    )
    assert code == 0 and printed == str(out / "report.html"), error
    results = Results.read(out / "results.json")
    assert results.seed == 7 and results.settings["attack"]["candidates"] == 6 and results.settings["site"] == 500
    assert results.settings["population"] == str(people)
    assert results.command.startswith("remnant attack checkpoint") and "--seed 7" in results.command
    assert {row["candidates"] for row in results.tables["likely"] if row["method"] != "gmi"} == {6}
    assert read_json(out / "config.json")["against"] == str(owners)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--preset", "cpu"), "needs --private, --public, --prior"),
        (("--preset", "smoke", "--targets", "cnn,resnet"), "--targets must be of cnn, "),
        (("--preset", "smoke", "--methods", "published"), "the control 'prior'"),
        (("--preset", "smoke", "--private", "nowhere"), "The data directory nowhere does not exist"),
        (("--preset", "smoke", "--population", "nowhere.csv"), "nowhere.csv does not exist"),
        (("--preset", "smoke", "--prior", "nowhere.safetensors"), "nowhere.safetensors does not exist"),
    ],
)
def test_a_study_that_cannot_begin(remnant, tmp_path, arguments, sentence):
    code, error, printed = remnant("study", "lee2025", *arguments, "--out", tmp_path / "run")
    assert code == 2 and printed == "" and error[-1].startswith("remnant: ") and error[-1].endswith(".")
    assert sentence in error[-1]
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_that_cannot_be_attacked(remnant, stranger, prior_file, tmp_path):
    attack = ("attack", "checkpoint")
    for arguments, sentence in (
        ((tmp_path / "none.pt", "--prior", prior_file), "none.pt does not exist"),
        ((stranger, "--prior", tmp_path / "none.safetensors"), "none.safetensors does not exist"),
        ((stranger, "--prior", stranger), "is not a whole safetensors file"),
        ((stranger, "--prior", prior_file, "--methods", "prior"), "at least one attack"),
    ):
        code, error, printed = remnant(*attack, *arguments, "--out", tmp_path / "run")
        assert code == 2 and printed == "" and sentence in error[-1] and error[-1].endswith("."), error
    assert not (tmp_path / "run").exists()
