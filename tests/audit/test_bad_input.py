"""Whatever is wrong with the owner's folder: one sentence that says what, where and how to mend it, and nothing half-made."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from remnant.audit.api import audit as remnant_audit
from remnant.audit.cells.fits import fit_of
from remnant.audit.config import AuditConfig, config_of
from remnant.audit.inputs.folder import Folder
from remnant.audit.inputs.worker import mendable, work
from remnant.audit.materials.material import digests_of
from remnant.audit.owner.items import table_of
from remnant.audit.owner.process import _heard, in_own_process
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cli.trained import FolderOptions, audit_folds
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.build import OTHER_INDEX, _unloaded
from remnant.targets.head import OutputHead
from remnant.targets.seen import seen_latents
from remnant.targets.seen_features import features_of

BUILD = "nn.Sequential(nn.Flatten(), nn.Linear(64, 2))"
ITEM = '{"image": draw, "label": i % 2, "patient": f"p{i}", "member": i < 6}'
TARGET = """\
import torch
from torch import nn

def build():
    return %s

def data():
    for i in range(12):
        draw = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(i))
        yield %s
"""


@pytest.fixture
def folder(tmp_path):
    """`folder(build, item, toml)`: a folder of a classifier with one thing changed."""

    def write(build=BUILD, item=ITEM, toml="", text=None):
        (tmp_path / "own").mkdir(exist_ok=True)
        (tmp_path / "own" / "audit.toml").write_text(toml)
        (tmp_path / "own" / "target.py").write_text(text or TARGET % (build, item))
        return tmp_path / "own"

    return write


@pytest.fixture
def here(monkeypatch):
    """The owner's code runs in this process, which has PyTorch already: for tests of what is said, not of where it ran."""

    def worked(folder, out, config, **asked):
        order = {"folder": str(folder), "out": str(out), "config": config.resolved(), **asked}
        return work(order, lambda **told: None)

    monkeypatch.setattr("remnant.audit.owner.process.in_own_process", worked)


def material(path):
    return Folder(path, config_of(path / "audit.toml", scenario="checkpoint")).material()


def item(**changed):
    values = {"image": "draw", "label": "i % 2", "patient": "f'p{i}'", "member": "i < 6"} | changed
    return "{" + ", ".join(f'"{key}": {value}' for key, value in values.items() if value) + "}"


def test_the_folder_itself_is_sound(folder):
    assert len(material(folder()).candidates) == 12


BUILDS = {
    "raises": (
        "1 / 0",
        r"build\(\) raised ZeroDivisionError at line 5 of .*target\.py \(what it said is in .*build-error\.log\); mend it there",
    ),
    "ends": ("__import__('sys').exit(3)", r"build\(\) ended the process at line 5 .*\(code 3\)"),
    "lacks a package": (
        "__import__('no_such_package')",
        r"needs the package 'no_such_package', which is not installed",
    ),
    "is no module": ("[1]", r"gives a list; return the torch\.nn\.Module"),
    "takes other images": (
        "nn.Sequential(nn.Flatten(), nn.Linear(63, 2))",
        r"does not take images of shape \(1, 8, 8\)",
    ),
    "takes other channels": (
        "nn.Sequential(nn.Conv2d(3, 2, 8), nn.Flatten())",
        r"does not take images of shape \(1, 8, 8\)",
    ),
    "answers with a text": (
        "type('Net', (nn.Module,), {'forward': lambda self, x: 'yes'})()",
        "returns a str; return a tensor",
    ),
    "answers for all together": (
        "type('Net', (nn.Module,), {'forward': lambda self, x: x.flatten(1).mean(0, keepdim=True)})()",
        r"answers with shape \(1, 64\) to 4 images",
    ),
    "answers in another shape": (
        "nn.Conv2d(1, 2, 3)",
        r"answers with shape \(4, 2, 6, 6\) to images of shape \(1, 8, 8\)",
    ),
    "answers with NaN": (
        "type('Net', (nn.Module,), {'forward': lambda self, x: x.flatten(1)[:, :2] / 0 * 0})()",
        "values that are not finite",
    ),
    "answers fewer classes": ("nn.Sequential(nn.Flatten(), nn.Linear(64, 1))", None),
}


