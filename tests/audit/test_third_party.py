"""An attack of another package: found by its entry point, listed, run, and in the results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remnant.attacks.registry import ATTACKS

PACKAGE = Path(__file__).parents[1] / "third_party"
TARGET = """\
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 2))

def data():
    draw = torch.Generator().manual_seed(0)
    for i in range(24):
        yield {"image": torch.rand(1, 8, 8, generator=draw), "label": i % 2, "patient": i, "member": i < 12}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """`installed(*words)`: a command where the package is installed."""
    place = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    # From a copy, in which the build may leave what it likes.
    source = tmp_path_factory.mktemp("source") / "package"
    subprocess.run(["cp", "-r", str(PACKAGE), str(source)], check=True)
    subprocess.run([*pip, "--target", str(place), str(source)], check=True, capture_output=True)
    path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])

    def run(*words, cwd):
        return subprocess.run(
            [sys.executable, "-m", "remnant", *words],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.slow
def test_an_attack_of_another_package_is_listed_run_and_reported(installed, tmp_path):
    listed = installed("audit", "--list", cwd=tmp_path)
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert listed.returncode == 0 and names == [*(attack.name for attack in ATTACKS), "confidence", "fold"], (
        listed.stderr
    )
    assert listed.stdout.splitlines()[-2].endswith(
        "how sure the model is of its answer (Salem et al. 2019, arXiv 1806.01246)"
    )
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "audit.toml").write_text("[target]\nplanted_steps = 20\n")
    (tmp_path / "own" / "target.py").write_text(TARGET)
    done = installed("audit", "own", "--quiet", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    results = json.loads((tmp_path / "own-audit" / "results.json").read_text())
    assert {"confidence", "output"} <= {finding["attack"] for finding in results["findings"]}
    assert "confidence" in {control["attack"] for control in results["controls"]}
    assert "how sure the model is" in (tmp_path / "own-audit" / "report.html").read_text()


def test_the_list_says_what_each_attack_needs_and_who_described_it(remnant):
    code, _, printed = remnant("audit", "--list")
    lines = printed.splitlines()
    assert code == 0 and len(lines) >= len(ATTACKS)
    for attack, line in zip(ATTACKS, lines, strict=False):
        assert (
            line.split()[:2] == [attack.name, attack.access]
            and attack.words in line
            and line.endswith(f"({attack.source})")
        )
    assert lines[-1].startswith("fold rank") and "patient scores" in lines[-1] and "nnU-Net" in lines[-1]


@pytest.mark.parametrize("command", ["audit", "rescore"])
def test_help_of_an_audit_speaks_of_its_settings_and_says_where_the_attacks_are(remnant, command):
    printed = " ".join(remnant(command, "--help")[2].split())
    assert "preset" not in printed and "audit.toml" in printed
    assert command == "rescore" or "`remnant audit --list` names each attack" in printed
