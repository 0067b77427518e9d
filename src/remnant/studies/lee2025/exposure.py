"""What the targets were shown to give away: the claims of all attacks on all targets, judged together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.kept import kept_scores, kept_similarities
from remnant.audit.findings.compare import comparison_rows, of_scores
from remnant.audit.findings.controls import planted_control
from remnant.audit.findings.gains import Similarities, gain_keys, gain_rows
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.verdict.family import levels_of
from remnant.base.findings import Control, Finding
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.roles import MEMBER
from remnant.studies.judged import exposed_of, judged
from remnant.studies.lee2025.cells import attack_cell_name
from remnant.studies.lee2025.groups import read_groups, roles_in
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import CONTROLS, MITIGATIONS, OVERFIT, PLANTED, TARGETS, UNTRAINED

# Balanced accuracy on validation patients, below which a target learned too little to be compared: what learned nothing leaks
# nothing.
USEFUL = 0.7
EVERY = "every target"


@dataclass(frozen=True)
class Claims:
    """What was claimed of one target: the patients' `scores` by its answers, how `near` the candidates of each attack come to
    everybody, by attack, and the `roles` by patient."""

    scores: Sequence[ScoredPatients]
    near: Mapping[str, Sequence[Similarities]]
    roles: Mapping[str, int]


@dataclass(frozen=True)
class Exposure:
    """The `findings` on all targets with their outcomes, and the `controls` by target, among them the `answers` of the targets
    that are controls."""

    findings: list[Finding]
    controls: dict[str, list[Control]]
    answers: list[Control]

    def of(self, target: str) -> list[Finding]:
        """The findings on a target, the strongest first."""
        return [one for one in self.findings if one.target == target]

    @property
    def told_controls(self) -> dict[str, list[Control]]:
        """The controls by target, and those that are every target's once."""
        own = {target: [one for one in held if one not in self.answers] for target, held in self.controls.items()}
        return {EVERY: self.answers, **own}

    @property
    def targets(self) -> list[str]:
        """Those that a verdict is about, controls apart."""
        found = {one.target for one in self.findings}
        return [target for target in TARGETS if target in found and target not in CONTROLS]

    @property
    def exposed(self) -> list[str]:
        """Those of them that give their patients away."""
        return [target for target in self.targets if exposed_of(self.of(target))]

    @property
    def seen(self) -> bool | None:
        """Whether the planted positive control is exposed by what attacks draw; None where there was none."""
        drawn = [one for one in self.of(PLANTED) if one.claim == "candidates"]
        return bool(exposed_of(drawn)) if drawn else None


def claims_of(run: Run, settings: StudySettings) -> dict[str, Claims]:
    """What the cells kept, by target."""
    found = {}
    for target in settings.targets:
        part, roles = run.part(target), roles_in(read_groups(run, TARGETS[target].source))
        near = {attack: kept_similarities(part, attack) for attack in settings.methods_on(target)}
        found[target] = Claims(kept_scores(part, roles, OUTPUT.name, primary=True), near, roles)
    return found


def controls_of(cells: Mapping[str, Mapping[str, Any]], claims: Mapping[str, Claims]) -> dict[str, list[Control]]:
    """The controls that cells returned: of each target's attacks, and the blind baseline of its source for all of them."""
    found = {}
    for target, own in claims.items():
        blind = [Control(**one) for one in cells[f"blind-{TARGETS[target].source}"]["controls"]]
        drawn = [Control(**one) for attack in own.near for one in cells[attack_cell_name(target, attack)]["controls"]]
        found[target] = [*blind, *(one.model_copy(update={"claim": "candidates"}) for one in blind if drawn), *drawn]
    return found


