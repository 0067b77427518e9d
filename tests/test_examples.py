"""Every fenced example of the manual is run: here, as a reader with phantoms runs it, or by the test that is named for it."""

import csv
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest
import torch
from tests.audit.test_starter import filled
from tests.cohort.phantoms.test_heads import LABELS, head, write
from tests.manual import MANUAL, ROOT, blocks, commands_in, fences
from tests.serve.processes import Process
from tests.targets.exported import write_results
from torch import nn

import remnant as public
from remnant.audit.config import config_of
from remnant.audit.owner.starter import settings_text
from remnant.cohort.phantoms import BrainPhantoms, ChestPhantoms, write_bids, write_manifest
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Generator


class By(NamedTuple):
    """It is run by a test in another file."""

    file: str


class Not(NamedTuple):
    """It is not run."""

    why: str


HERE, SERVED, READ = "a reader's commands, below", "the commands of a server, below", "the settings, below"
PYTHON, TUTORIAL = By("tests/test_docs.py"), By("tests/serve/test_tutorial.py")
EXAMPLES = {
    "README.md": [HERE, Not("pip asks a registry; `make setup` installs the same"), By("tests/audit/test_example.py")],
    "attacks.md": [HERE] * 5,
    "audit.md": [
        HERE,
        HERE,
        By("tests/audit/test_trained.py"),
        HERE,
        PYTHON,
        By("tests/audit/test_several.py"),
        HERE,
        READ,
        PYTHON,
    ],
    "data.md": [HERE, HERE],
    "defences.md": [
        HERE,
        HERE,
        SERVED,
        By("tests/serve/client/test_segment.py"),
        TUTORIAL,
        SERVED,
        HERE,
        PYTHON,
        By("tests/audit/test_mitigation.py"),
        By("tests/audit/test_matrix.py"),
        By("tests/audit/test_matrix.py"),
    ],
    "extending.md": [PYTHON, PYTHON],
    "privacy.md": [HERE],
    "serving.md": [TUTORIAL] * 6,
    "studies.md": [HERE, HERE, HERE, By("tests/test_readme.py")],
}
# What stands for something of the reader's.
STANDS_FOR = {
    "DIR": "cohort",
    "DATA": "cohort",
    "OTHER": "second",
    "MAPS": "maps",
    "SCAN": "cohort/sub-0001/ses-01/anat/sub-0001_ses-01_T1w.nii.gz",
    "CHECKPOINT": "classifier.pt",
    "FILE": "pggan.pt",
    "COHORT": "owners",
    "PATIENTS": "owners",
    "PUBLIC": "public",
    "PRIOR": "runs/prior/checkpoints/prior.safetensors",
}
# The options by which a command takes seconds and asks nobody; of one given twice the last counts.
ALONE = ["--preset", "smoke", "--workers", "1"]  # processes of a study would import everything anew
SHORT = {
    "attack checkpoint": ["--minutes", "0.5"],
    "client contribute": ["--yes"],
    "phantom heads": ["--spacing", "4"],
    "prior train": ["--preset", "smoke", "--size", "32"],
    "protect evaluate": ALONE,
    "protect train": ALONE,
    "server retrain": ["--steps", "2"],
    "study kim2019": [*ALONE, "--variants", "raw,published-1"],
    "study lee2025": [*ALONE, "--targets", "cnn"],
    "study subbanna2021": [*ALONE, "--networks", "unet", "--experiments", "default"],
}
# Exit codes that are an answer, too.
ANSWERS = {"attack": {1, 3}, "audit": {1, 3}, "protect": {1, 3}, "rescore": {1, 3}, "cohort": {1}}


def commands_of(page: Path, what: str) -> list[list[str]]:
    """The words of the commands in the examples of a page that are run as `what`, with what is the reader's, and short."""
    texts = [text for (_, text), where in zip(fences(page), EXAMPLES[page.name], strict=True) if where == what]
    found = commands_in("".join(texts))
    return [[*(STANDS_FOR.get(word, word) for word in words), *SHORT.get(" ".join(words[:2]), [])] for words in found]


def page(name: str) -> Path:
    return next(path for path in MANUAL if path.name == name)


@pytest.fixture
def reader(remnant, tmp_path, monkeypatch):
    """`reader(words)`: run a command in the reader's folder."""
    monkeypatch.chdir(tmp_path)

    def run(words, allowed=frozenset()):
        code, told, _ = remnant(*words)
        assert code in {0} | ANSWERS.get(words[0], set()) | allowed, f"remnant {' '.join(words)}: {code}\n{told[-3:]}"
        if "--init" in words:
            assert filled(tmp_path / "own") == 2

    return run


def model_of_squares(path: Path) -> None:
    """Weights of the network that `filled` builds."""
    torch.manual_seed(0)
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(1024, 2)).state_dict(), path)


def test_every_example_is_run_or_says_why_not():
    found = {path.name: len(fences(path)) for path in MANUAL if fences(path)}
    assert found == {name: len(examples) for name, examples in EXAMPLES.items()}
    for path in MANUAL:
        marks = re.findall(r"^ *```", path.read_text("utf-8"), flags=re.MULTILINE)
        assert len(marks) == 2 * len(fences(path)), f"{path.name}: a fenced block names no language, or is indented"
    for one in (one for examples in EXAMPLES.values() for one in examples):
        assert not isinstance(one, By) or (ROOT / one.file).is_file(), one


