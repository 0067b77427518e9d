"""What the attacks of an audit claimed, read from where their cells kept it, and the rows that are made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from remnant.attacks.attack import Attack, Attributes, Question, Reconstructions
from remnant.attacks.attributes import READ
from remnant.attacks.membership.references import REFERENCES
from remnant.audit.cells import kept
from remnant.audit.cells.model_cells import sides
from remnant.audit.findings import (
    attribute_rows,
    epsilon_rows,
    folds,
    gains,
    identified,
    pair_rows,
    rows,
    together,
)
from remnant.audit.findings.pairs import Paired
from remnant.audit.materials.material import Material
from remnant.audit.verdict.family import Key, adjusted, levels
from remnant.audit.verdict.scenario import attribute_statistic
from remnant.base.findings import AttackRun, Finding
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.fold_rank import FoldRank, fold_rank

# Who is held against whom, by what an attack asks.
GROUPS: dict[Question, str] = {
    "trained": rows.GROUP,
    "added": "members added since the version before against non-members",
    "person": "members against non-members, by images that did not train",
}


@dataclass(frozen=True)
class Claimed:
    """By the name of an attack what was `drawn` of latents, `paired` of codes and held against whom of candidates (`near`); what
    was `scored` of patients, with the test of `folds`, and `learned` of their attributes. `compared`: the gallery of what was
    drawn.
    """

    material: Material
    scored: Sequence[rows.ScoredPatients]
    folds: FoldRank | None
    drawn: Mapping[str, Sequence[Reconstructions]]
    compared: Images
    learned: Sequence[Attributes]
    paired: Mapping[str, Sequence[Paired]]
    near: Mapping[str, Sequence[gains.Similarities]]

    @property
    def truths(self) -> list[attribute_rows.Truth]:
        """The attributes of which the truth is known."""
        return [truth for name in READ if (truth := attribute_rows.truth_of(self.material.images, name))]

    def levels(self, share: float = 1.0) -> dict[Key, float]:
        """What each claim may use of this `share` of the level."""
        found = levels(
            [
                *((claim.key, claim.primary) for claim in self.scored),
                *([(folds.KEY, True)] if self.folds else []),
                *((key, False) for key in identified.identification_keys(self.drawn, self.compared)),
                *((key, False) for key in attribute_rows.attribute_keys(self.learned, self.truths)),
                *((key, False) for key in pair_rows.pair_keys(self.paired)),
            ],
            [key for name, own in self.near.items() for key in gains.gain_keys(name, own)],
        )
        return {key: share * level for key, level in found.items()}

    def findings(self, level: Mapping[Key, float], scenario: str, seed: int, *, quiet: bool = True) -> list[Finding]:
        """A finding of each, before any adjustment; of long work progress is told unless `quiet`."""
        seeds, roles = Seeds(seed).child("audit"), self.material.roles
        found = rows.membership_rows(self.scored, level, seeds.child("tests").numpy())
        if self.folds:
            found += folds.fold_rank_findings(self.folds, level[folds.KEY])
        found += identified.identification_rows(self.drawn, self.compared, level, quiet=quiet)
        found += pair_rows.pair_rows(self.paired, level, seeds.child("verification"))
        for name, own in self.near.items():
            found += gains.gain_rows(name, own, roles, level, seeds.child("candidates"))
        if self.learned:
            statistic = attribute_statistic(scenario)
            found += attribute_rows.attribute_rows(self.learned, self.truths, roles, level, statistic)
        return found

    def judged_together(
        self, findings: Sequence[Finding], seed: int, share: float = 1.0
    ) -> tuple[list[Finding], dict[str, list[Row]]]:
        """The `findings` with p adjusted for all tests, by a `share` of the level, and the table of what that is where tests
        were dealt together."""
        dealt = together.dealt_together(self.scored, Seeds(seed).child("audit", "together").numpy())
        after = adjusted(findings, share, dealt)
        return after, {together.NAME: together.joint_rows(adjusted(findings, share), after)} if dealt else {}

    def tables(self, level: Mapping[Key, float], seed: int) -> dict[str, list[Row]]:
        """The tables that are made of the same: of epsilon, of the test of folds, and of attributes."""
        draw = Seeds(seed).child("audit", "epsilon").numpy()
        tables: dict[str, list[Row]] = {}
        if told := epsilon_rows.epsilon_rows(self.scored, draw):
            tables[epsilon_rows.NAME] = told
        if self.folds:
            power = folds.power_rows(self.folds, level[folds.KEY])
            tables |= {"fold_rank": folds.fold_rank_rows(self.folds), "fold_power": power}
        if self.learned:
            tables["attributes"] = attribute_rows.skill_rows(self.learned, self.truths, self.material.roles)
        return tables

    def linkages(self) -> list[AttackRun]:
        """Further attacks that were made of the same: the test of folds, and scans that are sought among other visits."""
        ran = [folds.RUN] if self.folds else [folds.NOT_RUN] if self.material.folds else []
        return [*ran, *([identified.linkage_run(self.compared)] if self.drawn else [])]


def claimed(run: Run, material: Material, attacks: Sequence[Attack], seed: int) -> Claimed:
    """What the cells of these attacks kept. Of scoring attacks the last that is primary was named before the run."""
    of = {attack.claim: [one for one in attacks if one.claim == attack.claim] for attack in attacks}
    scoring, drawing = of.get("patient_scores", []), of.get("reconstructions", [])
    primary = next((attack for attack in reversed(scoring) if attack.primary), None)
    return Claimed(
        material,
        [
            claim
            for attack in scoring
            for claim in kept.kept_scores(
                run, material.roles, attack.name, primary=attack is primary, group=GROUPS[attack.asks]
            )
        ],
        _fold_rank(run, material, seed) if REFERENCES in scoring else None,
        {attack.name: kept.kept_reconstructions(run, attack.name) for attack in drawing},
        next((sides(material, attack)[1] for attack in drawing), material.candidates),
        [claim for attack in of.get("attributes", []) for claim in kept.kept_attributes(run, attack.name)],
        {attack.name: kept.kept_pairs(run, attack.name) for attack in of.get("pair_scores", [])},
        {attack.name: kept.kept_similarities(run, attack.name) for attack in of.get("candidates", [])},
    )


def _fold_rank(run: Run, material: Material, seed: int) -> FoldRank | None:
    """The fold-rank test on the losses that the calibrated attack kept; None without folds, or where one of them is released."""
    if material.folds is None or material.folds.released is not None:
        return None
    patients, losses = kept.kept_losses(run, REFERENCES.name)
    held_out = np.array([material.folds.held_out[patient] for patient in patients])
    draw = Seeds(seed).child("audit", "fold rank").numpy()
    return fold_rank(material.folds.by_model(patients, losses), held_out, np.array(patients), draw)
