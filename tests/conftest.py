"""Small patients for every room."""

import csv
import gc
import importlib.util
import os
import re
import shutil
import sys
from html import escape
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from matplotlib.text import Text

from remnant import cli
from remnant.attacks.prior import Prior, save_prior
from remnant.cohort.phantoms import STRUCTURES, BrainPhantoms
from remnant.engine.device import fabric
from remnant.nets.pggan import Discriminator, Generator
from remnant.targets.checkpoint import save_checkpoint

# What is imported and collected stays to the end: looking through millions of such objects for garbage took a tenth of the time.
gc.disable()


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


# Real servers, containers, browsers and tools, of which each may expect to be alone.
COMPONENTS = {"serve", "report", "test_fuzz.py", "test_site.py"}
CLUSTERS = {"test_processes.py", "test_matrix.py"}  # of Ray, two of which would share the ports of its services


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """For `--dist loadgroup` of `make test-full`: one process has all tests of a file, whose fixtures take minutes, and one all
    those of real components."""
    for item in items:
        group = (
            "components" if _room(item) in COMPONENTS else "clusters" if item.path.name in CLUSTERS else str(item.path)
        )
        item.add_marker(pytest.mark.xdist_group(group))


def _room(item):
    """The folder of tests/, or the file in it, that an item or a request is of."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture(scope="session", autouse=True)
def unsynced():
    """Files are not waited for until they are on the disk: 5,000 times 3 ms in tests of audits, lest power fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        yield


@pytest.fixture(scope="module", autouse=True)
def unrendered(request):
    """Runs make their figures, of which the words alone are kept: what matplotlib sets and writes takes 0.1 s a figure. They are
    whole in tests of reports, in modules that say `RENDERED = True` and in `make test-full`."""
    whole = _room(request) == "report" or getattr(request.module, "RENDERED", False)
    if whole or request.config.option.markexpr == "slow":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("remnant.report.sections.to_svg", _words_of)
        yield


def _words_of(figure, name):
    words = (escape(text.get_text()) for text in figure.findobj(Text))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}">{"".join(f"<text>{one}</text>" for one in words)}</svg>'
    )


@pytest.fixture(scope="session")
def tiny_brains():
    """`images` float32 (6, 1, 32, 32, 32) in [0, 1] and `labels` uint8 (6, 32, 32, 32) in four classes, six people."""
    phantoms = BrainPhantoms(patients=6, side=32)
    scans = [phantoms.scan(i) for i in range(6)]
    classes = ("background", "gyri", "deep_grey", "other_brain")
    mapping = {structure[0]: classes.index(structure[3]) for structure in STRUCTURES}
    images = np.stack([scan.image / scan.image.max() for scan in scans])[:, None].astype(np.float32)
    labels = np.stack([np.vectorize(mapping.get)(scan.labels) for scan in scans]).astype(np.uint8)
    return torch.from_numpy(images), torch.from_numpy(labels)


@pytest.fixture(scope="session")
def write_cohort():
    """`write_cohort(directory, patients, sessions)`: phantoms of 32^3 as a manifest cohort, patients named zq<i>hk."""

    def write(directory: Path, patients: int = 6, sessions: int = 1) -> Path:
        phantoms = BrainPhantoms(patients=patients, sessions=sessions, side=32)
        (directory / "files").mkdir(parents=True)
        rows = []
        for i in range(patients):
            for session in range(sessions):
                scan, stem = phantoms.scan(i, session), f"zq{i}hk_{session}"
                nib.save(nib.Nifti1Image(scan.image, scan.affine), directory / "files" / f"{stem}.nii.gz")
                nib.save(nib.Nifti1Image(scan.labels, scan.affine), directory / "files" / f"{stem}_l.nii.gz")
                rows.append(
                    (f"files/{stem}.nii.gz", f"files/{stem}_l.nii.gz", f"zq{i}hk", f"v{session}", scan.age, scan.sex)
                )
        for name, lines in {
            "manifest.csv": [("image", "label", "subject_id", "session_id", "age", "sex"), *rows],
            "labels.csv": [("label", "name", "tissue5", "lpba3"), *(structure[:4] for structure in STRUCTURES)],
        }.items():
            with (directory / name).open("w", newline="") as file:
                csv.writer(file).writerows(lines)
        return directory

    return write


@pytest.fixture(scope="session")
def people(tmp_path_factory, write_cohort) -> Path:
    """Four phantoms of two sessions each."""
    return write_cohort(tmp_path_factory.mktemp("people") / "people", patients=4, sessions=2)


@pytest.fixture
def altered(tmp_path, people):
    """`altered(change)`: the cohort with `change(row)` done to the rows of its table, None leaving one out."""

    def make(change) -> Path:
        copy = tmp_path / "altered"
        shutil.copytree(people, copy)
        with (people / "manifest.csv").open() as file:
            rows = list(csv.DictReader(file))
        kept = [changed for row in rows if (changed := change(dict(row)))]
        with (copy / "manifest.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)
        return copy

    return make


@pytest.fixture
def remnant(monkeypatch, capsys, tmp_path):
    """`remnant(*arguments)` runs the command in this process: exit code, lines on standard error, standard output."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["remnant", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        printed = capsys.readouterr()
        return code, printed.err.splitlines(), printed.out.strip()

    return run


@pytest.fixture(scope="session")
def prior_file(tmp_path_factory):
    """A prior that draws around grey, its discriminator beside it."""
    folder = tmp_path_factory.mktemp("prior")
    torch.manual_seed(0)
    generator = Generator(16, (8, 8, 8, 8), 32).eval()
    with torch.no_grad():
        generator.toRGB[-1].module.bias.add_(0.5)
    save_prior(folder / "prior.safetensors", Prior(generator))
    save_checkpoint(
        folder / "discriminator.safetensors", Discriminator((8, 8, 8, 8), 32), {"channels": (8, 8, 8, 8), "side": 32}
    )
    return folder / "prior.safetensors"


@pytest.fixture
def float32(monkeypatch):
    """Networks compute in float32, matrix units or not: for tests whose oracle does."""
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation=True: False)
    fabric.cache_clear()
    yield
    fabric.cache_clear()


class Touch:
    """Pickles as a call that makes the directory `path`: the mark of code that ran."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture(scope="session")
def touch():
    """`touch(path)`: an object whose unpickling makes the directory `path`."""
    return Touch


@pytest.fixture(scope="session")
def torchvision():
    """The library, whose compiled operators do not load beside the CPU build of torch; no classifier calls them: stubbed."""
    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        package = Path(importlib.util.find_spec("torchvision").submodule_search_locations[0])
        registered = (package / "_meta_registrations.py").read_text()
        library = torch.library.Library("torchvision", "DEF")
        for operator in set(re.findall(r'register_fake\("torchvision::(\w+)"\)', registered)):
            library.define(f"{operator}(Tensor boxes) -> Tensor")
        import torchvision

        # The stubs live as long as the library.
        torchvision.stubs = library
    return torchvision


@pytest.fixture(scope="session")
def timm(torchvision):
    """The library, which imports torchvision."""
    import timm

    return timm
