"""Every attack on every defence, of several networks: a row each, p for all of them together, and the same on a cluster which
loses a node."""

from pathlib import Path

import pytest
from tests.audit.test_mitigation import AUDITED, BIGGER, CONFIG, HEART, SETTINGS, cohort
from tests.audit.trainings import node_lost, written

from remnant.audit.cells import blind, planted_leak
from remnant.audit.matrix.matrix_file import MatrixFile
from remnant.audit.matrix.matrix_results import conclude_matrix
from remnant.audit.matrix.matrix_tables import matrix_rows, strongest
from remnant.audit.mitigation.attempts import strengths_of
from remnant.audit.mitigation.inquiry import mitigate
from remnant.audit.mitigation.trade import judged_together
from remnant.audit.run.results import Clock, machine
from remnant.base.errors import RemnantError
from remnant.base.files import write_json
from remnant.base.results import Results
from remnant.defenses.registry import all_defenses
from remnant.measure.multiplicity import holm
from remnant.report.page import make_report
from remnant.report.publish import publish

ROOT = Path(__file__).parents[2]
MANUAL = ROOT / "docs" / "defences.md"
BOTH = ["dropout+augmentation", "distillation"]


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A mitigation of a network that nobody audited before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blind, "blind_cell", lambda run, **_: {"controls": []})
        patch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})
        return mitigate(None, cohort(), CONFIG, tmp_path_factory.mktemp("one") / "run", asked=BOTH, quiet=True)


@pytest.fixture(scope="module")
def whole(one):
    """The same network twice, of which the second is of no use under the last defence."""
    trade = one.tables["mitigation"]
    useless = [
        *trade[:-1],
        trade[-1] | {"withheld": "balanced accuracy 0.60 is below 0.7", "shown": "withheld", "p": None},
    ]
    under = [row for row in one.tables["under_defences"] if row["run"] != trade[-1]["words"]]
    changed = {**one.tables, "mitigation": useless, "under_defences": under}
    second = one.model_copy(update={"tables": changed})
    found = {"resnet18": one, "vit": second}
    return conclude_matrix("Ours", found, dict.fromkeys(found, "alike"), {}, machine(Clock(), "remnant matrix m.toml"))


def test_each_network_and_defence_has_its_rows(one, whole):
    tables = whole.tables
    trained = [("none", "no defence"), ("dropout+augmentation", "dropout with augmentation")]
    trained.append(("distillation", "distillation on public images"))
    expected = [(target, *names) for target in ("resnet18", "vit") for names in trained]
    for name in ("mitigation", "utility", "cost"):
        assert [(row["target"], row["defence"], row["words"]) for row in tables[name]] == expected
    assert [row["utility"] for row in tables["utility"]][:3] == [row["utility"] for row in one.tables["mitigation"]]
    assert all(row["whole_seconds"] >= row["seconds"] > 0 for row in tables["cost"])
    assert (whole.patients, whole.scans) == (AUDITED, AUDITED)
    assert whole.cpu_seconds == pytest.approx(sum(row["cpu_seconds"] for row in tables["cost"]), abs=0.1)


def test_the_strongest_attack_of_each_kind_stands_in_the_matrix(one, whole):
    rows = {(row["target"], row["defence"], row["claim"]): row for row in whole.tables["matrix"]}
    assert {claim for _, _, claim in rows} == {"membership"} and len(rows) == 6
    for trade in one.tables["mitigation"]:
        row = rows["resnet18", trade["defence"], "membership"]
        assert (row["value"], row["low"], row["high"]) == (trade["value"], trade["low"], trade["high"])
        assert row["statistic"] == "AUC" and row["attacks"] > 1 and row["outcome"] != "withheld"
    silent = rows["vit", "distillation", "membership"]
    assert silent["value"] is None and silent["attacks"] == 0 and silent["outcome"] == "withheld"


def test_p_is_for_all_networks_together(one, whole):
    alone, all_of_them = one.tables["mitigation"], whole.tables["mitigation"]
    told = [row["p"] for row in all_of_them if row["p"] is not None]
    assert len(told) == 3 and alone[1]["p"] == all_of_them[1]["p"]
    assert [row["holm_p"] for row in all_of_them if row["p"] is not None] == pytest.approx(holm(told))
    row = dict(alone[2]) | {"p": 0.03, "p_bound": False, "holm_p": 0.03, "shown": "lower"}
    row |= {"patients": 80, "lowered_low": -0.2, "lowered_high": -0.1}
    assert [one["shown"] for one in judged_together([row])] == ["lower"]
    assert [one["shown"] for one in judged_together([row, row])] == ["not shown"] * 2


