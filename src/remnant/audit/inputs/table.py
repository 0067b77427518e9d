"""The audit of a table of scores: statistics, controls and verdict in seconds, without a model and without PyTorch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from remnant.audit.config import AuditConfig
from remnant.audit.findings.controls import blind_control, planted_control
from remnant.audit.findings.given import given_of
from remnant.audit.findings.referenced import reference_controls
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.tables import balance_rows, roc_rows
from remnant.audit.inputs.scores import ScoreTable, check_scores
from remnant.audit.run.results import Clock, conclude, machine
from remnant.audit.verdict.alike import ALIKE
from remnant.audit.verdict.enough import too_few_sentence
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.scenario import BEARS
from remnant.audit.verdict.words import not_measured
from remnant.base.findings import TABLE_SHA256, AttackRun, AuditResults, Control
from remnant.base.provenance import sha256
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.bavaria import bavaria_offline
from remnant.measure.blind import blind_test, weighed
from remnant.measure.roles import MEMBER, NON_MEMBER

# Patients a group whom the blind baseline asks, by lot: of so many an AUC of 0.52 is seen, in seconds.
MOST = 5000
FEWEST_REFERENCES = 2  # of a patient, by which their spread is known
GIVEN, CALIBRATED, LIKELIHOOD = "given", "calibrated", "likelihood"
WORDS = {
    GIVEN: "a threshold on the score that was handed over",
    CALIBRATED: "a threshold on that score minus its mean under the reference models (difference calibration, Watson 2022)",
    LIKELIHOOD: "a threshold on how likely that score is under the reference models (BaVarIA offline, Brännvall 2026)",
}
VIEWS = {
    GIVEN: "the score",
    CALIBRATED: "the score minus that of reference models",
    LIKELIHOOD: "the score by its likelihood under reference models",
}
# What a table of scores cannot tell of, whatever the recipient sees.
NO_MODEL = "a table of scores holds no model"
WITHOUT_MODEL = (
    AttackRun(
        name="reconstruction",
        words="reconstruction of patients' images",
        run=False,
        why=NO_MODEL,
        claim="reconstructions",
    ),
    AttackRun(name="linkage", words="verification of the same patient", run=False, why=NO_MODEL, claim="pair_scores"),
)


def audit_scores(
    path: Path, config: AuditConfig, out: Path, *, command: str = "", resume: bool = False
) -> AuditResults:
    """Judge the table of scores `path` and leave results.json in the run directory `out`.

    The primary attack is the calibrated score where references are given, else the score. Raises `RemnantError` for a table
    that does not serve and for a directory that is taken.
    """
    table = check_scores(path)
    clock = Clock()
    with Run.start(out, "audit", {**config.resolved(), "scores": str(path.resolve())}, resume=resume) as run:
        seeds = Seeds(config.seed).child("audit", "scores")
        claims = claims_of(table)
        genuine = [claim.only(~table.planted) for claim in claims]
        level = levels((claim.key, claim.primary) for claim in claims)
        controls = controls_of(table, claims, seeds)
        results = conclude(
            config,
            title=f"Audit of {config.about.model or path.stem}",
            model={
                "name": config.about.model or path.stem,
                "version": config.about.version or None,
                TABLE_SHA256: sha256(path),
            },
            cohort=_cohort(table),
            attacks=_attacks(claims),
            findings=adjusted(membership_rows(genuine, level, seeds.child("tests").numpy())),
            controls=controls,
            reasons=lacking(controls),
            tables={
                "roc": [row for claim in genuine for row in roc_rows(claim)],
                "balance": _balance(table),
            },
            notices=["The scores were made elsewhere: whether they are right, this audit cannot know."],
            **machine(clock, command),
        )
        results.write(run.results)
    return results


def claims_of(table: ScoreTable) -> list[ScoredPatients]:
    """The score as it is and, with references, calibrated by them; by two or more of every patient by their spread, too."""
    known = np.isfinite(table.references)
    scores = {GIVEN: table.scores}
    if known.shape[1]:
        scores = {CALIBRATED: table.scores - np.nanmean(table.references, axis=1), GIVEN: table.scores}
        if known.sum(1).min() >= FEWEST_REFERENCES:
            scores[LIKELIHOOD] = bavaria_offline(table.scores, table.references, ~known)
    return [
        ScoredPatients(name, VIEWS[name], table.patients, values, table.roles, place == 0)
        for place, (name, values) in enumerate(scores.items())
    ]


def controls_of(table: ScoreTable, claims: list[ScoredPatients], seeds: Seeds) -> list[Control]:
    """The blind baseline by the traits, references as a null, and the planted members, each where the table has them."""
    genuine, controls = ~table.planted, []
    roles = table.roles[genuine]
    if table.traits and min((roles == MEMBER).sum(), (roles == NON_MEMBER).sum()) >= 2:
        draw = seeds.child("blind").numpy()
        asked = np.flatnonzero(genuine)
        asked = np.sort(np.concatenate([_by_lot(asked[roles == role], draw) for role in (MEMBER, NON_MEMBER)]))
        roles = table.roles[asked]
        traits = {name: values[asked] for name, values in table.traits.items()}
        known = [np.isfinite(values).astype(float) for values in traits.values()]
        found = blind_test(weighed(np.column_stack([*traits.values(), *known])), roles, draw)
        controls.append(blind_control(found, given_of(traits, roles)))
    if table.references.shape[1]:
        own = {claim.attack: claim.only(genuine) for claim in claims}
        controls += reference_controls(
            table.references[genuine], own[GIVEN], own[CALIBRATED], seeds.child("null").numpy(), own.get(LIKELIHOOD)
        )
    if table.planted.any():
        for claim in claims:
            others = claim.scores[table.roles == NON_MEMBER]
            controls.append(planted_control(claim.attack, claim.scores[table.planted], others))
    return controls


def _by_lot(places: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """At most `MOST` of the places."""
    return places if len(places) <= MOST else draw.choice(places, MOST, replace=False)


def check_table(path: Path, config: AuditConfig) -> list[str]:
    """Why an audit of the table would clear nobody, a sentence each; raises `RemnantError` as `check_scores`."""
    table = check_scores(path)
    controls = controls_of(table, claims_of(table), Seeds(config.seed).child("audit", "scores"))
    roles = table.roles[~table.planted]
    limits = config.appetite.limits(config.scenario)
    return [
        *lacking(controls),
        *(control.sentence for control in controls if control.passed is False),
        *(
            not_measured(limit, NO_MODEL)
            for limit in limits
            if limit.asked and limit.statistic not in BEARS["patient_scores"]
        ),
        *too_few_sentence(int((roles == MEMBER).sum()), int((roles == NON_MEMBER).sum()), limits),
    ]


def lacking(controls: Sequence[Control]) -> list[str]:
    """What the table would need for any verdict "within"."""
    kinds = {control.kind for control in controls}
    found = []
    alike = [control for control in controls if control.kind in ALIKE]
    if not any(control.passed for control in alike):
        found += [control.sentence for control in alike if control.passed is None]
    if not alike:
        found.append(
            "Add columns of what is known of the patients, such as age, sex and site: by them a control asks whether the groups "
            "are alike."
        )
    if "planted" not in kinds:
        found.append(
            "Add some members made to be remembered, with 1 in a column planted: they show whether the attack can succeed."
        )
    return found


def _balance(table: ScoreTable) -> list[Row]:
    genuine = ~table.planted
    traits = {name: values[genuine] for name, values in table.traits.items()}
    return balance_rows([table.patients[i] for i in np.flatnonzero(genuine)], table.roles[genuine], traits)


def _cohort(table: ScoreTable) -> dict[str, str | int]:
    """Who was compared, and besides, how many are planted: these are no members in the sense of any number of the report."""
    roles = table.roles[~table.planted]
    return {
        "patients": len(roles),
        "members": int((roles == MEMBER).sum()),
        "non_members": int((roles == NON_MEMBER).sum()),
        "planted": int(table.planted.sum()),
        "rows": table.rows,
        "unit": "patient",
    }


def _attacks(claims: list[ScoredPatients]) -> list[AttackRun]:
    ran = {claim.attack for claim in claims}
    none, few = "the table has no columns of reference models", "somebody has a score under one reference model alone"
    why = {CALIBRATED: none, LIKELIHOOD: few if CALIBRATED in ran else none}
    return [
        *(
            AttackRun(
                name=name, words=words, run=name in ran, why="" if name in ran else why[name], claim="patient_scores"
            )
            for name, words in WORDS.items()
        ),
        *WITHOUT_MODEL,
    ]
