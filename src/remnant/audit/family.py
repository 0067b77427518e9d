"""All tests of an audit together: how the level is dealt out among them beforehand, and what that makes of their p-values."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from remnant.audit.judge import LEVEL
from remnant.base.findings import Finding
from remnant.measure.multiplicity import holm, holm_is_bound

PRIMARY_SHARE = 0.5  # of the level, for the tests that were named before the run
# A test: attack, view and where. Findings of one test have one p.
Key = tuple[str, str, str]


def levels(tests: Iterable[tuple[Key, bool]]) -> dict[Key, float]:
    """What of `LEVEL` each of the tests may use, by whether it is primary: the primary ones share half of it."""
    primary = dict(tests)
    weights = _weights(list(primary.values()))
    return {key: LEVEL * float(weight) for key, weight in zip(primary, weights, strict=True)}


def adjusted(findings: Sequence[Finding]) -> list[Finding]:
    """The findings with p after Holm over all tests, by the same shares; a finding without p is no test."""
    tests: dict[Key, Finding] = {}
    for finding in findings:
        if finding.p is not None:
            tests.setdefault(key_of(finding), finding)
    weights = _weights([finding.primary for finding in tests.values()])
    p_values = [finding.p for finding in tests.values()]
    bounds = [finding.p_bound for finding in tests.values()]
    after: Mapping[Key, float] = dict(zip(tests, holm(p_values, weights), strict=True))
    bound = dict(zip(tests, holm_is_bound(p_values, bounds, weights), strict=True))
    return [
        finding
        if finding.p is None
        else finding.model_copy(
            update={"adjusted_p": float(after[key_of(finding)]), "p_bound": bool(bound[key_of(finding)])}
        )
        for finding in findings
    ]


def key_of(finding: Finding) -> Key:
    """The test that a finding is of."""
    return finding.attack, finding.view, finding.where


def _weights(primary: Sequence[bool]) -> np.ndarray:
    """Shares that sum to one."""
    named = np.array(primary, dtype=bool)
    if not len(named) or not named.any() or named.all():
        return np.full(len(named), 1 / max(1, len(named)))
    return np.where(named, PRIMARY_SHARE / named.sum(), (1 - PRIMARY_SHARE) / (~named).sum())
