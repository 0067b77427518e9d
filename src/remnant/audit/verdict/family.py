"""All tests of an audit together: how the level is dealt out among them beforehand, and what that makes of their p-values."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.audit.verdict.outcome import LEVEL
from remnant.base.findings import Finding, Statistic
from remnant.measure.multiplicity import holm, holm_is_bound, step_down

PRIMARY_SHARE = 0.5  # of the level, for the tests that were named before the run
# Of what a membership attack's claim may use of the level, how large a part each statistic's own test has beside the others.
PARTS: dict[Statistic, float] = {
    "auc": 0.5,
    "advantage": 0.2,
    "tpr_at_10_fpr": 0.2,
    "tpr_at_lowest_fpr": 0.1,
}
# A claim: attack, view and where. Its findings have one p, but for those of a claim that has an AUC.
Key = tuple[str, str, str]
# The same of one target among several.
TargetKey = tuple[str, Key]


def levels(claims: Iterable[tuple[Key, bool]], drawn: Iterable[Key] = ()) -> dict[Key, float]:
    """What of `LEVEL` each of the claims may use, by whether it is primary: the primary ones share half of it.

    Those of candidates, `drawn`, are further ones: in each space they together use what one claim does. No limit is held against
    any, and however many attacks draw images, those that a limit is held against see no less for it.
    """
    return levels_of({"": claims}, {"": drawn})[""]


def levels_of(
    claims: Mapping[str, Iterable[tuple[Key, bool]]], drawn: Mapping[str, Iterable[Key]] | None = None
) -> dict[str, dict[Key, float]]:
    """The same by target, of the claims on several that are judged together."""
    primary = {(target, key): one for target, own in claims.items() for key, one in own}
    shares = _shares(primary, [(target, key) for target, own in (drawn or {}).items() for key in own])
    found: dict[str, dict[Key, float]] = {target: {} for target in (*claims, *(drawn or {}))}
    for (target, key), share in shares.items():
        found[target][key] = LEVEL * share
    return found


def parts_of(statistics: Sequence[Statistic]) -> dict[Statistic, float]:
    """The parts of one claim's level that these of its statistics have, which sum to one."""
    whole = sum(PARTS[name] for name in statistics)
    return {name: PARTS[name] / whole for name in statistics}


@dataclass(frozen=True)
class DealtTests:
    """Tests of scores of the same patients, by claim and statistic: `own` (j,) p of each, and `dealt` (deals, j) those of the
    patients dealt to their groups anew, on one scale."""

    tests: Sequence[tuple[TargetKey, Statistic]]
    own: np.ndarray
    dealt: np.ndarray


def adjusted(findings: Sequence[Finding], share: float = 1.0, together: DealtTests | None = None) -> list[Finding]:
    """The findings with p after Holm over all tests, of all targets, by the same shares; a finding without p is no test.

    `share`: of the level, where these tests are one of several looks at growing data, by which p is divided. Of tests that were
    dealt `together` the chance that any of them falls so low is counted (`multiplicity.step_down`), where Holm adds theirs up.
    """
    made = [finding for finding in findings if finding.p is not None]
    primary = {key_of(finding): finding.primary for finding in made}
    drawn = list(dict.fromkeys(key_of(finding) for finding in made if finding.claim == "candidates"))
    shares = _shares({key: one for key, one in primary.items() if key not in drawn}, drawn)
    in_parts = {key_of(finding) for finding in made if finding.statistic == "auc"}
    tested = {key: parts_of([one.statistic for one in made if key_of(one) == key]) for key in in_parts}

    def test_of(finding: Finding) -> tuple[TargetKey, Statistic | None]:
        return key_of(finding), finding.statistic if key_of(finding) in in_parts else None

    tests: dict[tuple[TargetKey, Statistic | None], Finding] = {}
    for finding in made:
        tests.setdefault(test_of(finding), finding)
    weights = [shares[key] * (tested[key][statistic] if statistic else 1.0) for key, statistic in tests]
    p_values = [finding.p for finding in tests.values()]
    bounds = [finding.p_bound for finding in tests.values()]
    if together is None:
        values, unreached = holm(p_values, weights), holm_is_bound(p_values, bounds, weights)
    else:
        values, unreached = _jointly(list(tests), p_values, bounds, weights, together)
    after = dict(zip(tests, np.minimum(1.0, values / share), strict=True))
    bound = dict(zip(tests, unreached, strict=True))
    return [
        finding
        if finding.p is None
        else finding.model_copy(
            update={"adjusted_p": float(after[test_of(finding)]), "p_bound": bool(bound[test_of(finding)])}
        )
        for finding in findings
    ]


def _jointly(
    tests: Sequence[tuple[TargetKey, Statistic | None]],
    p_values: Sequence[float],
    bounds: Sequence[bool],
    weights: Sequence[float],
    together: DealtTests,
) -> tuple[np.ndarray, np.ndarray]:
    """Adjusted p of the tests, and which are bounds; none is below its own p before."""
    column = {test: number for number, test in enumerate(together.tests)}
    places = [place for place, test in enumerate(tests) if test in column]
    columns = [column[tests[place]] for place in places]
    scaled = np.array(p_values)
    scaled[places] = together.own[columns]
    after, unreached = step_down(scaled, weights, together.dealt[:, columns], places)
    return np.maximum(after, p_values), np.where(np.isin(np.arange(len(tests)), places), unreached, bounds)


def key_of(finding: Finding) -> TargetKey:
    """The claim that a finding is of."""
    return finding.target, (finding.attack, finding.view, finding.where)


def _shares(primary: Mapping[TargetKey, bool], drawn: Sequence[TargetKey]) -> dict[TargetKey, float]:
    """Shares that sum to one."""
    together = Counter((target, view) for target, (_, view, _) in drawn)
    units = {**dict.fromkeys(primary, 1.0), **{key: 1 / together[key[0], key[1][1]] for key in drawn}}
    named = {key for key, first in primary.items() if first}
    rest = sum(unit for key, unit in units.items() if key not in named)
    if not named or not rest:
        return {key: unit / sum(units.values()) for key, unit in units.items()}
    return {
        key: PRIMARY_SHARE / len(named) if key in named else (1 - PRIMARY_SHARE) * unit / rest
        for key, unit in units.items()
    }