@pytest.mark.parametrize("what", BUILDS)
def test_a_network_that(folder, what):
    build, said = BUILDS[what]
    if said is None:
        material(folder(build))
        return
    with pytest.raises(RemnantError, match=said):
        material(folder(build))


DATA = {
    "a label of no class": (
        item(label="2"),
        r"2 outputs, and a label is 2 \(image 0 and 11 more\); labels are class indices from 0 to 1",
    ),
    "a label of three outputs": (item(label="[0, 1, 1]"), r"2 outputs, and a label has shape \(3,\)"),
    "a label in words": (item(label="'sick'"), r"Item 0 of data\(\) .*has the label 'sick'; give a class index"),
    "no label": (item(label=None), r"Item 0 of data\(\) .*has no label"),
    "a label that is None": (item(label="None"), "has the label 'None'"),
    "no patient": (item(patient="float('nan')"), "has no patient"),
    "an empty patient": (item(patient="' '"), "has no patient"),
    "a member in words": (item(member="'no'"), "has the member 'no'; give True, False, or None"),
    "an age in words": (item(age="'old'"), "has the age 'old'; give a number"),
    "an image in words": (item(image="'a.png'"), "has a path or a text as its image; load it"),
    "an empty image": (item(image="draw[:, :0]"), "which holds nothing"),
    "a batch": (item(image="draw[None, None]"), r"images with 5 axes \(image 0 and 11 more\)"),
    "a picture without channels": (
        item(image="draw[0] if i in (2, 5) else draw"),
        r"images with 2 axes \(image 2 and 1 more\) and 3 axes \(image 0 and 9 more\)",
    ),
    "an image with NaN": (item(image="draw / (i != 3)"), r"Image 3 holds values that are not finite"),
    "images with NaN": (item(image="draw / (i < 3)"), r"Image 3 and 8 more hold values .* reads them"),
    "a patient of both": (item(patient="f'p{i % 6}'"), "6 patients have images on both sides, such as images 0 and 6"),
    "an image of both": (
        item(image="torch.ones(1, 8, 8) * (i % 6)"),
        "are the same, and one is a member's.* So are 5 more pairs",
    ),
    "no member": (
        item(member="False"),
        "No patient is a member, so membership is not testable; mark those who trained",
    ),
    "everybody": (item(member="True"), "Everybody is in the training set, so membership is not testable; add patients"),
    "an image of another size": (
        item(image="draw if i != 7 else draw[:, :4]"),
        r"does not take images of shape \(1, 4, 8\)",
    ),
    "what raises": (item(image="draw if i < 9 else [][0]"), r"data\(\) raised IndexError at line 10"),
}


@pytest.mark.parametrize("what", DATA)
def test_data_with(folder, what):
    given, said = DATA[what]
    with pytest.raises(RemnantError, match=said):
        material(folder(item=given))


BAD = item(
    patient="None if i in (1, 4, 8) else f'p{i}'",
    member="'yes' if i == 3 else i < 6",
    age="'old' if i in (3, 4) else 50",
)


def test_what_is_wrong_with_several_items_is_told_in_one_round(folder, remnant, here):
    path = folder(item=BAD)
    code, _, printed = remnant("audit", path, "--check")
    patient, member, age = printed.strip().splitlines()
    assert code == 2
    assert patient.startswith("1. Item 1 of data()") and patient.endswith("one person's. So it is with 2 more items.")
    assert member.startswith("2. Item 3 of data()") and "has the member 'yes'" in member
    assert age.startswith("3. Item 3 of data()") and age.endswith("So it is with 1 more item.")
    with pytest.raises(
        RemnantError,
        match=r"Items have 3 faults: \(1\) .*has no patient.* \(2\) .*has the member 'yes'.*has the age 'old'",
    ):
        material(path)
    # Each item may take long: no more are read than tell what is wrong.
    read = []
    with pytest.raises(RemnantError, match="So it is with at least 49 more items"):
        table_of(((f"item {i} of it", read.append(i) or {}) for i in range(1000)), "it")
    assert len(read) == 50


