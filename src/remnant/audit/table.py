"""The audit of a table of scores: statistics, controls and verdict in seconds, without a model and without PyTorch."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from remnant.audit.config import AuditConfig
from remnant.audit.results import conclude, machine
from remnant.audit.rows import Scored, blind_control, membership_rows, null_control, planted_control
from remnant.audit.scores import ScoreTable, read_scores
from remnant.base.errors import RemnantError
from remnant.base.findings import AttackRun, AuditResults, Control
from remnant.base.results import Row, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.balance import balance
from remnant.measure.blind import blind_test, weighed
from remnant.measure.membership_inference import MEMBER, NON_MEMBER

GIVEN, CALIBRATED = "given", "calibrated"
WORDS = {
    GIVEN: "a threshold on the score that was handed over",
    CALIBRATED: "a threshold on that score minus its mean under the reference models (difference calibration, Watson 2022)",
}
VIEWS = {GIVEN: "the score", CALIBRATED: "the score minus that of reference models"}
POINTS = 101  # of a ROC curve


def audit_scores(
    path: Path, config: AuditConfig, out: Path, *, command: str = "", resume: bool = False
) -> AuditResults:
    """Judge the table of scores `path` and leave results.json in the run directory `out`.

    The primary attack is the calibrated score where references are given, else the score. Raises `RemnantError` for a table
    that does not serve and for a directory that is taken.
    """
    table = read_scores(path)
    _check(path, table)
    began, worked = time.monotonic(), time.process_time()
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    with Run.start(out, "audit", {**config.resolved(), "scores": str(path.resolve())}, resume=resume) as run:
        seeds = Seeds(config.seed).child("audit", "scores")
        claims = claims_of(table)
        genuine = [claim.only(~table.planted) for claim in claims]
        results = conclude(
            config,
            title=f"Audit of {config.about.model or path.stem}",
            model={"name": config.about.model or path.stem, "version": config.about.version or None},
            cohort=_cohort(table),
            attacks=_attacks(claims),
            findings=membership_rows(genuine, seeds.child("tests").numpy()),
            controls=controls_of(table, claims, seeds),
            tables={"roc": [row for claim in genuine for row in roc_rows(claim)], "balance": balance_rows(table)},
            notices=["The scores were made elsewhere: whether they are right, this audit cannot know."],
            **machine(
                run,
                command=command,
                started=started,
                seconds=time.monotonic() - began,
                cpu_seconds=time.process_time() - worked,
            ),
        )
        results.write(run.results)
    return results


def claims_of(table: ScoreTable) -> list[Scored]:
    """The score as it is and, with references, calibrated by them."""
    claims = [Scored(GIVEN, VIEWS[GIVEN], table.patients, table.scores, table.roles, not table.references.shape[1])]
    if table.references.shape[1]:
        calibrated = table.scores - np.nanmean(table.references, axis=1)
        claims.insert(0, Scored(CALIBRATED, VIEWS[CALIBRATED], table.patients, calibrated, table.roles, True))
    return claims


def controls_of(table: ScoreTable, claims: list[Scored], seeds: Seeds) -> list[Control]:
    """The blind baseline by the traits, references as a null, and the planted members, each where the table has them."""
    genuine, controls = ~table.planted, []
    roles = table.roles[genuine]
    if table.traits and min((roles == MEMBER).sum(), (roles == NON_MEMBER).sum()) >= 2:
        known = {f"{name} known": np.isfinite(values).astype(float) for name, values in table.traits.items()}
        features = weighed(np.column_stack([*table.traits.values(), *known.values()])[genuine])
        found = blind_test(features, roles, seeds.child("blind").numpy())
        controls.append(blind_control(found))
    if table.references.shape[1]:
        mean = Scored("", "", table.patients, np.nanmean(table.references, axis=1), table.roles).only(genuine)
        controls.append(
            null_control(mean, seeds.child("null").numpy(), what="the mean score under the reference models")
        )
    if table.planted.any():
        for claim in claims:
            others = claim.scores[table.roles == NON_MEMBER]
            controls.append(planted_control(claim.attack, claim.scores[table.planted], others))
    return controls


def roc_rows(claim: Scored) -> list[Row]:
    """The ROC curve of a claim at `POINTS` false positive rates."""
    members, others = claim.scores[claim.roles == MEMBER], claim.scores[claim.roles == NON_MEMBER]
    rates = np.linspace(0, 1, POINTS)
    # Above the threshold lie at most so many of the non-members.
    thresholds = np.sort(np.append(others, -np.inf))[::-1][np.floor(rates * len(others) + 1e-9).astype(int)]
    found = [(members > one).mean() for one in thresholds]
    return [
        {"attack": claim.attack, "view": claim.view, "fpr": float(rate), "tpr": float(share)}
        for rate, share in zip(rates, found, strict=True)
    ]


def balance_rows(table: ScoreTable) -> list[Row]:
    """How alike both groups are in every trait."""
    rows = []
    names = np.array(table.patients)
    for trait, values in table.traits.items():
        sides = [
            part for role in (MEMBER, NON_MEMBER) for part in (values[table.roles == role], names[table.roles == role])
        ]
        found = balance(*sides)
        rows.append(
            {
                "trait": trait,
                "members": number(found.first),
                "non_members": number(found.second),
                "members_known": found.first_patients,
                "non_members_known": found.second_patients,
                "difference": number(found.difference),
                "apart": found.apart,
            }
        )
    return rows


def _check(path: Path, table: ScoreTable) -> None:
    genuine = table.roles[~table.planted]
    for role, name in ((MEMBER, "who trained the model (member 1)"), (NON_MEMBER, "who did not (member 0)")):
        if not (genuine == role).any():
            raise RemnantError(
                f"{path} has no patients {name}, so membership is not testable; add some that are like the others."
            )
    if table.references.shape[1] and np.isnan(table.references).all(axis=1).any():
        raise RemnantError(
            f"{path} has patients without a score under any reference model; score them, or drop the columns."
        )


def _cohort(table: ScoreTable) -> dict[str, str | int]:
    return {
        "patients": len(table.patients),
        "members": int((table.roles == MEMBER).sum()),
        "non_members": int((table.roles == NON_MEMBER).sum()),
        "planted": int(table.planted.sum()),
        "rows": table.rows,
        "unit": "patient",
    }


def _attacks(claims: list[Scored]) -> list[AttackRun]:
    ran = {claim.attack for claim in claims}
    why = {CALIBRATED: "the table has no columns reference..."}
    return [
        AttackRun(name=name, words=words, run=name in ran, why="" if name in ran else why[name])
        for name, words in WORDS.items()
    ]
