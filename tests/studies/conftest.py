"""A study's own network, audited as a stranger's file."""

import pytest
import torch

from remnant.base.findings import AuditResults

# The network by its class, as whoever was sent its file would build it.
TARGET = """
import torch
from {module} import {name}

def build():
    return {name}(**{arguments})

def data():
    return torch.load({path!r}, weights_only=True)
"""


@pytest.fixture
def audited(tmp_path, remnant):
    """`audited(network, arguments, items, checkpoint)`: the AUC by the output of a network of that class, by its view."""

    def run(network, arguments, items, checkpoint):
        own = tmp_path / "own"
        own.mkdir()
        torch.save(items, own / "items.pt")
        words = {"module": network.__module__, "name": network.__name__, "path": str(own / "items.pt")}
        (own / "target.py").write_text(TARGET.format(arguments=arguments, **words))
        (own / "audit.toml").write_text(f'[target]\ncheckpoint = "{checkpoint}"\nplanted_steps = 1\n')
        code, lines, _ = remnant("audit", own, "--out", tmp_path / "audit", "--quiet")
        assert code in (0, 1, 3), lines
        findings = AuditResults.read(tmp_path / "audit/results.json").findings
        return {one.view: one.value for one in findings if one.attack == "output" and one.statistic == "auc"}

    return run
