"""Input that does not serve is told in one sentence, and nothing is left half-done."""

import pytest

SMOKE = ("--preset", "smoke", "--workers", 1, "--quiet")


@pytest.fixture
def refuses(remnant, tmp_path):
    """`refuses(sentence, *arguments)`: the command says so, with exit code 2; returns the run's directory."""

    def check(sentence: str, *arguments: object):
        out = tmp_path / "run"
        code, error, printed = remnant(*arguments, "--out", out, "--cache", tmp_path / "cache")
        assert code == 2 and printed == "", error
        assert error[-1].startswith("remnant: ") and error[-1].endswith(".") and sentence in error[-1], error
        assert not (out / "results.json").exists()
        return out

    return check


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--preset", "cpu"), "needs a cohort; give its directory with --data"),
        ((*SMOKE, "--variants", "raw,published-7"), "mixup. Got 'published-7' instead."),
        ((*SMOKE, "--variants", "published-1"), "must begin with 'raw'"),
        ((*SMOKE, "--data", "nowhere"), "The data directory nowhere does not exist"),
        ((*SMOKE, "--second", "a/one", "--second", "b/one"), "rename one"),
    ],
)
def test_a_study_that_cannot_begin(refuses, arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/one", "b/one"):
        (tmp_path / name).mkdir(parents=True)
    assert not refuses(sentence, "study", "kim2019", *arguments).exists()


def test_a_lambda_below_zero(refuses, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[net]\nlambda_ = -1\n")
    assert not refuses("lambda_", "study", "kim2019", *SMOKE, "--config", config).exists()


def test_labels_missing_for_some(refuses, altered):
    data = altered(lambda row: row | {"label": ""} if row["session_id"] == "v1" else row)
    out = refuses("4 of 8 scans have", "study", "kim2019", *SMOKE, "--data", data)
    assert not out.exists()


def test_one_session_everywhere(refuses, altered, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[net]\nheld_out = 0.5\n")
    data = altered(lambda row: row if row["session_id"] == "v0" else None)
    options = (*SMOKE, "--config", config, "--data", data)
    out = refuses("simulate revisits by --simulate-revisits", "study", "kim2019", *options)
    assert not out.exists()


def test_a_volume_smaller_than_a_patch(refuses, people, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[net]\npatch = 64\nheld_out = 0.5\n")
    refuses("smaller than the patches of 64", "study", "kim2019", *SMOKE, "--config", config, "--data", people)
