"""Defences tried on an owner's training: what each stops is shown by patient, what it costs stands beside, and of a network that
learned too little nothing is said."""

import copy
import importlib.util
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from tests.audit.example import Classifier
from tests.audit.trainings import written
from torch import nn
from torch.nn import functional

from remnant.audit.cells import blind, planted_leak
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material, roles_of
from remnant.audit.materials.tried import tried_of
from remnant.audit.mitigation.attempt_cells import audit_of, defended, kept_utility
from remnant.audit.mitigation.attempts import Attempt, attempts_of, strengths_of
from remnant.audit.mitigation.inquiry import folder_of, mitigate
from remnant.audit.mitigation.trade import said
from remnant.audit.mitigation.utility import Utility, utility_of
from remnant.audit.owner.training import Training
from remnant.audit.run import conduct as conducting
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.audit.several.finished import read_finished
from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.findings import AuditResults
from remnant.base.purge import purge
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.report.page import make_report
from remnant.report.publish import publish
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.standard import standard_training

CONFIG = AuditConfig.checked(shadows={"count": 0}, target={"planted_steps": 0})
AUDITED, PATIENTS = 80, 280
HEAD = OutputHead("classification", "softmax", 2, False)


def images_of(signal):
    """Noise, and in half of the images a pattern of this strength: what can be learned, and what only by heart."""
    draw = torch.Generator().manual_seed(5)

    def smooth():
        # What an attack sees through shifts of an image, too.
        return functional.interpolate(torch.randn(1, 1, 8, 8, generator=draw), 16, mode="bilinear")[0]

    pattern, labels = smooth(), tuple(i % 2 for i in range(PATIENTS))
    images = tuple(smooth() + signal * label * pattern for label in labels)
    return Images(images, labels, tuple(f"p{i}" for i in range(PATIENTS)))


def by_heart(model, items, seed):
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    images = torch.stack([item["image"] for item in items])
    truth = torch.tensor([item["label"] for item in items])
    for _ in range(60):
        optimiser.zero_grad()
        functional.cross_entropy(model(images), truth).backward()
        optimiser.step()


class Normed(nn.Module):
    """(n, 1, 16, 16) to (n, 2) logits, with a BatchNorm."""

    def __init__(self):
        super().__init__()
        self.features, self.norm, self.head = nn.Linear(256, 64), nn.BatchNorm1d(64), nn.Linear(64, 2)

    def forward(self, images):
        return self.head(functional.relu(self.norm(self.features(images.flatten(1)))))


def cohort(signal=0.8, train=by_heart, kind=Classifier):
    images = images_of(signal)
    # The last of them are the attacker's.
    members = tuple(None if i >= AUDITED else i % 4 < 2 for i in range(PATIENTS))
    items = [
        {"image": image, "label": label, "patient": patient}
        for image, label, patient in zip(images.images, images.labels, images.patients, strict=True)
    ]

    def fresh(seeds):
        torch.manual_seed(seeds.integer)
        return kind()

    roles = roles_of(images.patients, members)
    training = Training(train, fresh, items, images.patients, None, "code")
    bare = Material(Audited(kind().eval(), HEAD), images, roles, {"name": "Tiny"}, training=training)
    return replace(bare, target=training(bare.target, images, set(bare.group(MEMBER)), Seeds(3)))


@pytest.fixture(scope="module", autouse=True)
def bare():
    with pytest.MonkeyPatch.context() as patch:
        # Controls take the most of an audit's time, and no comparison reads them.
        patch.setattr(blind, "blind_cell", lambda run, **_: {"controls": []})
        patch.setattr(planted_leak, "planted_cell", lambda run, **_: {"controls": []})
        yield


def audited(material, path, config=CONFIG):
    conduct(material, config, path, Clock(), given={}, command="", resume=False, quiet=True)
    return path


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """An audit of a training, and the run in which defences were tried on it: audit, run, results, the material."""
    folder = tmp_path_factory.mktemp("mitigated")
    material = cohort()
    audit = audited(material, folder / "own-audit")
    asked = ["dropout", "augmentation", "distillation"]
    results = mitigate(audit, material, CONFIG, folder / "run", asked=asked, command="remnant mitigate", quiet=True)
    return audit, folder / "run", results, material


