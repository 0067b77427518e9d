"""The files that an audit begins with: every setting in them, and both run once the marked places are filled in."""

import re
import tomllib

import pytest
import torch

from remnant.audit.config import AuditConfig, config_of
from remnant.audit.inputs.folder import Folder
from remnant.audit.owner.known import known_of
from remnant.audit.owner.starter import Known, settings_text, target_text, write_starter
from remnant.audit.run.model import audit_model
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.targets.known.resnet import resnet_layout

BUILD = """\
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear({channels} * 1024, 2))
"""
DATA = """\
    draw = torch.Generator().manual_seed(0)
    for i in range(24):
        yield {{"image": torch.rand({channels}, 32, 32, generator=draw), "label": i % 2, "patient": f"p{{i}}", "member": i < 12}}
    return
"""


def filled(folder, channels=1):
    """The owner replaces each line that raises by his code, and leaves all else."""
    path = folder / "target.py"
    text, places = re.subn(
        r" +raise NotImplementedError\(\"(\w+)\(\).*\n",
        lambda found: (BUILD if found[1] == "build" else DATA).format(channels=channels),
        path.read_text(),
    )
    path.write_text(text)
    return places


def uncommented(text):
    return re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)


def keys(values, before=()):
    for key, value in values.items():
        yield from keys(value, (*before, key)) if isinstance(value, dict) and value else [(*before, key)]


def test_every_setting_is_there_with_its_default(tmp_path):
    defaults = AuditConfig(scenario="checkpoint")
    (tmp_path / "as-is.toml").write_text(settings_text(tmp_path))
    assert config_of(tmp_path / "as-is.toml", scenario="checkpoint") == defaults
    text = uncommented(settings_text(tmp_path))
    assert {*keys(tomllib.loads(text))} == {*keys(defaults.model_dump())}
    (tmp_path / "all.toml").write_text(text)
    every = config_of(tmp_path / "all.toml", scenario="checkpoint")
    assert every.minutes == 30
    for name in ("seed", "about"):
        assert getattr(every, name) == getattr(defaults, name)
    limits = [one.appetite.limits("checkpoint") for one in (every, defaults)]
    assert [(one.name, one.value, one.asked) for one in limits[0]] == [
        (one.name, one.value, one.asked) for one in limits[1]
    ]
    examples = {"checkpoint", "version_before", "window", "latents"}
    assert every.target.model_dump(exclude=examples) == defaults.target.model_dump(exclude=examples)


