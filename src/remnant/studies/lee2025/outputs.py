"""Membership by a target's own output: the cell that asks it, and the tests of what it answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from remnant.attacks.membership.threshold import classify
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.membership_inference import MembershipTest, membership_test
from remnant.measure.roles import MEMBER
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
    """Ask a target about the patients of a `source`: the `roles` of the patients, and the `signals`, a list of scores each.

    `task`: as `task_of` tells of the members' images, empty where no answers are known.
    """
    groups = read_groups(run, source)
    images, patients, roles = together(groups)
    labels = np.concatenate([groups[name].labels for name in ROLES])
    known = labels_known(labels)
    access = classifier_outputs(load_target(checkpoint), input_range)
    found = classify(access, images, labels if known else None, patients, roles)
    members = roles == MEMBER
    task = task_of(access.predict(images[members]).numpy(), labels[members]) if known else {}
    return {
        "roles": found[0].roles.tolist(),
        "signals": {one.signal: one.scores.tolist() for one in found},
        "task": task,
    }


def labels_known(labels: np.ndarray) -> bool:
    """Whether a group's labels are answers: a group without them has -1."""
    return bool((labels >= 0).all())


def task_of(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """How many answers are `right` of those `asked`, and the share that chance gives to one who answers as often each way."""
    if logits.shape[1] == 1 or labels.ndim == 2:
        truth = labels.reshape(len(labels), -1)
        answers = logits > 0
        rate, truth_rate = answers.mean(0), truth.mean(0)
        chance = float((rate * truth_rate + (1 - rate) * (1 - truth_rate)).mean())
        right = answers == truth
    else:
        answers, classes = logits.argmax(1), range(logits.shape[1])
        chance = float(sum((answers == one).mean() * (labels == one).mean() for one in classes))
        right = answers == labels
    return {"right": int(right.sum()), "asked": int(right.size), "by_chance": chance}


def does_its_task(told: Mapping[str, Any]) -> bool | None:
    """Whether a target answers rightly more often than chance (exact binomial, one-sided 5%); None where nobody knows."""
    if not told:
        return None
    found = stats.binomtest(told["right"], told["asked"], min(1.0, told["by_chance"]), alternative="greater")
    return bool(found.pvalue <= 0.05)


def answers_against(told: Mapping[str, Any]) -> bool:
    """Whether a target answers wrongly more often than chance (exact binomial, one-sided 5%): classes taken for others."""
    if not told:
        return False
    found = stats.binomtest(told["right"], told["asked"], min(1.0, told["by_chance"]), alternative="less")
    return bool(found.pvalue <= 0.05)


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