def test_each_defence_is_a_row_beside_the_training_without(tried):
    rows = tried[2].tables["mitigation"]
    assert [row["defence"] for row in rows] == ["none", "dropout", "augmentation", "distillation"]
    assert rows[0]["shown"] is None and rows[0]["times"] == 1.0 and rows[0]["change"] == 0.0
    assert {row["members"] for row in rows} == {40} and {row["measure"] for row in rows} == {"balanced accuracy"}
    assert rows[0]["utility"] >= 0.7 and rows[0]["membership"] > 0.65 and not rows[0]["withheld"]


def test_the_numbers_are_those_of_the_audits_of_each(tried):
    _, out, results, _ = tried
    for row in results.tables["mitigation"]:
        audit = read_finished(audit_of(Run(out), row["defence"]))
        strongest = max(one.value for one in audit.results.findings if one.statistic == "auc")
        worth = kept_utility(Run(out), row["defence"])
        assert row["utility"] == worth.value == pytest.approx(np.mean(list(worth.by_patient.values())))
        if row["withheld"]:
            assert row["value"] is row["membership"] is row["difference"] is None and row["shown"] == "withheld"
        else:
            assert row["value"] == strongest >= row["membership"]


def test_a_student_of_public_images_leaks_less_and_is_said_to(tried):
    results = tried[2]
    rows = {row["defence"]: row for row in results.tables["mitigation"]}
    assert {name: row["shown"] for name, row in rows.items() if row["shown"]} == {
        "dropout": "not shown",
        "augmentation": "lower",
        "distillation": "lower",
    }
    assert rows["distillation"]["lowered_high"] < 0 <= rows["dropout"]["lowered_high"]
    assert rows["distillation"]["difference"] == pytest.approx(
        rows["distillation"]["membership"] - rows["none"]["membership"], abs=1e-6
    )
    assert rows["none"]["exposed"] == rows["dropout"]["exposed"] == "membership"
    (sentence,) = (one for one in results.findings if one.startswith("Distillation on public images: "))
    assert "it changes the AUC of output by −0." in sentence and "membership still exposed" in sentence
    assert results.findings[0].startswith("Without a defence the attack named before the run has an AUC of 0.")
    assert results.headline == "Of 3 defences, 2 lower what output tells of members; of 1 no effect was shown."


def test_page_and_what_may_leave_are_made_of_it_and_name_nobody(tried, tmp_path):
    out = tried[1]
    page = make_report(out).read_text("utf-8")
    assert "What each defence stops and costs" in page and "<figure" in page
    told = Results.read(out / "results.json")
    assert (told.patients, told.scans) == (AUDITED, AUDITED) and not {"data", "weights"} & told.settings.keys()
    assert {"data", "weights"} <= read_json(out / "config.json").keys()
    assert not [i for i in range(PATIENTS) if f">p{i}<" in page or f'"p{i}"' in (out / "results.json").read_text()]
    for cell in (10, 1):
        publish(out, tmp_path / f"{cell}", cell)
        assert len(Results.read(tmp_path / f"{cell}" / "results.json").tables["mitigation"]) == 4
    # A balanced accuracy that comes to fewer than ten patients takes the figure along.
    assert [(tmp_path / name / "figures" / "trade.svg").is_file() for name in ("10", "1")] == [False, True]


def test_a_run_goes_on_and_takes_more_defences(tried, tmp_path, monkeypatch):
    audit, _, _, material = tried
    calls = []

    def counted(model, items, seed):
        calls.append(len(items))
        by_heart(model, items, seed)

    noted = replace(material, training=replace(material.training, train=counted))
    how = {"command": "", "quiet": True}
    mitigate(audit, noted, CONFIG, tmp_path / "run", asked=["dropout"], **how)
    assert calls == [40, 40]
    with pytest.raises(RemnantError, match="add --resume"):
        mitigate(audit, noted, CONFIG, tmp_path / "run", asked=["dropout"], **how)
    found = mitigate(audit, noted, CONFIG, tmp_path / "run", asked=["dropout", "augmentation"], resume=True, **how)
    assert calls == [40, 40, 160] and len(found.tables["mitigation"]) == 3