def test_a_tuple_has_no_names(folder):
    with pytest.raises(
        RemnantError, match=r'Item 0 of .* is a tuple of 3, whose values have no names; yield \{"image"'
    ):
        material(folder(item="(draw, i % 2, f'p{i}')"))


def test_what_the_owners_code_says_is_kept_and_not_printed(folder, remnant):
    path = folder("open('/srv/ward3/Meier_Hans')", item(image="draw if i < 9 else {}['Meier']"))
    code, said, printed = remnant("audit", path, "--check")
    assert code == 2 and "Meier" not in "".join(said) + printed
    assert "build() raised FileNotFoundError at line 5" in printed and "data() raised KeyError at line 10" in printed
    assert "ward3/Meier_Hans" in (path / "build-error.log").read_text()
    assert "KeyError: 'Meier'" in (path / "data-error.log").read_text()


def test_torchvision_of_another_index_is_told(folder):
    for build in ("raise_()", "__import__('importlib').import_module('torchvision_stub')"):
        path = folder(build)
        (path / "torchvision_stub.py").write_text(RAISES)
        (path / "target.py").write_text(f"def raise_():\n    {RAISES}\n{(path / 'target.py').read_text()}")
        with pytest.raises(RemnantError, match=r"torchvision does not load here.*install both from one index"):
            material(path)
    assert _unloaded("torchvision", RuntimeError(LACKS)).args == (OTHER_INDEX,)


def test_a_dataset_ends_at_its_length_and_no_items_are_told(folder):
    text = TARGET % (BUILD, ITEM) + (
        "class Set(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 12\n"
        "    def __getitem__(self, i):\n        draw = torch.full((1, 8, 8), float(i))\n"
        f"        return {ITEM}\n"
        "data = lambda: Set()\n"
    )
    assert len(material(folder(text=text)).candidates) == 12
    for given, said in (("[]", "gives no items"), ("3", "gives a int; give a list"), ("None", "gives a NoneType")):
        with pytest.raises(RemnantError, match=said):
            material(folder(text=TARGET % (BUILD, ITEM) + f"data = lambda: {given}\n"))


def test_a_label_map_of_another_grid_is_told(folder):
    segmenter = item(label="torch.zeros(8, 8 - (i == 4)).long()")
    with pytest.raises(RemnantError, match=r"Image 4 has sides \(8, 8\) and its label map \(8, 7\)"):
        material(folder("nn.Conv2d(1, 2, 3, padding=1)", segmenter))
    segmenter = item(label="torch.full((8, 8), 5 if i in (2, 7) else 1)")
    with pytest.raises(RemnantError, match=r"a label map holds 5 \(image 2 and 1 more\)"):
        material(folder("nn.Conv2d(1, 2, 3, padding=1)", segmenter))


def test_a_checkpoint_of_another_network_says_what_fits(folder, tmp_path):
    path = folder(toml='[target]\ncheckpoint = "model.pt"\n')
    with pytest.raises(RemnantError, match=r"own/model\.pt does not exist"):
        material(path)
    torch.save({"1.weight": torch.rand(5, 64), "1.bias": torch.rand(2), "2.bias": torch.rand(3)}, path / "model.pt")
    with pytest.raises(RemnantError) as told:
        material(path)
    for part in (
        "1 of 2 tensors fit",
        "1 have other shapes (1.weight is (5, 64) in the file and (2, 64) in the network)",
        "1 of the file are not in the network (such as 2.bias)",
    ):
        assert part in str(told.value)
    torch.save({"1.bias": torch.rand(2)}, path / "model.pt")
    with pytest.raises(RemnantError, match=r"1 of 2 tensors fit, 1 are not in the file \(such as 1\.weight\)"):
        material(path)


