"""Membership by the server's own output: how well its segmentation fits training patients, and how well test patients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from remnant.attacks.membership.blind import blind_features
from remnant.attacks.membership.threshold import by_patient
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans
from remnant.measure.blind import blind_test
from remnant.measure.membership_inference import MembershipTest, membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.studies.kim2019.kept import kept
from remnant.studies.kim2019.records import STUDY, Fitted
from remnant.studies.membership import stored
from remnant.studies.membership_tables import ByOutput, membership_tables

BLIND = "blind"


def blind_cell(run: Run, seed: int, spread: bool) -> dict[str, Any]:
    """The blind baseline: training patients against test patients by their scans, ages and sexes alone.

    `spread`: both roles were given as many patients of each number of sessions as their sizes allow.
    """
    scans = kept(run, Scans, STUDY)
    chosen = [i for role in ("training", "test") for i in scans.where(role) if scans.labels[i].any()]
    sexes = np.array([{"F": 1.0, "M": 0.0}.get(scans.sexes[i], np.nan) for i in chosen])
    patients = [scans.patients[i] for i in chosen]
    roles = _roles([scans.roles[i] for i in chosen])
    details = {"age": scans.ages[chosen], "sex": sexes}
    names, features = blind_features(torch.from_numpy(scans.images[chosen]), patients, details)
    role_of = dict(zip(patients, roles, strict=True))
    own = np.array([role_of[name] for name in names])
    matched = np.array([patients.count(name) for name in names]) if spread else None
    return {"blind": stored(blind_test(features, own, Seeds(seed).child(BLIND).numpy(), matched=matched))}


def membership_rows(
    fitted: Sequence[Fitted], blind: MembershipTest, described: Mapping[str, Row], seeds: Seeds
) -> dict[str, list[Row]]:
    """The tables `membership` and `membership_verdicts`, by variant, with the columns that say which variant it is."""
    tested, columns = {}, {}
    for each in fitted:
        name = str(described[each.variant]["name"])
        columns[name] = described[each.variant]
        claims = by_patient({"dice": each.dice, "cross_entropy": each.cross_entropy}, each.patients, _roles(each.roles))
        tests = {
            claim.signal: membership_test(claim.scores, claim.roles, seeds.child(each.variant, claim.signal).numpy())
            for claim in claims
        }
        tested[name] = ByOutput(tests, blind)
    tables = membership_tables(tested)
    return {table: [{**columns[str(row["target"])], **row} for row in rows] for table, rows in tables.items()}


def _roles(roles: Sequence[str]) -> np.ndarray:
    return np.array([MEMBER if role == "training" else NON_MEMBER for role in roles])
