"""What docs/extending.md promises: a new part is one file and its entry in the list of its room, and everything knows it then.

The parts are put into a copy of the package, which another process runs.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.report.example_audit import audit_results
from tests.test_docs import ROOT

PARTS = {
    "attack": SimpleNamespace(
        path="attacks/membership/brightness.py",
        code='''"""Membership by brightness: no attack at all."""

from remnant.attacks.attack import Attack, PatientScores
from remnant.cohort.images import patient_means


def bright(access, own, settings, work):
    """The mean of each patient's images."""
    images = access.candidates
    names, means = patient_means([float(image.mean()) for image in images.images], images.patients)
    return [PatientScores("mean grey", names, means)]


BRIGHTNESS = Attack("brightness", "how bright a patient is", "outputs", "patient_scores", bright, "nobody")
''',
        into="attacks/registry.py",
        entry=("    *LISTED,\n", "    *LISTED,\n    BRIGHTNESS,\n"),
        named="from remnant.attacks.membership.brightness import BRIGHTNESS",
    ),
    "defence": SimpleNamespace(
        path="defenses/prayer.py",
        code='''"""Prayer: no defence at all."""

from remnant.defenses.defense import Defense

PRAYER = Defense(
    "prayer",
    "prayer",
    "Nothing is changed, and one hopes; it costs nothing.",
    "training",
    lambda recipe, settings: recipe,
    "nobody",
)
''',
        into="defenses/registry.py",
        entry=("    WEIGHT_DECAY,\n", "    WEIGHT_DECAY,\n    PRAYER,\n"),
        named="from remnant.defenses.prayer import PRAYER",
    ),
    "measure": SimpleNamespace(
        path="measure/nearest_grey.py",
        code='''"""How near the mean greys of two images are."""

import numpy as np


def nearest_grey(reconstructions, gallery, box=None):
    """(n, m), 0 where they are equal and less elsewhere."""
    one, other = (images.reshape(len(images), -1).mean(1) for images in (reconstructions, gallery))
    return -np.abs(one[:, None] - other)
''',
        into="measure/similarity.py",
        entry=(
            "MATRICES: dict[str, Similarity] = {\n",
            'MATRICES: dict[str, Similarity] = {\n    "grey": Similarity(nearest_grey, "Mean grey", "no settings"),\n',
        ),
        named="from remnant.measure.nearest_grey import nearest_grey",
    ),
    "layout": SimpleNamespace(
        path="cohort/layouts/numbered_scans.py",
        code='''"""Scans that are called after their patients."""

from remnant.cohort.case import Case
from remnant.cohort.layouts.table import make_cohort

LOOKED_FOR = "numbered scans (SCANS.txt)"


def recognises(directory):
    """Whether the file that says so is there."""
    return (directory / "SCANS.txt").is_file()


def read(directory):
    """A case a scan."""
    scans = sorted(directory.glob("*.nii.gz"))
    return make_cohort(directory, [Case(path.name[:4], "1", path) for path in scans], {}, "labels.csv")
''',
        into="cohort/layouts/read.py",
        entry=("TABLED = (manifest,", "TABLED = (numbered_scans, manifest,"),
        named="from remnant.cohort.layouts import numbered_scans",
    ),
    "chapter": SimpleNamespace(
        path="report/chapters/weather.py",
        code='''"""The weather."""

from remnant.base.results import Section
from remnant.report.chapters.part import Part


def weather(results):
    """It is always told."""
    return Part(Section(title="The weather", text=["It rained."]))
''',
        into="report/chapters/__init__.py",
        entry=("attributes, controls)", "attributes, controls, weather)"),
        named="from remnant.report.chapters.weather import weather",
    ),
    "figure": SimpleNamespace(
        path="report/figures/blank.py",
        code='''"""An empty figure."""

from matplotlib.figure import Figure


def blank(rows):
    """Nothing is drawn."""
    return Figure()