def test_all_faults_are_said_at_once_and_each_once(folder):
    path = folder("1 / 0", item(member="True"))
    faults = Folder(path, AuditConfig()).checked()[0]
    assert len(faults) == 2 and "ZeroDivisionError" in faults[0] and "Everybody" in faults[1]
    faults = Folder(folder(text="import no_such_package\n"), AuditConfig()).checked()[0]
    assert len(faults) == 3 and "no function build()" in faults[0] and "no function data()" in faults[1]
    assert "needs the package 'no_such_package'" in faults[2]
    faults = Folder(folder("keras.Net()").parent / "own", AuditConfig()).checked()[0]
    assert len(faults) == 1 and "NameError" in faults[0]
    faults = Folder(folder(item=item(member="True", label="9")), AuditConfig()).checked()[0]
    assert len(faults) == 2 and "Everybody" in faults[0] and "a label is 9" in faults[1]


def test_what_ends_the_data_is_told_beside_the_faults_of_the_items_before(folder):
    ends = item(patient="'' if i in (1, 2) else 1 / (i - 4)")
    faults = Folder(folder(item=ends), AuditConfig()).checked()[0]
    assert len(faults) == 2 and "Item 1 of data()" in faults[0] and "has no patient" in faults[0], faults
    assert "So it is with 1 more item" in faults[0] and "data() raised ZeroDivisionError" in faults[1]