def exposure_of(claims: Mapping[str, Claims], controls: Mapping[str, Sequence[Control]], seeds: Seeds) -> Exposure:
    """The claims on all targets as findings.

    The targets that are controls are a family of their own: they answer whether the audit sees what is there, not what is. What
    they answer is a control of every attack on the others.
    """
    told = {target: list(own) for target, own in controls.items()}
    held = _judged({target: own for target, own in claims.items() if target in CONTROLS}, told, seeds)
    drawn = [one for one in held if one.target == PLANTED and one.claim == "candidates"]
    answers = [
        *_of_planted_scores(claims),
        *_answers(drawn, "planted", "of the planted CNN"),
        *_answers([one for one in held if one.target == UNTRAINED], "null", "of a network that was never trained"),
    ]
    others = [target for target in claims if target not in CONTROLS]
    told |= {target: [*told[target], *answers] for target in others}
    return Exposure([*_judged({target: claims[target] for target in others}, told, seeds), *held], told, answers)


def _judged(claims: Mapping[str, Claims], controls: Mapping[str, Sequence[Control]], seeds: Seeds) -> list[Finding]:
    level = levels_of(
        {target: [(one.key, one.primary) for one in own.scores] for target, own in claims.items()},
        {
            target: [key for attack, near in own.near.items() for key in gain_keys(attack, near)]
            for target, own in claims.items()
        },
    )
    rows = []
    for target, own in claims.items():
        # Its own branch, so that its numbers do not depend on which others there are.
        branch = seeds.child(target)
        rows += membership_rows(own.scores, level[target], branch.child("scores").numpy(), target)
        for attack, near in own.near.items():
            rows += gain_rows(attack, near, own.roles, level[target], branch, target)
    return judged(rows, controls)


def _of_planted_scores(claims: Mapping[str, Claims]) -> list[Control]:
    """Whether the answers of the planted target give its members away."""
    if PLANTED not in claims:
        return []
    views = claims[PLANTED].scores
    dose = f"by answers of a CNN trained on {int((views[0].roles == MEMBER).sum())} images for very long"
    tried = [
        planted_control(
            OUTPUT.name,
            view.scores[view.roles == MEMBER],
            view.scores[view.roles != MEMBER],
            looks=len(views),
            dose=dose,
        )
        for view in views
    ]
    return [max(tried, key=lambda control: control.value or 0.0)]


def _answers(findings: Sequence[Finding], kind: Literal["planted", "null"], whose: str) -> list[Control]:
    """For each attack that was run on a target that is a control, whether it exposes the patients of that."""
    strongest: dict[str, Finding] = {}
    for one in findings:
        strongest.setdefault(one.attack, one)
    found = []
    for attack, first in strongest.items():
        seen = first.outcome == "exposed"
        does = "exposes" if seen else "was not shown to expose"
        found.append(
            Control(
                kind=kind,
                attack=attack,
                claim=first.claim,
                statistic=first.statistic,
                value=first.value,
                low=first.low,
                high=first.high,
                p=first.adjusted_p,
                p_bound=first.p_bound,
                n=first.n,
                passed=seen == (kind == "planted"),
                sentence=f"The attack {attack!r} {does} patients {whose}, {first.view}.",
            )
        )
    return found


def mitigation_rows(claims: Mapping[str, Claims], trained: Mapping[str, Row], seeds: Seeds) -> list[Row]:
    """Each mitigation against the target that was trained to overfit, on the same patients, by how each answers about them.

    `comparable`: both learned something useful. `trained` are the rows of the table `targets` by target.
    """
    if OVERFIT not in claims:
        return []
    compared = []
    for target in (name for name in MITIGATIONS if name in claims):
        balanced = [trained.get(name, {}).get("balanced") for name in (target, OVERFIT)]
        useful = all(isinstance(value, float) and value >= USEFUL for value in balanced)
        key: Row = {"target": target, "beside": OVERFIT, "balanced": balanced[0], "balanced_beside": balanced[1]}
        one, other = (claims[name].scores[0] for name in (target, OVERFIT))
        compared.append((key | {"comparable": useful, "view": one.view}, of_scores(one, other, seeds.child(target))))
    return comparison_rows(compared)