''',
        into="report/figures/__init__.py",
        entry=("FIGURES = {\n", 'FIGURES = {\n    "blank": FigureKind(blank, "roc"),\n'),
        named="from remnant.report.figures.blank import blank",
    ),
}
# Of another package, which is found where it is installed.
THEIRS = """
from remnant import Defense

HOPE = Defense("hope", "hope", "Nothing is done; it costs nothing.", "sent", lambda pair, settings: pair, "nobody")
"""
ASK = """
import json, sys
from pathlib import Path

import numpy as np
from torch import nn
from typer.testing import CliRunner

import remnant
from remnant.audit.verdict.defences import defence_rows
from remnant.cli import app
from remnant.cohort.layouts.read import read_cohort
from remnant.report.audit import make_audit_report
from remnant.report.figures import FIGURES
from remnant.studies.lee2025.settings import StudySettings as StudyOfTargets
from remnant.studies.subbanna2021.settings import StudySettings

run, cohort = map(Path, sys.argv[1:])
grey = StudySettings(preset="smoke", metrics=("grey",)).metrics
scores = remnant.measure.similarity.MATRICES["grey"].matrix(np.zeros((1, 2, 2)), np.ones((1, 2, 2)))
print(json.dumps({
    "from": remnant.__file__,
    "attacks": CliRunner().invoke(app, ["audit", "--list"]).stdout,
    "defences": CliRunner().invoke(app, ["protect", "--list"]).stdout,
    "advised": [row["name"] for row in defence_rows(nn.Linear(2, 2), scenario="checkpoint")],
    "targets": StudyOfTargets.model_validate({"preset": "smoke", "targets": ["cnn_prayer"]}).recipe("cnn_prayer").defenses.keys()
    == {"prayer"},
    "measure": [list(grey), float(scores[0, 0])],
    "layout": read_cohort(cohort, tell=print).layout,
    "page": make_audit_report(run).read_text(),
    "figures": list(FIGURES),
}))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a package with all new parts says of them."""
    place = tmp_path_factory.mktemp("extended")
    package = place / "remnant"
    shutil.copytree(ROOT / "src" / "remnant", package, ignore=shutil.ignore_patterns("__pycache__"))
    for part in PARTS.values():
        assert not (package / part.path).exists()
        (package / part.path).write_text(part.code)
        listed = package / part.into
        before, (here, entered) = listed.read_text(), part.entry
        assert before.count(here) == 1, f"{part.into} has no place for another entry"
        first = before.index("\nfrom ")
        listed.write_text(before[:first] + f"\n{part.named}" + before[first:].replace(here, entered))
    (place / "hope.py").write_text(THEIRS)
    (place / "hope-1.0.dist-info").mkdir()
    (place / "hope-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: hope\nVersion: 1.0\n")
    (place / "hope-1.0.dist-info" / "entry_points.txt").write_text("[remnant.defenses]\nhope = hope:HOPE\n")
    run, cohort = place / "run", place / "cohort"
    run.mkdir()
    cohort.mkdir()
    audit_results().write(run / "results.json")
    (cohort / "SCANS.txt").touch()
    (cohort / "0001.nii.gz").touch()
    done = subprocess.run(
        [sys.executable, "-c", ASK, run, cohort],
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["from"]).is_relative_to(place)
    return found


def test_an_attack_is_listed_for_every_audit(told):
    assert any(line.split()[0] == "brightness" for line in told["attacks"].splitlines() if line.strip())


def test_a_defence_is_listed_advised_and_a_target_of_the_study(told):
    names = [line.split()[0] for line in told["defences"].splitlines()]
    assert "prayer" in names and "prayer" in told["advised"] and told["targets"]


def test_a_defence_of_another_package_needs_no_line(told):
    assert told["defences"].splitlines()[-1].startswith("hope ") and told["advised"][-1] == "hope"


def test_a_measure_is_one_that_a_study_may_ask_for(told):
    assert told["measure"] == [["grey"], -1.0]


def test_a_layout_is_read(told):
    assert told["layout"] == "numbered scans"


def test_a_chapter_stands_in_the_report(told):
    assert "The weather" in told["page"] and "It rained." in told["page"]


def test_a_figure_is_a_kind(told):
    assert "blank" in told["figures"]