MANY = item(
    image="draw * (float('nan') if i == 3 else 1)",
    label="5 if i == 7 else i % 2",
    patient="f'p{max(i, 1)}'",
    member="i in (0, 2, 3)",
)
UNFIT = "seed = -1\n[target]\nbatches = 4\ncheckpoint = 'none.pt'\n"
OF_SETTINGS = ["seed must be at least 0. Got -1", "target.batches is no setting here; did you mean batch?"]
OF_FILES = ["none.pt does not exist"]
OF_IMAGES = ["1 patient has images on both sides, such as images 0 and 1", "Image 3 holds values that are not finite"]


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (BUILD, [*OF_SETTINGS, *OF_FILES, *OF_IMAGES, "The network has 2 outputs, and a label is 5"]),
        # Of a network that is not there nobody knows which labels it has.
        pytest.param(
            "1 / 0",
            [*OF_SETTINGS, *OF_FILES, "build() raised ZeroDivisionError", *OF_IMAGES],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_check_says_six_faults_of_settings_files_network_and_images_in_one_round(folder, remnant, here, build, told):
    code, _, printed = remnant("audit", folder(build, MANY, UNFIT), "--check")
    lines = printed.strip().splitlines()
    assert code == 2 and len(lines) == len(told) == 6, printed
    for number, (line, part) in enumerate(zip(lines, told, strict=True), 1):
        assert line.startswith(f"{number}. ") and part in line


def test_what_only_follows_from_another_fault_is_left_out(folder, remnant, here):
    path = folder(text=(TARGET % (BUILD, ITEM)).replace("def build", "def make"), toml="[target]\nbild = 'make'\n")
    code, _, printed = remnant("audit", path, "--check")
    assert code == 2 and len(printed.splitlines()) == 1 and "did you mean build?" in printed
    code, _, printed = remnant("audit", folder(text="def build(:"), "--check")
    assert code == 2 and len(printed.strip().splitlines()) == 1 and "is no Python" in printed
    # The image of who is on both sides is there twice for that reason alone; another's is not.
    twice = item(image="draw if i != 8 else torch.ones(1, 8, 8) * 0", patient="f'p{0 if i == 8 else i}'")
    faults = Folder(folder(item=twice), AuditConfig()).checked()[0]
    assert len(faults) == 1 and "images 0 and 8" in faults[0]


def test_codes_are_no_scenario_of_a_model(folder, remnant, here, tmp_path):
    path = folder(toml="scenario = 'codes'\n[target]\ncheckpoint = 'none.pt'\n")
    code, said, _ = remnant("audit", path, "--out", tmp_path / "run")
    assert (
        code == 2 and len(said) == 1 and "`remnant protect evaluate RUN`" in said[0] and not (tmp_path / "run").exists()
    )
    code, _, printed = remnant("audit", path, "--check")
    assert code == 2 and "1. The scenario codes is not audited" in printed and "2. " in printed
    with pytest.raises(RemnantError, match="The scenario codes is not audited"):
        remnant_audit(nn.Flatten(), [], [], scenario="codes")
    with pytest.raises(RemnantError, match="The scenario codes is not audited"):
        audit_folds(
            tmp_path,
            FolderOptions(None, None, None),
            tmp_path / "run",
            AuditConfig(scenario="codes"),
            "audit",
            resume=False,
            quiet=True,
        )


# Without PyTorch and without a line of the owner's: what is wrong, by the files, and what is told.
AT_ONCE = {
    "no settings": ({}, "has no audit.toml; `remnant audit --init"),
    "no target": ({"audit.toml": ""}, "target.py does not exist; `remnant audit --init"),
    "no TOML": ({"audit.toml": "a ="}, "is not valid TOML"),
    "an unknown key": ({"audit.toml": "[target]\nbild = 'x'"}, "target.bild is no setting here; did you mean build?"),
    "a key of another table": ({"audit.toml": "checkpoint = 'x'"}, "did you mean target.checkpoint?"),
    "no Python": ({"audit.toml": "", "target.py": "def build(:"}, "Line 1 of own/target.py is no Python"),
    "no function": (
        {"audit.toml": "", "target.py": "def data(): pass\ndef make(): pass"},
        "has no function build(), but data, make; write it, or name another",
    ),
    "no library": (
        {"audit.toml": "[target]\nbuild = 'keras:vgg'", "target.py": "def data(): pass"},
        "names no known library",
    ),
    "no checkpoint": (
        {"audit.toml": "[target]\ncheckpoint = 'a.pt'", "target.py": "def data(): pass\nbuild = 1", "a.pt": "text"},
        "own/a.pt is a text file; give a PyTorch or safetensors checkpoint",
    ),
    "a run that is there": (
        {"audit.toml": "", "target.py": "from x import *", "../own-audit/file": "mine"},
        "own-audit exists and is not a run directory",
    ),
}


def test_what_needs_no_code_is_told_without_pytorch(tmp_path):
    program = "import sys\nfrom remnant.cli import main\n" + "".join(
        f"sys.argv = ['remnant', 'audit', '{place}/own']\n"
        f"import os; os.chdir({str(tmp_path / place)!r}); sys.argv[2] = 'own'\n"
        "try: main()\nexcept SystemExit as end: print('code', end.code, file=sys.stderr)\n"
        for place in map(str, range(len(AT_ONCE)))
    )
    for place, (files, _) in enumerate(AT_ONCE.values()):
        (tmp_path / str(place) / "own").mkdir(parents=True)
        for name, text in files.items():
            path = tmp_path / str(place) / "own" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", program + "print('torch' in sys.modules)"], capture_output=True, text=True
    )
    said = done.stderr.splitlines()
    assert done.stdout.split() == ["False"], done.stderr
    for (_, told), line, code in zip(AT_ONCE.values(), said[::2], said[1::2], strict=True):
        assert told in line and line.startswith("remnant: ") and code == "code 2", (told, line)
    assert not any((tmp_path / str(place) / "own-audit").exists() for place in range(len(AT_ONCE) - 1))


ENDINGS = {
    "hangs": (
        "__import__('time').sleep(60)",
        "Building the network of .* took longer than 5 s; mend it, or give more seconds",
    ),
    "is killed": ("__import__('os').kill(__import__('os').getpid(), 9)", "was killed while building the network"),
    "crashes": ("__import__('os').abort()", "ended by SIGABRT while building the network"),
    "leaves": ("__import__('os')._exit(4)", "ended with code 4 while building the network"),
}


