"""Finished audits side by side: what one leaks less than another is shown by patient, and what cannot be compared is refused."""

import json
import shutil

import numpy as np
import pytest
from tests.audit.example import Classifier, material

from remnant.audit.cells import blind, planted_leak
from remnant.audit.cells.kept import kept_roles
from remnant.audit.config import AuditConfig
from remnant.audit.inputs.table import audit_scores
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.audit.several.differences import difference_said
from remnant.audit.several.finished import read_finished
from remnant.audit.several.side_by_side import compare_runs
from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.findings import AuditResults
from remnant.base.purge import purge
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.report.page import make_report
from remnant.report.publish import publish

PLAIN = AuditConfig.checked(shadows={"count": 0}, target={"planted_steps": 0})


def audited(path, *, leaks, config=PLAIN, **changed):
    with pytest.MonkeyPatch.context() as patch:
        # Controls take the most of an audit's time, and no comparison reads them.
        patch.setattr(blind, "blind_cell", lambda run, **_: {"controls": []})
        patch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})
        how = {"given": {}, "command": "", "resume": False, "quiet": True}
        return conduct(material(Classifier, leaks=leaks, **changed), config, path, Clock(), **how)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The directories of audits of one network that learned its members by heart, and of one that learned nobody."""
    folder = tmp_path_factory.mktemp("audits")
    for name, leaks in (("overfit", True), ("careful", False)):
        audited(folder / name, leaks=leaks, patients=48)
    return folder / "overfit", folder / "careful"


@pytest.fixture
def copies(runs, tmp_path):
    return [shutil.copytree(run, tmp_path / run.name) for run in runs]


@pytest.fixture(scope="module")
def compared(runs, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "run"
    return out, compare_runs(runs, out, command="remnant compare")


def test_a_model_that_leaks_less_is_shown_to(runs, compared):
    results = compared[1]
    named, *rest = results.tables["differences"]
    assert named["primary"] and not any(row["primary"] for row in rest) and {row["run"] for row in rest} == {"careful"}
    audits = [read_finished(run) for run in runs]
    # Named beforehand, it does not pay for the others.
    assert named["holm_p"] == named["p"] and min(row["holm_p"] / row["p"] for row in rest) >= 1
    assert max(row["holm_p"] / row["p"] for row in rest) > 1 and results.patients == 48
    assert results.threat_model == [audits[0].results.scenario.recipient]
    assert named["shown"] == "lower" and named["high"] < 0 and named["n"] == 48
    assert [named["against"], named["value"]] == [one.primary.value for one in audits]
    assert results.headline.startswith("careful leaks less than overfit: the AUC differs by −")
    assert results.headline in results.findings and results.no_conclusion == []


def test_every_attack_and_view_of_both_is_compared_once(runs, compared):
    audits, rows = [read_finished(run) for run in runs], compared[1].tables["differences"]
    assert {(row["attack"], row["view"]) for row in rows} == audits[0].scored.keys() & audits[1].scored.keys()
    assert len(rows) == len({(row["attack"], row["view"]) for row in rows}) > 3
    found = [one for audit in audits for one in audit.results.findings if one.statistic == "auc"]
    shown = [row for row in compared[1].tables["side_by_side"] if row["statistic"] == "AUC"]
    assert sorted(row["value"] for row in shown) == sorted(one.value for one in found)
    assert [row["run"] for row in shown[:2]] == ["overfit", "careful"]


def test_nothing_that_it_says_names_a_patient_and_it_may_be_published(compared, tmp_path):
    out, _ = compared
    page = make_report(out).read_text("utf-8")
    text = (out / "results.json").read_text("utf-8")
    assert not [name for name in (f"p{i}" for i in range(48)) if f'"{name}"' in text or f">{name}<" in page]
    assert "careful leaks less than overfit" in page and "Differences by patient" in page and "<dt>Preset" not in page
    assert out.stat().st_mode & 0o777 == 0o700
    told = publish(out, tmp_path / "outside")
    assert {path.name for path in told} >= {"results.json", "README.md"}
    assert Results.read(tmp_path / "outside" / "results.json").tables["differences"][0]["shown"] == "lower"


def test_an_audit_against_one_that_is_alike_shows_nothing(runs, tmp_path):
    twin = shutil.copytree(runs[0], tmp_path / "twin")
    results = compare_runs([runs[0], twin], tmp_path / "run")
    rows = results.tables["differences"]
    assert {row["shown"] for row in rows} == {"not shown"} and {row["difference"] for row in rows} == {0.0}
    assert results.headline.startswith("No difference between twin and overfit was shown: 0.00 [0.00, 0.00], by output")


def test_of_several_the_headline_counts(runs, tmp_path):
    twin = shutil.copytree(runs[0], tmp_path / "twin")
    results = compare_runs([*runs, twin], tmp_path / "run")
    assert results.headline.startswith("Of 2 audits held against overfit, 1 leak less and 0 more")
    assert len([one for one in results.findings if " overfit" in one]) == 2


def test_attacks_may_be_named_and_the_rest_is_not_looked_at(runs, tmp_path):
    results = compare_runs(runs, tmp_path / "run", attacks=["gradient"])
    assert {row["attack"] for row in results.tables["differences"]} == {"gradient"}
    assert {row["attack"] for row in results.tables["side_by_side"]} == {"gradient"}
    with pytest.raises(
        RemnantError, match=r"overfit did not run nonsense; name attacks of all audits, such as .*output"
    ):
        compare_runs(runs, tmp_path / "other", attacks=["nonsense"])


def changed(run, **values):
    results = AuditResults.read(run / "results.json")
    results.model_copy(update=values).write(run / "results.json")


def without(results, name):
    kept = [one for one in results.scenario.attacks if one.name != name]
    return results.scenario.model_copy(update={"attacks": kept})


def test_other_attacks_are_refused(copies, tmp_path):
    changed(copies[1], scenario=without(AuditResults.read(copies[1] / "results.json"), "gradient"))
    with pytest.raises(
        RemnantError, match=r"^careful ran other attacks than overfit: gradient in one alone; .*--attacks"
    ):
        compare_runs(copies, tmp_path / "run")
    assert compare_runs(copies, tmp_path / "run", attacks=["output"]).tables["differences"]


def test_other_patients_are_refused(runs, tmp_path):
    audited(tmp_path / "more", leaks=False, patients=50)
    # Of 50 the first 25 are members: one of the others was none before, and two are new.
    with pytest.raises(
        RemnantError, match=r"^more is of other patients than overfit: 3 patients are in one audit alone or"
    ):
        compare_runs([runs[0], tmp_path / "more"], tmp_path / "run")


def test_another_scenario_is_refused(runs, tmp_path):
    audited(tmp_path / "asked", leaks=False, config=PLAIN.changed(scenario="outputs"))
    with pytest.raises(RemnantError, match="overfit is of the scenario checkpoint and asked of outputs"):
        compare_runs([runs[0], tmp_path / "asked"], tmp_path / "run")


def _purged(run):
    with Run.open(run) as held:
        purge(held)


def _unfinished(run):
    (run / "results.json").unlink()


def _of_a_study(run):
    write_json(run / "run.json", read_json(run / "run.json") | {"study": "lee2025"})


def _without_roles(run):
    (run / "private" / "roles.npz").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_purged, r"The patient data of .*careful were purged, .*compare audits before `remnant purge`"),
        (_unfinished, r"The audit .*careful is not finished; go on with it by --resume\.$"),
        (_of_a_study, r"careful is a run of 'lee2025'; give runs of `remnant audit`\.$"),
        (_without_roles, r"careful kept no scores by patient, as one of a table"),
        (lambda run: (run / "run.json").unlink(), r"careful is not a run directory .*give the directory of a finished"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_sentence(copies, tmp_path, spoil, said):
    spoil(copies[1])
    with pytest.raises(RemnantError, match=said):
        compare_runs(copies, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_audit_of_a_table_is_told(runs, tmp_path):
    lines = ["patient,member,score", *(f"p{i},{int(i < 12)},{i}" for i in range(24))]
    (tmp_path / "scores.csv").write_text("\n".join(lines))
    audit_scores(tmp_path / "scores.csv", AuditConfig(scenario="outputs"), tmp_path / "table")
    with pytest.raises(RemnantError, match=r"table kept no scores by patient"):
        compare_runs([runs[0], tmp_path / "table"], tmp_path / "run")


def test_one_alone_and_one_twice_are_refused(runs, tmp_path):
    for paths in (runs[:1], [runs[0], runs[0]], [*runs, runs[1]]):
        with pytest.raises(RemnantError, match="give two or more run directories, each once"):
            compare_runs(paths, tmp_path / "run")


def test_runs_of_one_name_are_told_apart_by_their_paths(runs, tmp_path):
    twin = shutil.copytree(runs[1], tmp_path / "overfit")
    own = shutil.copytree(runs[1], tmp_path / "own")
    compare_runs([runs[0], own], tmp_path / "named")
    # The word is one of tables of reconstructions, too.
    assert "own original" not in make_report(tmp_path / "named").read_text("utf-8")
    results = compare_runs([runs[0], twin], tmp_path / "run")
    assert {row["run"] for row in results.tables["differences"]} == {str(twin)}


def test_roles_stay_in_the_house(runs):
    roles = kept_roles(Run(runs[0]))
    assert len(roles) == 48 and list(roles.values()).count(1) == 24
    assert (runs[0] / "private" / "roles.npz").is_file() and kept_roles(Run(runs[0] / "private")) == {}


def test_few_patients_tell_nothing():
    row = {"run": "b", "attack": "output", "view": "loss", "shown": "too few patients", "detectable": None}
    assert difference_said(row, "a") == "Too few patients to tell whether b leaks less than a, by output, loss."
    row |= {"shown": "higher", "difference": 0.1, "low": 0.05, "high": 0.15}
    assert difference_said(row, "a") == "b leaks more than a: the AUC differs by +0.10 [+0.05, +0.15], by output, loss."
    row |= {"shown": "not shown", "detectable": 0.2, "low": None}
    assert difference_said(row, "a").endswith("shown: +0.10, by output, loss; 0.20 would have been seen.")
    for detectable, end in ((0.004, "loss; 0.004 would have been seen."), (None, "by output, loss.")):
        assert difference_said(row | {"detectable": detectable}, "a").endswith(end)


def test_the_command_says_it_and_where_the_page_is(runs, remnant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, errors, page = remnant("compare", *runs)
    assert code == 0 and page == "overfit-compared/report.html" and "leaks less" in errors[0]
    code, errors, page = remnant("compare", *runs)
    assert code == 2 and "holds a run already" in errors[-1]
    code, errors, page = remnant("compare", *runs, "--resume", "--quiet")
    assert code == 0 and not errors
    code, errors, page = remnant("compare", runs[0], tmp_path / "nothing")
    assert code == 2 and "does not exist" in errors[-1]
    told = json.loads((tmp_path / "overfit-compared" / "results.json").read_text())
    assert told["command"].startswith("remnant compare") and np.isfinite(told["seconds"])
