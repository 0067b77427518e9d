"""What an audit did not test, and why."""

from collections.abc import Sequence

from remnant.base.findings import AttackRun, AuditResults
from remnant.base.terms import CLAIMS, called, capital
from remnant.base.texts import enumerated


def untested(results: AuditResults) -> list[str]:
    """What was not tested and why, a sentence each, what the attacks that were run do not see first."""
    missing = [attack for attack in results.scenario.attacks if not attack.run]
    return results.not_tested + [not_run(alike) for alike in by_reason(missing)]


def by_reason(attacks: Sequence[AttackRun]) -> list[list[AttackRun]]:
    """Those that make one claim and were not run for one reason, together."""
    found: dict[tuple[str | None, str], list[AttackRun]] = {}
    for attack in attacks:
        found.setdefault((attack.claim, attack.why), []).append(attack)
    return list(found.values())


def not_run(alike: Sequence[AttackRun]) -> str:
    """That these were not run, in a sentence, and why."""
    first = alike[0]
    what = first.words or called(first.name)
    if len(alike) > 1:
        named = f"attacks {enumerated([called(attack.name) for attack in alike])}"
        what = f"{CLAIMS[first.claim]} ({named})" if first.claim else named
    return f"{capital(what)}: not run.{f' {capital(first.why)}'.rstrip('. ')}{'.' if first.why else ''}"