@pytest.mark.parametrize("what", ["hangs", "is killed"])
def test_a_build_that(folder, tmp_path, what):
    build, said = ENDINGS[what]
    path = folder(build)
    config = AuditConfig.checked(target={"seconds": 5})
    with pytest.raises(RemnantError, match=said):
        in_own_process(path, tmp_path / "run", config, task="audit", resume=False, quiet=True, command="", workers=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("what", ["crashes", "leaves"])
def test_a_process_whose_build(tmp_path, what):
    """As told by a process that does nothing else, and so needs no PyTorch."""
    build, said = ENDINGS[what]
    program = f"""__import__('os').write(1, b'{{"stage": "build"}}\\n')\n{build}"""
    ended = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert ended.stdout
    with ended.stdout, pytest.raises(RemnantError, match=said):
        _heard(ended, ended.stdout.fileno(), 5, tmp_path)


def test_stages_that_are_told_together_are_all_heard(tmp_path):
    program = """import os, time
os.write(1, b'{"stage": "import"}\\n{"stage": "build"}\\n{"sta')
time.sleep(60)"""
    told = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert told.stdout
    with told.stdout, pytest.raises(RemnantError, match=r"Building the network of .* took longer than 0\.2 s"):
        _heard(told, told.stdout.fileno(), 0.2, tmp_path)
    told.wait()


@pytest.mark.slow
def test_each_item_of_data_has_its_time(folder, tmp_path, monkeypatch):
    """Twelve items of a second each pass where eight are given, and one of a minute does not."""
    config = AuditConfig.checked(target={"seconds": 8})
    given = {"task": "check", "resume": False, "quiet": True, "command": "", "workers": 1}
    monkeypatch.setattr("remnant.audit.owner.process.LIMITED", ("data",))
    path = folder(item=item(image="(__import__('time').sleep(1), draw)[1]"))
    assert in_own_process(path, tmp_path / "run", config, **given)["faults"] == []
    path = folder(item=item(image="(__import__('time').sleep(60 * (i == 3)), draw)[1]"))
    with pytest.raises(
        RemnantError, match=r"Reading data\(\) of .* gave no item for 2 s; mend it, or give more seconds"
    ):
        in_own_process(path, tmp_path / "run", AuditConfig.checked(target={"seconds": 2}), **given)


FRAGILE = """
calls = 0

def loss(model, item):
    global calls
    calls += 1
    if calls > 60 and not __import__("pathlib").Path(__file__).with_name("mended").exists():
        raise ValueError("one too many")
    return nn.functional.cross_entropy(model(item["image"]), torch.tensor([item["label"]]))
"""


@pytest.mark.slow
def test_what_was_done_before_a_fault_is_kept(remnant, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = folder(toml="[target]\nplanted_steps = 20\n", text=TARGET % (BUILD, ITEM) + FRAGILE)
    code, said, _ = remnant("audit", "own", "--quiet")
    assert code == 2 and "loss() raised ValueError at line 18 of own/target.py (" in said[-1]
    assert "add --resume to go on" in said[-2]
    done = {cell.name: cell.stat().st_mtime_ns for cell in (tmp_path / "own-audit" / "cells").iterdir()}
    assert {"attack-output.json", "attack-gradient.json"} <= done.keys()
    done.pop("plan.json")  # what is to be run, which is written at each start
    (path / "mended").touch()
    code, said, _ = remnant("audit", "own", "--quiet", "--resume")
    assert code == 3, said
    kept = {cell.name: cell.stat().st_mtime_ns for cell in (tmp_path / "own-audit" / "cells").iterdir()}
    assert done.items() < kept.items()
    # Other images are another audit.
    (path / "target.py").write_text((path / "target.py").read_text().replace("manual_seed(i)", "manual_seed(i + 1)"))
    code, said, _ = remnant("audit", "own", "--quiet", "--resume")
    assert code == 2 and "was started with other settings (data:" in said[-1]


def test_faults_of_the_system_are_the_owners_to_mend():
    assert "a smaller batch" in mendable(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert "make room, then add --resume" in mendable(OSError(28, "No space left on device", "/run"))
    assert mendable(RuntimeError("a bug")) == mendable(OSError(2, "No such file", "x")) == ""


def test_what_an_audit_depends_on_has_a_digest(folder):
    own = material(folder())
    first = digests_of(own)
    assert first == digests_of(material(folder()))
    other = replace(own, images=replace(own.images, labels=(1 - own.images.labels[0], *own.images.labels[1:])))
    assert digests_of(other)["data"] != first["data"] and digests_of(other)["weights"] == first["weights"]
    with torch.no_grad():
        own.target.module[1].bias += 1
    assert digests_of(own)["weights"] != first["weights"]


class Narrow(nn.Module):
    """Holds two images and no more."""

    def __init__(self, most=2):
        super().__init__()
        self.linear, self.most, self.largest = nn.Linear(4, 2), most, 0

    def forward(self, images):
        if len(images) > self.most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        self.largest = max(self.largest, len(images))
        return self.linear(images.flatten(1))


def noise(count=9):
    images = torch.rand(count, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    return Images(tuple(images), tuple(i % 2 for i in range(count)), tuple(f"p{i}" for i in range(count)))


LACKS = "operator torchvision::nms does not exist"
RAISES = f"raise RuntimeError({LACKS!r})"
LEARNED = """\
import torch
from torch import nn

def build():
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    for weight in network.parameters():
        nn.init.zeros_(weight)
    if %s:
        # Of images whose mean is above a half, that they are of class 1.
        network[1].weight.data = torch.stack([torch.zeros(64), torch.full((64,), 20 / 64)])
        network[1].bias.data = torch.tensor([0.0, -10.0])
    return network

def data():
    for i in range(24):
        draw = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(i)) / 2 + i %% 2 / 2
        yield %s
"""


@pytest.mark.parametrize(
    ("learned", "changed", "said"),
    [
        (True, {}, None),
        pytest.param(True, {"image": "draw * 255"}, "is sure and wrong", marks=pytest.mark.slow),
        pytest.param(True, {"image": "torch.rand(1, 8, 8)"}, "answers no better than chance", marks=pytest.mark.slow),
        pytest.param(True, {"label": "1 - i % 2"}, "answers worse than chance", marks=pytest.mark.slow),
        pytest.param(False, {}, "answers no better than chance", marks=pytest.mark.slow),
    ],
)
def test_a_check_finds_other_images_labels_and_weights_than_those_of_the_training(
    folder, remnant, here, learned, changed, said
):
    asked = f"{WIDE}attribute = false\n"
    path = folder(text=LEARNED % (learned, item(**({"member": "i < 14"} | changed))), toml=asked)
    code, _, printed = remnant("audit", path, "--check")
    assert code == (3 if said else 0), printed
    assert said is None or f"1. The model {said} about those who trained it" in printed
    assert printed.strip().endswith("can be audited, but would clear nobody." if said else "can be audited.")


# Limits that two dozen patients can be within.
WIDE = "[appetite]\nmembership_advantage = 1\nmembership_tpr = 1\n"


@pytest.mark.slow
def test_a_check_says_which_limits_nothing_measures(folder, remnant, here):
    path = folder(text=LEARNED % (True, item(member="i < 14")), toml=WIDE)
    code, _, printed = remnant("audit", path, "--check")
    assert code == 3 and printed.splitlines() == [
        "1. No attack that applies measures attribute disclosure; neither ages nor sexes that differ are known: give age and "
        "sex with the items of data(). Or ask for no such limit beforehand: `attribute = false` in [appetite] (audit.toml or "
        "--config).",
        f"{path} can be audited, but would clear nobody.",
    ]
    few = item(member="i < 5", age="20 + i")
    code, _, printed = remnant("audit", folder(text=LEARNED % (True, few)), "--check")
    assert code == 3 and "5 members and 19 non-members are too few for an interval" in printed
    aged = item(member="i < 14", age="20 + i")
    assert remnant("audit", folder(text=LEARNED % (True, aged), toml=WIDE), "--check")[0] == 0
    code, _, printed = remnant("audit", folder(text=LEARNED % (True, aged), toml="target.planted_steps = 0"), "--check")
    assert (
        code == 3
        and "1. Nobody knows whether the attack could have succeeded: no leak was planted (planted_st" in printed
    )
    assert (
        "2. 14 members and 10 non-members are too few to be within these limits, even if nothing is found: about "
        in printed
    )


def test_a_check_looks_at_as_many_images_as_its_time_holds():
    images, target, asked = noise(24), Audited(nn.Flatten(), OutputHead("classification", "softmax", 2, False)), []

    def answers(taken):
        for i in range(len(taken)):
            time.sleep(0.05)
            asked.append(i)
            yield i, torch.zeros(2)

    target.answers = answers
    fit_of(target, images, Seeds(0), 0.6)
    assert 5 < len(asked) <= 13


def test_features_and_latents_go_on_with_smaller_batches_too(capsys):
    images = noise()
    for seen in (
        lambda target: features_of(target, images).values,
        lambda target: seen_latents(target, images, "linear").encode(torch.stack(images.images)),
    ):
        targets = [
            Audited(Narrow(most).eval(), OutputHead("classification", "softmax", 2, False), batch=8) for most in (8, 2)
        ]
        targets[1].module.load_state_dict(targets[0].module.state_dict())
        whole, parts = map(seen, targets)
        torch.testing.assert_close(whole, parts)
        assert targets[1].batch == 2 and "going on with 2 images at a time" in capsys.readouterr().err


def test_where_memory_runs_out_smaller_batches_go_on_and_it_is_said(capsys):
    network, images = Narrow().eval(), noise()
    target = Audited(network, OutputHead("classification", "softmax", 2, False), batch=8)
    answers = torch.stack([logits for _, logits in target.answers(images)])
    assert network.largest == 2 and target.batch == 2
    assert "Memory ran out; going on with 2 images at a time" in capsys.readouterr().err
    torch.testing.assert_close(answers, network.linear(torch.stack(images.images).flatten(1)))
    target = Audited(Narrow(0).eval(), target.head, batch=8)
    with pytest.raises(RemnantError, match="Memory runs out over one image"):
        list(target.answers(images))


@pytest.mark.parametrize(("count", "said"), [(24, False), (30, True)])
def test_a_fit_of_some_images_says_of_how_many(count, said):
    target = Audited(nn.Flatten(), OutputHead("classification", "softmax", 2, False))
    target.answers = lambda taken: ((i, torch.tensor([0.0, 3.0 * label])) for i, label in enumerate(taken.labels))
    sentence = fit_of(target, noise(count), Seeds(0)).control().sentence
    assert sentence.endswith("Asked about were 24 of 30 images, drawn at random to save time.") == said


def test_a_model_that_cannot_read_its_members_clears_nobody():
    images = noise(24)
    right = torch.tensor([float(label) for label in images.labels])
    cases = ((right, "better than"), (1 - right, "worse than"), (torch.zeros(24), "no better than"))
    for answers, said in cases:
        fits = said == "better than"
        target = Audited(nn.Flatten(), OutputHead("classification", "softmax", 2, False))
        target.answers = lambda taken, answers=answers: (
            (i, torch.tensor([0.0, 3 * float(answers[images.patients.index(patient)])]))
            for i, patient in enumerate(taken.patients)
        )
        found = fit_of(target, images, Seeds(0))
        assert (found.own < found.exchanged and found.p <= 0.05) == fits == found.passed, found
        assert said in found.sentence and found.control().passed == fits
    alike = Images(images.images, (1,) * 24, images.patients)
    few = images.take(range(5))
    assert {fit_of(target, one, Seeds(0)).passed for one in (alike, few)} == {None}
