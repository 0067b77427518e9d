"""train() of target.py: whatever is wrong with it is one sentence, and what it gives is what is attacked."""

import contextlib
import re

import pytest
import torch
from tests.audit.trainings import written

from remnant.audit.owner.training import TimeUpError, at_most
from remnant.audit.run.model import audit_model
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds

FAULTS = {
    "raises": (
        "def train(model, items, seed):\n    items[99]",
        r"train\(\) raised IndexError at line 18 of .*target\.py \(what it said is in .*train-error\.log\); mend it there",
    ),
    "ends": (
        "def train(model, items, seed):\n    raise SystemExit(3)",
        r"train\(\) ended the process at line 18 of .*\(code 3\)",
    ),
    "lacks a package": (
        "def train(model, items, seed):\n    import no_such_package",
        "needs the package 'no_such_package', which is not installed",
    ),
    "gives a text": ("def train(model, items, seed):\n    return 'done'", r"gives a str; train the model in place"),
    "learns nothing": ("def train(model, items, seed):\n    pass", "left every weight as it was"),
    "diverges": (
        "def train(model, items, seed):\n    model[1].bias.data.fill_(float('nan'))",
        "leaves weights that are not finite",
    ),
    "gives another network": (
        "def train(model, items, seed):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))",
        r"answers with shape \(1, 5\), and the audited one with \(1, 2\)",
    ),
    "gives one of other images": (
        "def train(model, items, seed):\n    return nn.Sequential(nn.Flatten(), nn.Linear(63, 2))",
        r"does not take images of shape \(1, 8, 8\)",
    ),
}
AT_ONCE = {
    "takes too little": ("def train(model):\n    pass", r"train\(\) of .* must take \(model, items, seed\) \(too many"),
    "takes too much": ("def train(model, items, seed, epochs):\n    pass", "missing a required argument: 'epochs'"),
    "is no function": ("train = 3", r"has no function train\(\)"),
}


@pytest.fixture
def folder(tmp_path):
    """`folder(train, toml, **changed)`: as `written` into the folder of the test."""
    return lambda *given, **changed: written(tmp_path, *given, **changed)


def trained(own, patients=("p1", "p2", "p3"), seed=0):
    material = own.material()
    return material, material.training(material.target, material.candidates, {*patients}, Seeds(seed))


@pytest.mark.parametrize("what", FAULTS)
def test_a_training_that(folder, what):
    text, said = FAULTS[what]
    own = folder(text)
    assert own.checked()[0] == []
    with pytest.raises(RemnantError, match=said):
        trained(own)


@pytest.mark.parametrize("what", AT_ONCE)
def test_a_check_says_of_a_training_that(folder, what):
    text, said = AT_ONCE[what]
    with pytest.raises(RemnantError, match=said) as told:
        folder(text).material()
    assert folder(text).checked()[0] == [str(told.value)]


def test_a_network_that_is_built_with_the_audited_weights_cannot_begin_anew(folder, tmp_path):
    torch.save({"1.weight": torch.ones(2, 64), "1.bias": torch.zeros(2)}, tmp_path / "own.pt")
    loads = "    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))\n    net.load_state_dict(torch.load('%s'))\n    return net"
    changed = {"    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))": loads % (tmp_path / "own.pt")}
    said = "cannot begin anew, since the network is built with the audited weights in it"
    with pytest.raises(RemnantError, match=said):
        folder(**changed).material()
    with pytest.raises(RemnantError, match=said):
        folder(toml="[target]\ncheckpoint = 'own.pt'\n", **changed).material()
    # Built without them, it can, and nothing of the checkpoint is in what it begins with.
    own = folder(toml="[target]\ncheckpoint = 'own.pt'\n")
    material, shadow = trained(own)
    assert torch.equal(material.target.module[1].weight, torch.ones(2, 64))
    assert not torch.equal(shadow.module[1].weight, torch.ones(2, 64))


def test_items_are_as_data_gave_them_of_these_patients_without_who_is_a_member(folder):
    keep = """
def train(model, items, seed):
    model.kept = ([sorted(item) for item in items], [item["patient"] for item in items], seed, model.training)
    nn.init.zeros_(model[1].bias)
"""
    _, shadow = trained(folder(keep), ("p2", "p5"))
    fields, patients, seed, training = shadow.module.kept
    assert patients == ["p2", "p5"] and training and 0 <= seed < 2**31
    assert fields == [["image", "label", "patient", "spacing"], ["image", "label", "patient"]]
    assert not shadow.module.training and not any(weight.requires_grad for weight in shadow.module.parameters())


def test_one_seed_is_one_network_and_another_is_another(folder, tmp_path):
    draws = "def train(model, items, seed):\n    model[1].bias.data += torch.rand(2)"
    own = folder(draws)
    first, again, other = (trained(own, seed=seed)[1].module.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)
    # Whatever build sets of its own: what train draws is another training's.
    torch.save({"1.weight": torch.ones(2, 64), "1.bias": torch.zeros(2)}, tmp_path / "own.pt")
    changed = {"def build():\n": "def build():\n    torch.manual_seed(0)\n"}
    fixed = folder(draws, toml="[target]\ncheckpoint = 'own.pt'\n", **changed)
    biases = [trained(fixed, seed=seed)[1].module[1].bias for seed in (0, 1)]
    assert not torch.equal(*biases)


def test_the_attacker_trains_with_nobody_of_his_own(folder, tmp_path):
    note = """
def train(model, items, seed):
    with open(__file__ + ".log", "a") as log:
        log.write(" ".join(item["patient"] for item in items) + "\\n")
    model[1].bias.data += 1
"""
    own = folder(note, toml="[shadows]\ncount = 4\n[target]\nplanted_steps = 0\n")
    with Run.start(tmp_path / "run", "audit", {}, resume=False) as run:
        audit_model(run, own.material(), own.config, quiet=True)
    halves = [line.split() for line in (tmp_path / "target.py.log").read_text().splitlines()]
    # The first is trained once more, which shows whether train() repeats itself.
    assert [len(half) for half in halves] == [6] * 5 and halves[4] == halves[0]
    assert {*halves[0], *halves[1]} == {f"p{i}" for i in range(12)}


def test_without_shadow_models_nothing_is_asked_of_train(folder):
    assert folder("train = 3", toml="[shadows]\ncount = 0\n").material().training is None
    assert folder("").material().training is None


def test_time_is_up_through_what_catches_everything_and_not_where_there_is_time():
    with pytest.raises(TimeUpError), at_most(0.05):
        while True:
            with contextlib.suppress(Exception):
                sum(range(1000))
    with at_most(30), at_most(None):
        pass


@pytest.mark.slow
def test_an_estimate_says_what_shadow_models_take(folder, remnant, tmp_path, monkeypatch):
    folder("def train(model, items, seed):\n    import time\n    time.sleep(0.5)\n    model[1].bias.data += 1")
    monkeypatch.chdir(tmp_path.parent)
    code, said, printed = remnant("audit", tmp_path, "--estimate")
    assert code == 0, said
    line = next(line for line in printed.splitlines() if line.startswith("shadows"))
    said = re.search(r"shadows +(?:< )?([\d.]+) min .*networks that train\(\) makes", line)
    # Eight trainings of half a second; a tenth of a minute is the least that is told.
    assert said and 8 * 0.5 / 60 < float(said[1]) < 0.5, line
    assert any(line.startswith("references ") and " min " in line for line in printed.splitlines())
