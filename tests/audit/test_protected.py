"""`remnant protect evaluate`: a run of `protect train` audited by what its client sends, and what is refused."""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from remnant.audit.inputs.trained_on import training_patients_of
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults
from remnant.base.run import Run
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.unchanged import require_unchanged
from remnant.defenses.privacynet.networks import ENCODER, SEGMENTER

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


@pytest.mark.slow
def test_a_trained_pair_is_audited_to_its_report_and_goes_on(remnant, trained_net, people, tmp_path):
    net, out = trained_net("given"), tmp_path / "run"
    asked = ("protect", "evaluate", net, *SMOKE, "--data", people, "--out", out, "--cache", tmp_path / "cache")
    code, error, printed = remnant(*asked)
    assert code == 3 and printed.strip() == str(out / "report.html"), error
    results = AuditResults.read(out / "results.json")
    assert results.scenario.name == "codes" and results.verdict.ruling == "cannot tell"
    assert (results.cohort["members"], results.cohort["non_members"]) == (2, 2)
    assert results.verdict.kept_open[0].startswith("The preset smoke tries whether all attacks run")
    assert list(results.checkpoints) == [ENCODER, SEGMENTER] and results.model["sha256"] == results.checkpoints[ENCODER]
    assert {one.name for one in results.scenario.attacks if one.run} == {
        "output", "parts", "label_only", "verification", "code_inversion", "linkage"
    }  # fmt: skip
    assert {row["adversary"] for row in results.tables["adversaries"]} > {"d_adv", "d_adv_patch", "d_new_all"}
    assert [row["name"] for row in results.tables["defences"] if row["why"] == "it is in place"] == ["privacy_net"]
    # By the same arguments it goes on, and by others it does not.
    assert remnant(*asked, "--resume")[0] == 3
    code, error, _ = remnant(*asked, "--resume", "--seed", 1)
    assert code == 2 and "seed" in error[-1]


@pytest.mark.slow
def test_what_a_client_mixes_with_a_reference_is_attacked_as_any_code(remnant, trained_net, people, tmp_path):
    other, out = tmp_path / "other", tmp_path / "run"
    shutil.copytree(people, other)
    asked = ("protect", "evaluate", trained_net("mixing", method="mixing"), *SMOKE, "--data", people)
    code, error, _ = remnant(*asked, "--second", other, "--out", out, "--cache", tmp_path / "cache")
    assert code == 3, error
    results = AuditResults.read(out / "results.json")
    assert {one.name for one in results.scenario.attacks if one.run} >= {"verification", "code_inversion", "linkage"}
    assert [row["name"] for row in results.tables["defences"] if row["why"] == "it is in place"] == ["secret_mixing"]
    # A patient is sent many times, too, and codes that show heads are registered.
    assert {row["adversary"] for row in results.tables["adversaries"]} >= {"shapes", "registered"}
    assert any(row["view"].endswith("registered and averaged") for row in results.tables["adversaries"])
    assert {row["trained"] for row in results.tables["transfer"]} == {"as_trained", "retrained"}


@pytest.mark.slow
def test_what_it_takes_is_told_and_what_does_not_fit_is_left_out(remnant, trained_net, people, tmp_path):
    out = tmp_path / "run"
    asked = ("protect", "evaluate", trained_net("given"), *SMOKE, "--data", people, "--cache", tmp_path / "cache")
    code, _, printed = remnant(*asked, "--out", out, "--estimate")
    lines = {line.split()[0]: line for line in printed.splitlines()}
    assert code == 0 and not out.exists()
    assert [*lines][:7] == ["output", "parts", "label_only", "verification", "code_inversion", "worth", "blind"]
    assert "is not run: " in lines["code_attributes"] and " min " in lines["together"]
    assert remnant(*asked, "--out", out, "--minutes", 0.01)[0] == 3
    results = AuditResults.read(out / "results.json")
    assert "verification" in {one.name for one in results.scenario.attacks if "left out by --minutes" in one.why}
    assert any("left out by --minutes" in one for one in results.verdict.kept_open)
    assert results.tables["segmentation"] and "adversaries" not in results.tables


@pytest.mark.slow
def test_second_cohorts_and_simulated_visits(remnant, trained_net, people, tmp_path):
    other, out = tmp_path / "other", tmp_path / "run"
    shutil.copytree(people, other)
    asked = ("protect", "evaluate", trained_net("given"), *SMOKE, "--data", people, "--cache", tmp_path / "cache")
    assert remnant(*asked, "--second", other, "--simulate-revisits", "--out", out)[0] == 3
    results = AuditResults.read(out / "results.json")
    assert {(row["cohort"], row["trained"]) for row in results.tables["transfer"]} == {
        ("other", "as_trained"), ("other", "retrained")
    }  # fmt: skip
    assert {row["where"] for row in results.tables["adversaries"]} == {"simulated visits", "real visits"}
    assert any(one.startswith("Two visits of each patient were simulated") for one in results.notices)
    assert {one.where for one in results.findings if one.claim == "pair_scores"} == {"simulated visits", "real visits"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('scenario = "latents"', "audits the scenario codes, and the configuration asks for latents"),
        ("[appetite]\nidentification = 2", "identification"),
        ('[target]\nbuild = "mine"', "target.build of the configuration is for `remnant audit` of a folder"),
    ],
)
def test_a_configuration_that_does_not_serve(refuses, trained_net, people, tmp_path, text, sentence):
    config = tmp_path / "audit.toml"
    config.write_text(text + "\n")
    options = (*SMOKE, "--data", people, "--config", config)
    assert not refuses(sentence, "protect", "evaluate", trained_net("given"), *options).exists()


