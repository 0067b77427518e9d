"""Membership by the targets' own output: every target segments the original scans, and its Dice and cross-entropy are compared.

A patient is a member of one fold's target and a non-member of another's, so that patients are dealt anew as a whole.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from remnant.attacks.membership.blind import blind_features
from remnant.attacks.membership.threshold import segment
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.blind import blind_test
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.studies.membership import restored, stored
from remnant.studies.membership_tables import ByOutput
from remnant.studies.subbanna2021.cells import load_target
from remnant.studies.subbanna2021.experiments import TARGETS, Target, target_name
from remnant.studies.subbanna2021.folds import FoldData, read_fold
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.access import outputs_of

CONTROL = "overfit"


def membership_cell(run: Run, network: str, fold: int, target: str, settings: StudySettings) -> dict[str, Any]:
    """Scores of every signal of one target for the first scan of every patient who has a role in some fold."""
    data = read_fold(run, fold).seen_by(TARGETS[target])
    scans, roles = first_scans(data, TARGETS[target], settings)
    patients = [data.pseudonyms[i] for i in scans]
    access = outputs_of(load_target(run, network, fold, target))
    claims = segment(access, data.images[scans], data.labels[scans], patients, roles)
    return {
        "network": network,
        "fold": fold,
        "output_of": target,
        "roles": claims[0].roles.tolist(),
        "signals": {claim.signal: claim.scores.tolist() for claim in claims},
    }


def blind_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """The blind baseline for the patients of one kind of target, in all folds together."""
    features, roles = [], []
    for fold in range(settings.dealt):
        data = read_fold(run, fold).seen_by(TARGETS[target])
        scans, own = first_scans(data, TARGETS[target], settings)
        features.append(blind_features(data.images[scans], [data.pseudonyms[i] for i in scans])[1])
        roles.append(own)
    random = Seeds(settings.seed).child("blind", target).numpy()
    return {"blind_of": target, "blind": stored(blind_test(np.stack(features), np.stack(roles), random))}


def outputs_tested(cells: Mapping[str, dict[str, Any]], seeds: Seeds) -> dict[str, ByOutput]:
    """What the cells measured, by network and kind of target, folds together."""
    blind = {cell["blind_of"]: restored(cell["blind"]) for cell in cells.values() if "blind_of" in cell}
    measured: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in cells.values():
        if "output_of" in cell:
            measured.setdefault((cell["network"], cell["output_of"]), []).append(cell)
    tested = {}
    for (network, target), folds in measured.items():
        roles = np.array([cell["roles"] for cell in folds])
        tests = {
            signal: membership_test(
                np.array([cell["signals"][signal] for cell in folds]),
                roles,
                seeds.child(network, target, signal).numpy(),
            )
            for signal in folds[0]["signals"]
        }
        tested[target_name(network, target)] = ByOutput(tests, blind[target], control=target == CONTROL)
    return tested


def first_scans(data: FoldData, target: Target, settings: StudySettings) -> tuple[list[int], np.ndarray]:
    """Indices of the first scans of all patients with a role in some fold, and their roles for a target in this one.

    In the order of the cohort, which is the same in all folds, and without scans in which nothing is labelled.
    Without non-members the attacker's patients stand in for them, whom the target's training never saw.
    """
    few = settings.few if target.few else None
    trained = set(data.where("member", 1)[:few])
    others = "non_member" if data.where("non_member") else "attacker"
    held = set(data.where(others, 1)[:few])
    # Of a swap's patients those who never change places have no role in any fold.
    groups = ("member", "non_member") if settings.design == "swap" else ("member", "non_member", "attacker")
    scans = sorted(i for group in groups for i in data.where(group, 1) if data.labels[i].any())
    return scans, np.array([MEMBER if i in trained else NON_MEMBER if i in held else OTHER for i in scans])
