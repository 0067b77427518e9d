"""The commands: options become settings, and what a user can mend is one sentence and exit code 2."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--preset", "cpu"), "needs --private, --public, --prior"),
        (("--preset", "smoke", "--targets", "cnn,resnet"), "--targets must be of cnn, "),
        (("--preset", "smoke", "--methods", "prior"), "--methods must be of published, "),
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