def test_it_says_a_sentence_a_defence_and_network(whole):
    said = whole.findings
    assert said[0].startswith("resnet18, without a defence the attack named before the run has an AUC of ")
    assert said[2].startswith("Dropout with augmentation on resnet18: ")
    assert said[3].startswith("Dropout with augmentation on vit: ")
    assert said[5] == (
        "Distillation on public images on vit: withheld, since balanced accuracy 0.60 is below 0.7; a network that learned "
        "little leaks little."
    )
    assert len(said) == 6 and whole.headline.startswith("Of 4 trainings under a defence, ")


def test_the_page_has_a_panel_a_network_and_what_may_leave_names_nobody(whole, tmp_path):
    (tmp_path / "run").mkdir()
    write_json(tmp_path / "run" / "run.json", {"format": 1, "study": "matrix", "version": "0"})
    whole.write(tmp_path / "run" / "results.json")
    page = make_report(tmp_path / "run").read_text("utf-8")
    assert "Every kind of attack on every defence" in page and page.count("<figure") == 1
    publish(tmp_path / "run", tmp_path / "out", 10)
    assert len(Results.read(tmp_path / "out" / "results.json").tables["matrix"]) == 6


def found(claim, statistic, value, attack="output", target="a", run="no defence"):
    row = dict.fromkeys(("view", "where", "n", "low", "high", "adjusted_p"))
    row |= {"target": target, "run": run, "claim": claim, "statistic": statistic, "value": value, "attack": attack}
    return row | {"outcome": "exposed"}


def test_a_kind_of_attack_is_in_the_matrix_where_any_training_of_the_network_has_it():
    pairs = [
        found("linkage of images", "AUC of same patient or not", 0.6),
        found("linkage of images", "share of reconstructions identified (rank 1)", 0.9),
    ]
    assert strongest(pairs) is pairs[0] and strongest([]) is None
    more = [found("membership", "AUC", 0.7), found("membership", "AUC", 0.8, "gradient"), *pairs]
    trades = [
        {"target": target, "defence": defence, "words": words, "patients": 80, "withheld": withheld}
        for target, defence, words, withheld in (
            ("a", "none", "no defence", ""),
            ("a", "dropout", "dropout", ""),
            ("b", "none", "no defence", "balanced accuracy 0.60 is below 0.7"),
        )
    ]
    rows = matrix_rows(trades, more)
    assert [
        (row["defence"], row["claim"], row["attack"], row["value"], row["attacks"], row["outcome"]) for row in rows
    ] == [
        ("none", "membership", "gradient", 0.8, 2, "exposed"),
        ("none", "linkage of images", "output", 0.6, 1, "exposed"),
        ("dropout", "membership", None, None, 0, "not run"),
        ("dropout", "linkage of images", None, None, 0, "not run"),
        # A network of no use has no finding at all, and is there all the same.
        ("none", "membership", None, None, 0, "withheld"),
    ]


# The file.

MATRIX = """
title = "Two of one kind"
defences = ["dropout", "dropout+augmentation"]
strengths.dropout.rate = 0.4

[[targets]]
name = "first"
folder = "first"

[[targets]]
name = "second"
folder = "second"
defences = ["dropout"]
"""


def written_matrix(path, text=MATRIX, train=HEART, names=("first", "second"), **changed):
    for name in names:
        (path / name).mkdir(parents=True)
        written(path / name, train, SETTINGS, **BIGGER, **changed)
    (path / "matrix.toml").write_text(text)
    return path / "matrix.toml"


def test_folders_lie_beside_the_file_and_may_have_defences_of_their_own(tmp_path):
    read = MatrixFile.read(written_matrix(tmp_path))
    assert [one.folder for one in read.targets] == [tmp_path / "first", tmp_path / "second"]
    assert [read.asked_of(one) for one in read.targets] == [["dropout", "dropout+augmentation"], ["dropout"]]
    assert read.targets[0].audited.shadows.count == 4 and read.strengths == {"dropout": {"rate": 0.4}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (MATRIX.replace('"second"', '"first"'), r"targets: must have names of their own; 'first' is there twice"),
        ('title = "none"\n', r"matrix\.toml does not fit: targets is missing"),
        ("targets = []\n", r"targets must have at least 1 values"),
        (
            MATRIX.replace('folder = "second"', 'folder = "third"'),
            r"Of 'second' in .*matrix\.toml .*third has no audit\.toml; give",
        ),
        (
            f'{MATRIX}config = "latents.toml"\n',
            r"Of 'second' in .*matrix\.toml .*latents\.toml is not there; give a folder",
        ),
        (MATRIX.replace('name = "first"', 'name = "../first"'), r"targets\.0\.name"),
        (MATRIX.replace("defences = [", "defence = [", 1), r"defence is no setting here; .*defences"),
    ],
)
def test_a_file_that_does_not_fit_is_told(text, said, tmp_path):
    with pytest.raises(RemnantError, match=said):
        MatrixFile.read(written_matrix(tmp_path, text))