def test_an_audit_goes_on_with_the_network_that_it_was_begun_on(tried, tmp_path, monkeypatch):
    """Though a training that draws by a generator of its own makes another."""
    material = tried[3]
    drawing, began = torch.Generator(), []
    drawing.seed()

    def another(model, items, seed):
        noise = [0.1 * torch.randn(item["image"].shape, generator=drawing) for item in items]
        by_heart(model, [{**item, "image": item["image"] + one} for item, one in zip(items, noise, strict=True)], seed)

    def killed(run, material, *_, **__):
        began.append(material.target.module.head.weight.clone())
        raise KeyboardInterrupt

    noted = replace(material, training=replace(material.training, train=another))
    how = {"asked": ["dropout"], "quiet": True}
    with monkeypatch.context() as patch:
        patch.setattr(conducting, "go_on", killed)
        with pytest.raises(KeyboardInterrupt):
            mitigate(None, noted, CONFIG, tmp_path / "run", **how)
    (kept,) = (tmp_path / "run" / "private" / "networks").iterdir()
    assert torch.equal(torch.load(kept)["network"]["head.weight"], began[0])
    results = mitigate(None, noted, CONFIG, tmp_path / "run", resume=True, **how)
    assert [row["defence"] for row in results.tables["mitigation"]] == ["none", "dropout"]
    assert not list((tmp_path / "run" / "private" / "networks").iterdir())


def test_purge_takes_the_audits_along(tried, tmp_path):
    audit, _, _, material = tried
    mitigate(audit, material, CONFIG, tmp_path / "run", asked=["dropout"], quiet=True)
    assert list((tmp_path / "run" / "audits" / "none" / "private").rglob("*.npz"))
    with Run.open(tmp_path / "run") as held:
        assert purge(held) > 6
    assert not [path for path in (tmp_path / "run").rglob("private")]
    assert (tmp_path / "run" / "audits" / "none" / "results.json").is_file()


def test_a_network_that_learned_nothing_defends_nobody(tmp_path):
    material = cohort(signal=0.0)
    audit = audited(material, tmp_path / "audit")
    results = mitigate(audit, material, CONFIG, tmp_path / "run", asked=["dropout"], quiet=True)
    rows = results.tables["mitigation"]
    assert all(row["withheld"] and row["value"] is None for row in rows)
    assert "is below 0.7, so that there is nothing useful to defend" in results.no_conclusion[0]
    assert results.findings[1].startswith("Dropout: withheld, since balanced accuracy ")
    assert results.tables["under_defences"] == []
    make_report(tmp_path / "run")


# What goes around a training.


def around(name, material):
    ((attempt, why),) = attempts_of(material, CONFIG, [name])
    assert not why
    return defended(material, attempt, 0)[0]


def test_dropout_goes_into_the_head_and_leaves_the_names(tried):
    material, hooks, modes = tried[3], [], []

    def watched(model, items, seed):
        hooks.append(len(model.head._forward_pre_hooks))
        out = [model(items[0]["image"][None]) for _ in range(2)]
        modes.append(torch.equal(*out))
        by_heart(model, items, seed)

    found = around("dropout", replace(material, training=replace(material.training, train=watched)))
    assert hooks == [1] and modes == [False] and not found.target.module.head._forward_pre_hooks
    assert found.target.module.state_dict().keys() == material.target.module.state_dict().keys()
    assert found.defenses == ("dropout",) and found.model["name"] == "Tiny, dropout"


@pytest.mark.parametrize("as_given", [lambda image: image, lambda image: image.numpy().astype(np.float16)])
def test_augmentation_gives_changed_copies_of_the_members_alone(tried, as_given):
    material, given = tried[3], []
    items = [{**item, "image": as_given(item["image"] + 7)} for item in material.training.items]

    def watched(model, items, seed):
        given.extend(items)
        by_heart(model, [{**item, "image": torch.as_tensor(item["image"]).float()} for item in items], seed)

    around("augmentation", replace(material, training=replace(material.training, train=watched, items=items)))
    members = {item["patient"]: item["image"] for item in items if material.roles[item["patient"]] == 1}
    assert len(given) == 4 * 40 and {item["patient"] for item in given} == {*members}
    for item in given:
        own, found = members[item["patient"]], item["image"]
        assert type(found) is type(own) and found.dtype == own.dtype and found.shape == own.shape
        assert not np.array_equal(found, own) and own.min() <= found.min() and found.max() <= own.max()


def test_a_defence_of_the_finished_network_changes_what_the_training_leaves(tmp_path):
    material = cohort(kind=Normed)
    plain, _ = defended(material, Attempt(), 0)
    folded = around("folded_statistics", material)
    image = material.images.images[0][None]
    assert not [name for name in folded.target.module.state_dict() if "running" in name]
    torch.testing.assert_close(folded.target.module(image), plain.target.module(image), rtol=1e-4, atol=1e-5)
    again, _ = defended(material, Attempt(), 0)
    assert torch.equal(again.target.module.head.weight, plain.target.module.head.weight)