@pytest.mark.slow
def test_an_audit_begins_and_says_what_is_still_to_be_done(remnant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, said, printed = remnant("audit", "--init", "own")
    assert code == 0 and printed.splitlines() == ["own/audit.toml", "own/target.py"] and "TODO" in said[-1]
    code, _, printed = remnant("audit", "own", "--check")
    faults = printed.splitlines()
    assert code == 2 and len(faults) == 2
    for line, what in zip(faults, ("build()", "data()"), strict=True):
        place = int(re.search(r"Line (\d+) of own/target.py", line)[1])
        assert f"{what} is still to be written" in line
        assert what in (tmp_path / "own" / "target.py").read_text().splitlines()[place - 1]
    assert filled(tmp_path / "own") == 2
    # Loss and training are examples that run once their # are away.
    path = tmp_path / "own" / "target.py"
    path.write_text(re.sub(r"^# ((?:def loss|def train| ).*)", r"\1", path.read_text(), flags=re.MULTILINE))
    short = path.read_text().replace("range(100)", "range(2)")
    assert short != path.read_text()
    path.write_text(short)
    code, said, printed = remnant("audit", "own", "--quiet")
    assert code == 3 and printed.endswith("own-audit/report.html"), said
    assert "the owner's loss" in (tmp_path / "own-audit" / "results.json").read_text()
    assert "8 networks trained the same way" in (tmp_path / "own-audit" / "results.json").read_text()


def test_nothing_is_overwritten(remnant, tmp_path):
    (tmp_path / "target.py").write_text("mine")
    code, said, _ = remnant("audit", "--init", tmp_path)
    assert code == 2 and "target.py exists already" in said[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["target.py"] and (
        tmp_path / "target.py"
    ).read_text() == "mine"


def resnet(path):
    torch.manual_seed(0)
    layout = resnet_layout("resnet18", 2, 3, 2)
    # Small, as training leaves them, so that answers are finite.
    state = {
        name: torch.tensor(9) if name.endswith("tracked") else torch.rand(shape) * 0.05 + name.endswith("var")
        for name, shape in layout.items()
    }
    torch.save(state, path)
    return path


@pytest.mark.slow
def test_what_a_checkpoint_tells_is_filled_in_and_runs(tmp_path, torchvision):
    folder = tmp_path / "own"
    settings, _ = write_starter(folder, known_of(resnet(tmp_path / "model.pt")))
    assert 'build = "torchvision:resnet18"\n' in settings.read_text()
    assert "arguments = { num_classes = 2 }\n" in settings.read_text()
    assert 'checkpoint = "../model.pt"\n' in settings.read_text() and "3 channels, 2 outputs" in settings.read_text()
    config = config_of(settings, scenario="checkpoint")
    (fault,) = Folder(folder, config).checked()[0]
    assert "data() is still to be written" in fault
    assert filled(folder, channels=3) == 1
    config = config.changed(target=config.target.changed(planted_steps=20))
    material = Folder(folder, config).material()
    with Run.start(tmp_path / "run", "audit", config.resolved(), resume=False) as run:
        parts = audit_model(run, material, config, quiet=True)
    assert {finding.attack for finding in parts["findings"]} >= {"output", "gradient"}
    assert material.model["architecture"] == "torchvision:resnet18"


def test_a_checkpoint_that_no_library_builds_leaves_build_to_its_owner(tmp_path):
    torch.save({"conv.weight": torch.rand(3, 1, 3, 3), "conv.bias": torch.rand(3)}, tmp_path / "a.pt")
    known = known_of(tmp_path / "a.pt")
    assert known.build is None
    assert 'build = "build"' in settings_text(tmp_path, known) and 'checkpoint = "a.pt"' in settings_text(
        tmp_path, known
    )
    assert "a.pt: a network that Remnant does not know" in target_text(known)
    # What is filled in is not asked for again.
    assert "return it; its weights are named in audit.toml." in target_text(known)
    assert "return it, and name the weights in audit.toml" in target_text()


def test_a_name_of_a_file_writes_no_code(tmp_path):
    path = tmp_path / 'a\nraise SystemExit("ran") #".pt'
    torch.save({"conv.weight": torch.rand(3, 1, 3, 3)}, path)
    known = known_of(path)
    compile(target_text(known), "target.py", "exec")
    assert not any(
        line.startswith("raise")
        for text in (target_text(known), settings_text(tmp_path, known))
        for line in text.splitlines()
    )
    assert tomllib.loads(settings_text(tmp_path, known))["target"]["checkpoint"] == path.name


def test_from_belongs_to_init(remnant, tmp_path):
    (tmp_path / "a.pt").write_text("no checkpoint")
    code, said, _ = remnant("audit", tmp_path, "--from", tmp_path / "a.pt")
    assert code == 2 and "belongs to --init" in said[-1]
    code, said, _ = remnant("audit", "--init", tmp_path / "new", "--from", tmp_path / "a.pt")
    assert code == 2 and "a.pt" in said[-1] and not (tmp_path / "new").exists()


def test_the_checkpoint_is_found_from_the_folder(tmp_path):
    assert 'checkpoint = "../model.pt"' in settings_text(tmp_path / "own", Known(tmp_path / "model.pt"))


def test_a_file_is_no_folder(tmp_path):
    with pytest.raises(RemnantError, match="is a file"):
        (tmp_path / "file").touch()
        write_starter(tmp_path / "file")


def test_a_file_is_no_place_for_a_starter(remnant, tmp_path):
    for name, told in (("scores.csv", "is a table, which needs no folder"), ("model.pt", "give a new name for it")):
        (tmp_path / name).write_text("mine")
        code, said, _ = remnant("audit", tmp_path / name, "--init")
        assert code == 2 and told in said[-1] and ("--config" if name == "scores.csv" else "--from") in said[-1]
