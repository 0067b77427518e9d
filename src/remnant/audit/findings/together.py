"""The tests of membership attacks that are of the same patients, dealt to their groups together."""

from collections.abc import Sequence

import numpy as np

from remnant.audit.findings.rows import ScoredPatients, statistics_of
from remnant.audit.verdict.family import DealtTests
from remnant.base.findings import Finding
from remnant.base.results import Row
from remnant.measure.dealt_together import dealt_p
from remnant.measure.roles import MEMBER, NON_MEMBER

NAME = "joint_p"


def dealt_together(
    claims: Sequence[ScoredPatients], seeds: np.random.Generator, target: str = "model"
) -> DealtTests | None:
    """The tests of most of the `claims`: of those on one network that are of the very same members and non-members; None of fewer
    than two claims.

    Under no leak the roles are dealt at random to patients whose scores are what they are, all scores of one patient together: so
    it is counted how often any of the tests is as telling as one of them was.
    """
    groups: dict[tuple[tuple[str, ...], bytes], list[ScoredPatients]] = {}
    for claim in claims:
        if claim.roles.ndim == 1:
            groups.setdefault((claim.patients, claim.roles.tobytes()), []).append(claim)
    own = max(groups.values(), key=len, default=[])
    if len(own) < 2:
        return None
    asked = np.isin(own[0].roles, (MEMBER, NON_MEMBER))
    found, dealt = dealt_p(np.stack([claim.scores[asked] for claim in own]), own[0].roles[asked] == MEMBER, seeds)
    tests = [((target, claim.key), statistic) for claim in own for statistic in statistics_of(claim)]
    return DealtTests(tests, found.ravel(), dealt.reshape(len(dealt), -1))


def joint_rows(findings: Sequence[Finding], jointly: Sequence[Finding]) -> list[Row]:
    """p of each membership test by Holm alone and by what the verdict takes, of the same findings adjusted in either way."""
    return [
        {"attack": one.attack, "view": one.view, "statistic": one.statistic, "p": one.p}
        | {"holm_p": one.adjusted_p, "joint_p": both.adjusted_p, "joint_p_bound": both.p_bound}
        for one, both in zip(findings, jointly, strict=True)
        if one.claim == "patient_scores" and one.p is not None
    ]