def test_shadow_models_are_trained_under_the_defence(tried):
    """The attacker knows of it: a half that trains with dropout has the hook, too."""
    material, hooks = tried[3], []

    def watched(model, items, seed):
        hooks.append(len(model.head._forward_pre_hooks))
        by_heart(model, items, seed)

    found = around("dropout", replace(material, training=replace(material.training, train=watched)))
    found.training(found.target, found.candidates, {"p0", "p1"}, Seeds(1))
    assert hooks == [1, 1]


def test_several_defences_are_put_around_one_training(tried):
    material, given, hooks = tried[3], [], []

    def watched(model, items, seed):
        given.append(len(items))
        hooks.append(len(model.head._forward_pre_hooks))
        by_heart(model, items, seed)

    noted = replace(material, training=replace(material.training, train=watched))
    # In whatever order they are asked for, it is one attempt.
    asked = ["distillation+augmentation+dropout", "dropout+augmentation+distillation"]
    ((attempt, why),) = attempts_of(noted, CONFIG, asked)
    assert attempt.name == "dropout+augmentation+distillation" and not why
    assert attempt.words == "dropout with augmentation and distillation on public images"
    found, _ = defended(noted, attempt, 0)
    assert given == [160] and hooks == [1] and found.defenses == ("dropout", "augmentation", "distillation")
    assert found.model["name"] == "Tiny, dropout with augmentation and distillation on public images"


def test_an_attempt_passes_between_processes(tried):
    strong = strengths_of({"dropout": {"rate": 0.25}})
    ((attempt, _),) = attempts_of(tried[3], CONFIG, ["dropout+augmentation"], strengths=strong)
    found = pickle.loads(pickle.dumps(attempt))
    assert found == attempt and found.parts[0][1].rate == 0.25 and found.defenses == ("dropout", "augmentation")
    assert pickle.loads(pickle.dumps(Attempt())).name == "none"


def test_together_with_noise_nothing_is_taken_off_batch_norm(tmp_path):
    """Which a private training has replaced before anything could be done to what it leaves."""
    material = cohort(train=standard_training(epochs=1), kind=Normed)
    with pytest.raises(RemnantError, match=r"stores no statistics of BatchNorm \(folded BatchNorm statistics\)"):
        attempts_of(material, CONFIG, ["folded_statistics+dp_sgd"])
    ((attempt, why),) = attempts_of(material, CONFIG, ["augmentation+weight_decay+dp_sgd"])
    assert attempt.name == "weight_decay+dp_sgd+augmentation" and not why
    assert len(attempt.promises) == 1 and attempt.promises[0].startswith("The guarantee (8, 1e-05)")
    ((attempt, why),) = attempts_of(material, CONFIG, ["weight_decay+folded_statistics"])
    assert attempt.name == "weight_decay+folded_statistics" and not why


WHY = {
    "early_stopping": "train() itself decides when it ends",
    "weight_decay": "train() has an optimiser of its own",
    "label_smoothing": "train() reckons its loss of the labels of data()",
    "mixup": "mixed images need mixed labels",
    "narrow_latents": "Remnant builds no such network of other widths",
    "dp_sgd": "train() takes its own steps",
    "folded_statistics": "the network stores no statistics of BatchNorm",
    "latent_noise": "in the scenario checkpoint nothing is sent that it changes",
    "strip": "it changes the file",
    "privacy_net": "in the scenario checkpoint nothing is sent",
}


def test_what_does_not_go_around_a_training_says_why(tried):
    told = {attempt.name: why for attempt, why in attempts_of(tried[3], CONFIG, [])}
    assert {name: why[: len(WHY[name])] for name, why in told.items() if name in WHY} == WHY
    assert {name for name, why in told.items() if not why} == {"dropout", "augmentation", "distillation"}
    assert all("\n" not in why and not why.endswith(".") and len(why.split()) <= 25 for why in told.values())
    nobody = replace(tried[3], roles={name: role or NON_MEMBER for name, role in tried[3].roles.items()})
    told = {attempt.name: why for attempt, why in attempts_of(nobody, CONFIG, [])}
    assert told["distillation"] == "it needs images that the attacker owns, and data() gives none"