def test_networks_that_were_not_trained_together(refuses, trained_net, people):
    run, other = trained_net("one", 0), trained_net("two", 1)
    shutil.copy(other / "checkpoints" / SEGMENTER, run / "checkpoints" / SEGMENTER)
    out = refuses("its segmenter was trained with the encoder", "protect", "evaluate", run, *SMOKE, "--data", people)
    assert not out.exists()


@pytest.mark.parametrize("name", ["weights.pt", "empty"])
def test_what_is_no_run_of_a_training(refuses, people, tmp_path, name):
    (tmp_path / "weights.pt").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    said = f"{name} is no run of `remnant protect train`; give the folder that its --out named."
    assert not refuses(said, "protect", "evaluate", tmp_path / name, *SMOKE, "--data", people).exists()


def test_a_run_that_does_not_say_whom_it_was_trained_on(refuses, trained_net, people):
    run = trained_net("purged")
    (run / "private" / "patients.json").unlink()
    out = refuses("does not say who trained", "protect", "evaluate", run, *SMOKE, "--data", people)
    assert not out.exists()


def test_nobody_unseen(refuses, trained_net, altered):
    data = altered(lambda row: row if row["subject_id"] in ("zq0hk", "zq1hk") else None)
    said = "has 0 patients besides those that trained"
    assert not refuses(said, "protect", "evaluate", trained_net("all"), *SMOKE, "--data", data).exists()


@pytest.mark.parametrize(("given", "place"), [(".", "net-evaluation"), ("checkpoints/..", "net-evaluation")])
def test_a_run_that_one_stands_in_is_evaluated_beside_it(remnant, monkeypatch, tmp_path, people, given, place):
    (tmp_path / "net" / "checkpoints").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "net")
    asked = []
    monkeypatch.setattr(
        "remnant.audit.inputs.protected.audit_protected", lambda one, config, out, **how: asked.append(out)
    )
    monkeypatch.setattr("remnant.cli.verdict.told", lambda out, quiet: None)
    assert remnant("protect", "evaluate", given, "--data", people)[0] == 0
    assert asked[0].resolve() == tmp_path / place


def test_nobody_of_the_training(refuses, trained_net, altered):
    data = altered(lambda row: row if row["subject_id"] not in ("zq0hk", "zq1hk") else None)
    said = "has 0 of the 2 patients that trained"
    assert not refuses(said, "protect", "evaluate", trained_net("none"), *SMOKE, "--data", data).exists()


def test_second_cohorts_that_do_not_serve(refuses, trained_net, people, altered):
    asked = ("protect", "evaluate", trained_net("second"), *SMOKE, "--data", people, "--second")
    assert not refuses("is the cohort of --data itself", *asked, people).exists()
    one = altered(lambda row: row if row["subject_id"] == "zq0hk" else None)
    assert not refuses("has 1 patient; a segmenter is retrained", *asked, one).exists()


def test_names_of_the_training_are_held_against_its_scans(trained_net, people, altered, write_cohort, tmp_path):
    run = Run.open(trained_net("scans"))
    require_unchanged(run, {"data": read_cohort(people)}, quiet=True)
    assert training_patients_of(run, read_cohort(people), simulated=False).doubts == ()
    # Somebody else, of the same name; a network that kept nothing doubts nobody.
    files = people / "files"
    others = write_cohort(tmp_path / "others", patients=4, sessions=2)
    for one in others.glob("files/zq0hk*"):
        shutil.copy(files / one.name.replace("zq0hk", "zq3hk"), one)
    (doubt,) = training_patients_of(run, read_cohort(others), simulated=False).doubts
    assert doubt.startswith("Of 1 patient who by name trained the networks no scan is one")
    assert training_patients_of(Run.open(trained_net("blank")), read_cohort(others), simulated=False).doubts == ()
    # One of the training, called otherwise, among those who are attacked as unseen.
    row = {"subject_id": "new", "session_id": "v0"}
    renamed = altered(lambda own: own | row if own["image"] == "files/zq0hk_1.nii.gz" else own)
    with pytest.raises(RemnantError, match=r"scans that .* was trained on, of 1 patient called otherwise"):
        training_patients_of(run, read_cohort(renamed), simulated=False)


def test_another_contrast_is_told_and_not_segmented(refuses, trained_net, altered):
    data = altered(lambda row: row)
    inverted(data / "files" / "zq3hk_1.nii.gz")
    out = refuses("zq3hk_1.nii.gz does not look like", "protect", "evaluate", trained_net("t1"), *SMOKE, "--data", data)
    assert not out.exists()


def inverted(path: Path) -> None:
    """The scan in another contrast: dark where it was bright."""
    image = nib.load(path)
    data = np.asanyarray(image.dataobj).astype(np.float32)
    nib.save(nib.Nifti1Image(np.where(data > 0, data.max() + 1 - data, 0).astype(np.float32), image.affine), path)