def test_one_folder_may_be_audited_in_several_ways(tmp_path):
    text = MATRIX.replace('folder = "second"', 'folder = "first"\nconfig = "outputs.toml"')
    path = written_matrix(tmp_path, text)
    (tmp_path / "outputs.toml").write_text('scenario = "outputs"\nminutes = 3\n')
    first, second = MatrixFile.read(path).targets
    assert first.folder == second.folder and second.config == tmp_path / "outputs.toml"
    assert [one.audited.scenario for one in (first, second)] == ["checkpoint", "outputs"]
    assert second.audited.minutes is None and second.audited.shadows.count == 8


def test_the_file_of_the_manual_and_that_of_the_radiographs_are_read(tmp_path):
    text = MANUAL.read_text("utf-8").partition("### Of several networks")[2].partition("```toml\n")[2]
    path = written_matrix(tmp_path, text.partition("```")[0], names=("resnet18", "unet"))
    read = MatrixFile.read(path)
    assert [read.asked_of(one) for one in read.targets] == [
        ["dropout", "dp_sgd", "dp_sgd+augmentation"],
        ["distillation"],
    ]
    for one in (read, MatrixFile.read(ROOT / "configs" / "matrix.toml")):
        assert strengths_of(one.strengths).dp_sgd.epsilon == 8
        assert {part for names in one.defences for part in names.split("+")} <= all_defenses().keys()


def test_a_folder_that_lacks_something_is_told_before_anything_is_trained(tmp_path):
    path = written_matrix(tmp_path)
    (tmp_path / "second" / "target.py").write_text("def build():\n    pass\n")
    with pytest.raises(RemnantError, match=r"target\.py has no function data"):
        MatrixFile.read(path)


# All of it.

SAME = ("matrix", "utility", "under_defences", "not_tried")


def said_of(run):
    """What a matrix says, but for how long it took."""
    results = Results.read(run / "results.json")
    spent = {"seconds", "whole_seconds", "cpu_seconds", "times"}
    trades = [{name: value for name, value in row.items() if name not in spent} for row in results.tables["mitigation"]]
    return {name: results.tables[name] for name in SAME} | {"mitigation": trades}, results


@pytest.mark.slow
def test_a_cluster_that_loses_a_node_makes_the_matrix_that_one_process_makes(remnant, tmp_path, monkeypatch, cluster):
    path = written_matrix(
        tmp_path, train=HEART.replace("optimiser = ", "import time; time.sleep(0.3)\n    optimiser = ")
    )
    monkeypatch.chdir(tmp_path)
    code, errors, told = remnant("matrix", path, "--estimate", "--workers", 1)
    assert code == 0 and len(told.splitlines()) == 6 and "second: dropout" in told, errors
    assert not (tmp_path / "runs").exists()
    code, errors, page = remnant("matrix", path, "--workers", 1, "--out", "one")
    assert code == 0 and page == "one/report.html", errors
    tables, results = said_of(tmp_path / "one")
    assert len(tables["mitigation"]) == 5 and results.settings["targets"] == ["first", "second"]
    assert {row["claim"] for row in tables["matrix"]} == {"membership"}
    assert {row["value"] is None for row in tables["matrix"]} == {False}

    # While an attempt is at work on it.
    with node_lost(cluster, tmp_path / "many" / "audits", "*/cells/defence-*.json") as begun:
        code, errors, _ = remnant("matrix", path, "--cluster", cluster[0].address, "--out", "many", "--quiet")
    assert code == 0 and begun and begun[0] < 5, "\n".join(errors)
    assert said_of(tmp_path / "many")[0] == tables

    # More networks and more defences are taken on, and nothing is trained twice.
    path.write_text(MATRIX.replace('defences = ["dropout"]', 'defences = ["dropout", "distillation"]'))
    assert remnant("matrix", path, "--workers", 1, "--out", "one", "--quiet")[0] == 2
    cells = {cell: cell.stat().st_mtime_ns for cell in (tmp_path / "one").rglob("cells/*.json")}
    assert remnant("matrix", path, "--workers", 1, "--out", "one", "--resume", "--quiet")[0] == 0
    assert len(said_of(tmp_path / "one")[0]["mitigation"]) == 6
    assert {cell: cell.stat().st_mtime_ns for cell in cells} == cells