def test_an_audit_knows_what_would_be_tried_on_its_training(tried):
    material = replace(tried[3], elsewhere=lambda: None)
    assert tried_of(material, "checkpoint") == {"dropout", "augmentation", "distillation"}
    # An audit from Python is of nothing that is read again, and one without train() of nothing that is trained again.
    assert tried_of(tried[3], "checkpoint") == set() == tried_of(replace(material, training=None), "checkpoint")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["dp_sgd"], r"The defence 'dp_sgd' does not apply: .*Opacus does that in train\(\)\."),
        (["dropout+mixup"], r"'dropout\+mixup' does not apply: mixed images need mixed labels.* \(mixup\)\."),
        (["dropout+augmentation+dropout"], r"'dropout\+augmentation\+dropout' names a defence twice; name each once"),
        (["dropout+drop"], r"There is no defence 'drop'; `remnant protect --list` names"),
        (["drop", "out"], r"There is no defence 'drop' and 'out'; `remnant protect --list` names all of them\."),
    ],
)
def test_a_defence_that_was_named_and_does_not_apply_is_told(tried, asked, said):
    with pytest.raises(RemnantError, match=said):
        attempts_of(tried[3], CONFIG, asked)


def test_without_a_training_there_is_nothing_to_defend(tried):
    with pytest.raises(RemnantError, match=r"^target\.py has no train\(\), and a defence is tried on"):
        attempts_of(replace(tried[3], training=None), CONFIG, [])


def test_a_folder_that_gives_something_else_now_is_told(tried, tmp_path):
    audit, _, _, material = tried
    images = replace(material.images, images=tuple(image + 1 for image in material.images.images))
    with pytest.raises(RemnantError, match=r"^The folder gives other data than when .*own-audit was made; undo"):
        mitigate(audit, replace(material, images=images), CONFIG, tmp_path / "run", quiet=True)
    with pytest.raises(RemnantError, match=r"is no finished audit of a folder with target\.py"):
        folder_of(audit)
    other = tmp_path / "audit"
    other.mkdir()
    for name in ("run.json", "results.json", "config.json"):
        write_json(other / name, read_json(audit / name))
    write_json(other / "config.json", read_json(audit / "config.json") | {"folder": str(tmp_path / "gone")})
    with pytest.raises(RemnantError, match=r"The folder .*gone that .*audit is of is gone; bring it back"):
        folder_of(other)
    write_json(other / "config.json", read_json(audit / "config.json") | {"folder": str(tmp_path), "minutes": 3})
    folder, config = folder_of(other)
    assert folder == tmp_path and config == CONFIG and config.minutes is None


def test_the_command_refuses_an_audit_of_no_folder(tried, remnant):
    code, errors, printed = remnant("mitigate", tried[0])
    assert code == 2 and printed == "" and "is no finished audit of a folder with target.py" in errors[-1]


HEART = """
def train(model, items, seed):
    torch.manual_seed(seed)
    images = torch.stack([item["image"] if isinstance(item, dict) else item.image for item in items])
    labels = torch.tensor([item["label"] for item in items])
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(20):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimiser.step()
"""
# More patients, and of each class another brightness: what can be learned beside what is known by heart.
BIGGER = {
    "range(14)": "range(60)",
    "None if i > 11 else i < 6": "None if i > 47 else i < 24",
    "        self.label, ": "        self.image += 0.3 * (i % 2) - 0.65\n        self.label, ",
}
SETTINGS = "[target]\nplanted_steps = 40\n[shadows]\ncount = 4\n"


