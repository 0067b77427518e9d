"""The audit of a table of scores: statistics, controls and verdict in seconds, without a model and without PyTorch."""

from pathlib import Path

import numpy as np

from remnant.audit.config import AuditConfig
from remnant.audit.findings import epsilon_rows
from remnant.audit.findings.reach import scored_tables
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.tables import balance_rows
from remnant.audit.findings.together import NAME as JOINT
from remnant.audit.findings.together import dealt_together, joint_rows
from remnant.audit.inputs.scores import ScoreTable, check_scores
from remnant.audit.inputs.table_claims import CALIBRATED, GIVEN, LIKELIHOOD, claims_of, controls_of, lacking
from remnant.audit.run.results import Clock, conclude, machine
from remnant.audit.verdict.enough import too_few_sentence
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.scenario import BEARS
from remnant.audit.verdict.words import not_measured
from remnant.base.findings import TABLE_SHA256, AttackRun, AuditResults
from remnant.base.provenance import sha256
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.roles import MEMBER, NON_MEMBER

WORDS = {
    GIVEN: "a threshold on the score that was handed over",
    CALIBRATED: "a threshold on that score minus its mean under the reference models (difference calibration, Watson 2022)",
    LIKELIHOOD: "a threshold on how likely that score is under the reference models (BaVarIA offline, Brännvall 2026)",
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
        told = epsilon_rows.epsilon_rows(genuine, seeds.child("epsilon").numpy())
        rows = membership_rows(genuine, level, seeds.child("tests").numpy())
        dealt = dealt_together(genuine, seeds.child("together").numpy())
        findings = adjusted(rows, together=dealt)
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
            findings=findings,
            controls=controls,
            reasons=lacking(controls),
            tables={
                **scored_tables(genuine, level, config.base_rate),
                "balance": _balance(table),
                epsilon_rows.NAME: told,
                **({JOINT: joint_rows(adjusted(rows), findings)} if dealt else {}),
            },
            sections=[epsilon_rows.SECTION] if told else [],
            notices=["The scores were made elsewhere: whether they are right, this audit cannot know."],
            **machine(clock, command),
        )
        results.write(run.results)
    return results


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
