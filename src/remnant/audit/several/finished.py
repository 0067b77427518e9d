"""A finished audit, read again with what each attack made of each patient, to be held against other audits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from remnant.audit.cells.kept import has_claims, kept_pairs, kept_roles, kept_scores
from remnant.audit.findings.pairs import Paired
from remnant.audit.findings.rows import ScoredPatients
from remnant.base.errors import RemnantError
from remnant.base.findings import AuditResults, Finding
from remnant.base.run import Run
from remnant.base.terms import CLAIMS, RAW
from remnant.base.texts import counted, enumerated

# Of what an attack, of patients in a view or of pairs in a view by an adversary, kept its scores.
Key = tuple[str, ...]


@dataclass(frozen=True)
class FinishedAudit:
    """One audit of several: `name` as tables call it, its `results`, and the `roles` by patient.

    `scored`: what was made of patients, by attack and view; `paired`: of pairs of scans, by attack, view, kind of scans and
    adversary. `named`: the attack and view that were named before the run, empty where none was.
    """

    name: str
    results: AuditResults
    roles: Mapping[str, int]
    scored: Mapping[Key, ScoredPatients]
    paired: Mapping[Key, Paired]

    @property
    def primary(self) -> Finding | None:
        """The finding of the AUC that was named before the run."""
        return next((one for one in self.results.findings if one.primary and one.statistic == "auc"), None)

    @property
    def named(self) -> Key:
        """Its attack and view, empty where none was named."""
        return (self.primary.attack, self.primary.view) if self.primary else ()

    @property
    def ran(self) -> tuple[str, ...]:
        """The names of the attacks that were run."""
        return tuple(attack.name for attack in self.results.scenario.attacks if attack.run)

    @property
    def unpaired(self) -> list[str]:
        """What was claimed of which no score of a patient or a pair is kept, in words."""
        of = {attack.claim for attack in self.results.scenario.attacks if attack.run}
        return [words for claim, words in CLAIMS.items() if claim in of - {"patient_scores", "pair_scores"}]

    def only(self, attacks: Collection[str]) -> "FinishedAudit":
        """The same with these attacks alone; raises `RemnantError` for one that it did not run."""
        if missing := [name for name in attacks if name not in self.ran]:
            raise RemnantError(
                f"{self.name} did not run {enumerated(missing)}; name attacks of all audits, such as {', '.join(self.ran)}."
            )
        scenario = self.results.scenario
        kept = [attack for attack in scenario.attacks if attack.name in attacks]
        findings = [one for one in self.results.findings if one.attack in attacks]
        # As they stand: nothing is judged by these results.
        changed = {"scenario": scenario.model_copy(update={"attacks": kept}), "findings": findings}
        return replace(
            self,
            results=self.results.model_copy(update=changed),
            scored={key: one for key, one in self.scored.items() if key[0] in attacks},
            paired={key: one for key, one in self.paired.items() if key[0] in attacks},
        )


def read_finished(path: Path, name: str = "") -> FinishedAudit:
    """The audit in the run directory `path`; `name` in tables, by default that of the directory.

    Raises `RemnantError` for another run, one that is not finished, and one whose patient data are purged or were not kept.
    """
    run = Run.open(path, "give the directory of a finished `remnant audit`")
    if run.study != "audit":
        raise RemnantError(f"{path} is a run of {run.study!r}; give runs of `remnant audit`.")
    if not run.results.exists():
        raise RemnantError(f"The audit {path} is not finished; go on with it by --resume.")
    results = AuditResults.read(run.results)
    if not (run.private / "key").exists():
        raise RemnantError(
            f"The patient data of {path} were purged, and with them what each attack made of each patient; compare audits before "
            "`remnant purge`, or audit again."
        )
    roles = kept_roles(run)
    if not roles:
        raise RemnantError(
            f"The audit {path} kept no scores by patient, as one of a table or of an earlier version; audit the model again."
        )
    ran = [attack for attack in results.scenario.attacks if attack.run and has_claims(run, attack.name)]
    scored = {
        (claim.attack, claim.view): claim
        for attack in ran
        if attack.claim == "patient_scores"
        for claim in kept_scores(run, roles, attack.name, primary=False)
    }
    paired = {
        (attack.name, one.view, one.where, one.adversary): one
        for attack in ran
        if attack.claim == "pair_scores"
        for one in kept_pairs(run, attack.name)
        if one.view != RAW
    }
    return FinishedAudit(name or path.resolve().name, results, roles, scored, paired)


def require_alike(audits: Sequence[FinishedAudit]) -> None:
    """Raise `RemnantError` where audits cannot be held against the first, by patient: of another scenario, other patients or
    groups, or other attacks."""
    first = audits[0]
    for other in audits[1:]:
        here, there = first.results.scenario.name, other.results.scenario.name
        if here != there:
            raise RemnantError(
                f"{first.name} is of the scenario {here} and {other.name} of {there}, which allow other attacks; audit both in "
                "one."
            )
        if odd := _elsewhere(first.roles, other.roles):
            who = counted(odd, "patient is", "patients are")
            raise RemnantError(
                f"{other.name} is of other patients than {first.name}: {who} in one audit alone or in another group; audit both "
                "models on the same members and non-members."
            )
        if odd_ones := sorted({*first.ran} ^ {*other.ran}):
            raise RemnantError(
                f"{other.name} ran other attacks than {first.name}: {enumerated(odd_ones)} in one alone; name those of both by "
                "--attacks, or audit again."
            )


def _elsewhere(one: Mapping[str, int], other: Mapping[str, int]) -> int:
    """How many patients are not in the same group of both."""
    return sum(one.get(patient) != other.get(patient) for patient in {*one, *other})