@pytest.mark.slow
def test_the_commands_lead_from_a_folder_to_the_page(remnant, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    written(own, HEART, SETTINGS, **BIGGER)
    monkeypatch.chdir(tmp_path)
    assert remnant("audit", own, "--workers", 1, "--quiet")[0] in (0, 1, 3)
    advised = AuditResults.read(tmp_path / "own-audit" / "results.json").tables["defences"]
    assert {row["name"] for row in advised if row["tried"]} == {"dropout", "augmentation", "distillation"}
    code, errors, told = remnant("mitigate", "own-audit", "--defenses", "dropout,distillation", "--estimate")
    assert code == 0 and [line.split()[0] for line in told.splitlines()] == [
        "none",
        "dropout",
        "distillation",
        "together",
    ]
    assert not (tmp_path / "own-audit-mitigated").exists()
    code, errors, page = remnant("mitigate", "own-audit", "--defenses", "dropout,distillation", "--workers", 1)
    assert code == 0 and page == "own-audit-mitigated/report.html", errors
    rows = Results.read(tmp_path / "own-audit-mitigated" / "results.json").tables["mitigation"]
    assert [row["defence"] for row in rows] == ["none", "dropout", "distillation"]
    assert rows[0]["value"] is not None
    # Two at a time say what one after the other do, but for how long it took.
    many = ("mitigate", "own-audit", "--defenses", "dropout,distillation", "--workers", 2, "--out", "many", "--quiet")
    assert remnant(*many)[0] == 0
    found = Results.read(tmp_path / "many" / "results.json").tables["mitigation"]
    spent = {"seconds", "whole_seconds", "cpu_seconds", "times"}
    assert [{name: row[name] for name in row.keys() - spent} for row in found] == [
        {name: row[name] for name in row.keys() - spent} for row in rows
    ]
    # The training without a defence is an audit as any other.
    code, errors, _ = remnant("compare", "own-audit", "own-audit-mitigated/audits/none")
    assert code == 0, errors
    assert remnant("mitigate", "own-audit", "--defenses", "dropout,distillation", "--resume", "--quiet")[0] == 0
    (own / "target.py").write_text((own / "target.py").read_text().replace("manual_seed(i)", "manual_seed(i + 1)"))
    code, errors, _ = remnant("mitigate", "own-audit", "--out", "other")
    assert code == 2 and "The folder gives other data" in errors[-1]


# What a network is worth.


class Told(nn.Module):
    """Answers what it was told, in the order of the images, whose first value is their place."""

    def __init__(self, answers):
        super().__init__()
        self.answers = torch.as_tensor(answers, dtype=torch.float32)

    def forward(self, images):
        return self.answers[images.flatten(1)[:, 0].long()]


def worth(answers, labels, patients, head=HEAD, shape=(1, 2, 2)):
    images = Images(tuple(torch.full(shape, float(i)) for i in range(len(patients))), tuple(labels), tuple(patients))
    return utility_of(Audited(Told(answers), head), images, Seeds(0))


def test_balanced_accuracy_is_sklearn_s_and_a_patient_counts_once():
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 3, 60)
    logits = np.eye(3)[np.where(draw.random(60) < 0.7, truth, draw.integers(0, 3, 60))]
    head = replace(HEAD, outputs=3)
    found = worth(logits, truth.tolist(), [f"p{i}" for i in range(60)], head)
    assert found.measure == "balanced accuracy"
    assert found.value == pytest.approx(balanced_accuracy_score(truth, logits.argmax(1)))
    assert np.mean(list(found.by_patient.values())) == pytest.approx(found.value)
    assert 0 < found.low < found.value < found.high < 1
    # Of two images of one patient the mean answer counts.
    twice = worth([[3, 0], [0, 1], [0, 1]], [0, 0, 1], ["a", "a", "b"])
    assert twice.value == 1.0 and {*twice.by_patient} == {"a", "b"}


def test_several_outputs_are_averaged_and_what_is_unknown_is_left_out():
    labels = [torch.tensor([1.0, float("nan")]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])]
    head = OutputHead("classification", "sigmoid", 2, False)
    found = worth([[1, 9], [1, 1], [1, 1]], labels, ["a", "b", "c"], head)
    # Output 0: ones right, the zero wrong; output 1: the one right, the zero wrong.
    assert found.value == pytest.approx(0.5) and np.mean(list(found.by_patient.values())) == pytest.approx(0.5)


def test_dice_of_a_patient_is_the_mean_of_his_scans():
    right = torch.tensor([[0, 1], [1, 0]])
    wrong = torch.tensor([[1, 0], [0, 1]])
    head = OutputHead("segmentation", "softmax", 2, False)
    answers = torch.stack([functional.one_hot(right, 2).movedim(-1, 0)] * 3)
    found = worth(answers, [right, wrong, right], ["a", "a", "b"], head)
    assert found.measure == "Dice" and found.by_patient == {"a": 0.5, "b": 1.0} and found.value == 0.75
    maps = [one[None] for one in (right, wrong, right)]
    several = worth(answers[:, 1:] * 2.0 - 1, maps, ["a", "a", "b"], OutputHead("segmentation", "sigmoid", 1, False))
    assert several.by_patient == found.by_patient