def test_settings_that_the_manual_shows_are_settings(tmp_path):
    (text,) = blocks(page("audit.md"), "toml")
    (tmp_path / "audit.toml").write_text(settings_text(tmp_path).replace("\n[prior]\n", f"\n{text}\n", 1))
    prior = config_of(tmp_path / "audit.toml", scenario="checkpoint").prior
    assert str(prior.file) == "prior.safetensors" and len(prior.mean) == len(prior.std) == 3


@pytest.mark.slow
def test_the_example_of_the_package_runs(capsys):
    (example,) = re.findall(r"^```python\n(.*?)^```$", public.__doc__, flags=re.MULTILINE | re.DOTALL)
    draw = torch.Generator().manual_seed(0)
    people = [(torch.rand(1, 8, 8, generator=draw), i % 2, f"patient {i}") for i in range(24)]
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    names = {"model": network, "training_set": people[:12], "others_like_them": people[12:]}
    exec(example, names)
    assert names["found"].report().is_file()


@pytest.mark.slow
def test_the_four_commands_of_the_readme(reader, tmp_path):
    model_of_squares(tmp_path / "model.pt")
    for words in commands_of(page("README.md"), HERE):
        reader(words)
    assert (tmp_path / "own-audit" / "report.html").is_file()
    assert list((tmp_path / "own-audit").glob("*egress*"))


@pytest.mark.slow
@pytest.mark.parametrize("pages", ["data.md", "attacks.md", "studies.md audit.md privacy.md", "defences.md"])
def test_the_manual_is_followed(reader, belongings, tmp_path, pages):
    shutil.copytree(belongings, tmp_path, dirs_exist_ok=True)
    for name in pages.split():
        for words in commands_of(page(name), HERE):
            reader(words)
    if "privacy.md" in pages:
        assert (tmp_path / "runs" / "ours" / "report.html").is_file()
        assert not (tmp_path / "runs" / "ours" / "private").exists()
    if "defences.md" in pages:
        served(reader, tmp_path)


@pytest.fixture(scope="module")
def belongings(tmp_path_factory) -> Path:
    """What the reader of the manual has: cohorts, checkpoints, nnU-Net's results, other limits."""
    folder = tmp_path_factory.mktemp("belongings")
    for name, seed in (("cohort", 0), ("second", 2)):
        write_bids(BrainPhantoms(patients=12, sessions=2, side=32, seed=seed), folder / name, quiet=True)
    for name, seed in (("owners", 3), ("public", 4)):
        write_manifest(ChestPhantoms(patients=40, sessions=1, side=32, seed=seed), folder / name, quiet=True)
    table = folder / "owners" / "manifest.csv"
    with table.open(newline="") as file:
        header, *people = csv.reader(file)
    write(table, ([*header, "split"], *([*row, ("train", "test")[i % 2]] for i, row in enumerate(people))))
    (folder / "maps" / "labels").mkdir(parents=True)
    for number, radius in enumerate((11, 12, 13)):
        image = nib.Nifti1Image(head(radius), np.diag([-4.0, 4, 4, 1]))
        nib.save(image, folder / "maps" / "labels" / f"{number}.nii.gz")
    rows = [("", f"labels/{number}.nii.gz", f"head_{number}", "scan1", "", "") for number in range(3)]
    columns = ("image", "label", "subject_id", "session_id", "age", "sex")
    write(folder / "maps" / "manifest.csv", (columns, *rows))
    write(folder / "maps" / "labels.csv", LABELS)
    torch.manual_seed(0)
    network = build_classifier("vit", image_size=32, patch=8, blocks=2, width=32, heads=1, mlp=32)
    torch.save(network.state_dict(), folder / "classifier.pt")
    torch.save(Generator(7, (6, 5, 4), 16, 3).state_dict(), folder / "pggan.pt")
    write_results(folder / "nnUNet_results")
    model_of_squares(folder / "model.pt")
    (folder / "other.toml").write_text("[appetite]\nmembership_advantage = 0.3\n")
    return folder


def served(reader, folder: Path) -> None:
    """The commands of the client and the server, at a server of the encoder that the page trained."""
    asked = commands_of(page("defences.md"), SERVED)
    assert [words for words in asked if words[0] == "serve"] == [
        ["serve", "runs/net"],
        ["serve", "runs/net", "--store", "store"],
    ]
    server = Process(folder / "runs" / "net", "--store", "store")
    try:
        for words in (words for words in asked if words[0] != "serve"):
            # Of so few people none is held out, so that nothing is promoted, and nothing is to be rolled back.
            allowed = {2} if words[:2] in (["server", "promote"], ["server", "rollback"]) else frozenset()
            reader([word.replace("http://127.0.0.1:8000", server.url) for word in words], allowed)
    finally:
        server.stop()
    assert (folder / "result" / "labels.nii.gz").is_file() and (folder / "triton" / "net").is_dir()
