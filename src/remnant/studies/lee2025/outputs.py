"""Membership by a target's own output: the cell that asks it, and the tests of what it answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.membership.threshold import classify
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.membership_inference import MembershipTest, membership_test
from remnant.studies.lee2025.blind import ROLES, blind_baseline, together
from remnant.studies.lee2025.kept import read_groups
from remnant.studies.lee2025.targets import CONTROLS
from remnant.studies.membership_tables import ByOutput
from remnant.targets.access import classifier_outputs
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target


def output_cell_name(target: str) -> str:
    return f"output-{target}"


def output_cell(run: Run, target: str, checkpoint: Path, input_range: InputRange, source: str) -> dict[str, Any]:
    """Ask a target about the patients of a `source`: the `roles` of the patients, and the `signals`, a list of scores each."""
    groups = read_groups(run, source)
    images, patients, roles = together(groups)
    labels = np.concatenate([np.asarray(groups[name].labels) for name in ROLES])
    access = classifier_outputs(load_target(checkpoint), input_range)
    found = classify(access, images, labels, patients, roles)
    return {
        "roles": found[0].roles.tolist(),
        "signals": {one.signal: one.scores.tolist() for one in found},
    }


def outputs_tested(
    run: Run, cells: Mapping[str, Mapping[str, Any]], sources: Mapping[str, str], seeds: Seeds
) -> dict[str, ByOutput]:
    """The tests of every target that was asked, by the name of its source, with the blind baseline of that source."""
    blind: dict[str, MembershipTest] = {}
    tested = {}
    for target, source in sources.items():
        if not (cell := cells.get(output_cell_name(target))):
            continue
        if source not in blind:
            blind[source] = blind_baseline(source, read_groups(run, source), seeds.child("blind", source))
        roles = np.array(cell["roles"])
        tests = {
            signal: membership_test(np.array(scores), roles, seeds.child(target, signal).numpy())
            for signal, scores in cell["signals"].items()
        }
        tested[target] = ByOutput(tests, blind[source], control=target in CONTROLS)
    return tested