def test_the_bar_is_a_number_for_classifiers_and_a_loss_for_segmenters():
    def of(measure, value):
        return Utility(measure, {}, value, value, value)

    plain = of("balanced accuracy", 0.9)
    assert of("balanced accuracy", 0.69).too_low(plain) == "balanced accuracy 0.69 is below 0.7"
    assert of("balanced accuracy", 0.7).too_low(plain) == "" == plain.too_low(plain)
    whole = of("Dice", 0.8)
    assert of("Dice", 0.76).too_low(whole) == "" == of("Dice", 0.9).too_low(whole)
    assert of("Dice", 0.74).too_low(whole) == "Dice 0.74 is 0.06 below that without a defence"


def test_a_sentence_says_what_is_stopped_what_is_not_and_the_cost():
    row = {
        "words": "dropout",
        "withheld": "",
        "shown": "lower",
        "difference": -0.2,
        "lowered_low": -0.3,
        "lowered_high": -0.1,
        "detectable": 0.1,
        "exposed": "membership",
        "gone": "",
        "measure": "Dice",
        "change": -0.01,
        "change_low": None,
        "change_high": None,
        "times": 1.5,
    }
    assert said(row, "output") == (
        "Dropout: it changes the AUC of output by −0.20 [−0.30, −0.10]; membership still exposed; Dice changes by −0.01, and "
        "training takes 1.5 times as long."
    )
    silent = copy.copy(row) | {"shown": "not shown", "exposed": "nothing", "gone": "gradient"}
    assert "no effect on output was shown (−0.20 [−0.30, −0.10], 0.10 would have been seen)" in said(silent, "output")
    assert "nothing comes out exposed, which by itself clears nobody, and gradient no longer applies" in said(
        silent, "output"
    )
    assert "output can no longer be run on it" in said(row | {"shown": None}, "output")
    assert "too few patients to tell what it does to output" in said(row | {"shown": "too few patients"}, "output")


# How strong.


def test_strengths_are_read_of_a_file_and_what_does_not_fit_is_named(tried, tmp_path):
    (tmp_path / "strengths.toml").write_text("[dropout]\nrate = 0.9\n")
    found = strengths_of(tmp_path / "strengths.toml")
    ((attempt, _),) = attempts_of(tried[3], CONFIG, ["dropout"], strengths=found)
    ((plain, _),) = attempts_of(tried[3], CONFIG, ["dropout"])
    assert attempt.parts[0][1].rate == 0.9 and plain.parts[0][1].rate == 0.5
    tables = strengths_of({"dropout": {"rate": 0.9}})
    assert tables == found and strengths_of({}) == strengths_of(None)
    for text, told in (("[dropot]\nrate = 1\n", "dropot"), ("[dropout]\nrate = 2\n", r"dropout\.rate")):
        (tmp_path / "strengths.toml").write_text(text)
        with pytest.raises(RemnantError, match=told):
            strengths_of(tmp_path / "strengths.toml")


def test_latents_of_the_layer_that_was_read_get_the_noise(tried):
    material, latents = tried[3], CONFIG.changed(scenario="latents")
    ((attempt, why),) = attempts_of(material, latents, ["latent_noise"], "features")
    assert not why and attempt.parts[0][1].layer == "features"


@pytest.mark.skipif(not importlib.util.find_spec("opacus"), reason="Opacus, of the extra dp, is not installed")
def test_a_training_of_our_own_is_defended_from_within_and_its_guarantee_is_told(tmp_path):
    material = cohort(train=standard_training(epochs=20, learning_rate=3e-3), kind=Normed)
    audit = audited(material, tmp_path / "audit")
    (tmp_path / "strengths.toml").write_text("[dp_sgd]\nepsilon = 1000\n")
    asked = {"asked": ["mixup", "dp_sgd"], "strengths": strengths_of(tmp_path / "strengths.toml"), "quiet": True}
    results = mitigate(audit, material, CONFIG, tmp_path / "run", **asked)
    assert [row["defence"] for row in results.tables["mitigation"]] == ["none", "mixup", "dp_sgd"]
    assert results.findings[-1].startswith("The guarantee (1000, 1e-05) allows a membership advantage of 1.00")
    assert results.settings["strengths"]["dp_sgd"]["epsilon"] == 1000
    with pytest.raises(RemnantError, match=r"strengths\.dp_sgd\.epsilon: 1000"):
        mitigate(audit, material, CONFIG, tmp_path / "run", asked=["mixup", "dp_sgd"], resume=True, quiet=True)
