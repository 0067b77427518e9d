"""Whether the reference models of a table are fair to members and non-members, and what a claim by them is worth if not.

Reference models that learned the non-members fit these better, so that members stand out against them as by a leak.
"""

import numpy as np
from scipy import stats

from remnant.audit.findings.controls import CONTROL_LEVEL, null_control
from remnant.audit.findings.rows import ScoredPatients, named
from remnant.base.findings import Control
from remnant.base.texts import p_said
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.blind import weighed
from remnant.measure.blind_ways import SingleColumns
from remnant.measure.membership_inference import dealt_again, membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER

RESAMPLES = 2_000
BLANK = 0.1  # of either group, whom every reference column leaves out where models trained on both alike


def reference_controls(
    references: np.ndarray,
    given: ScoredPatients,
    calibrated: ScoredPatients,
    seeds: np.random.Generator,
    likelihood: ScoredPatients | None = None,
) -> list[Control]:
    """The controls of `references` (n, k), NaN for who trained a model: their mean score as a null, each of them against the
    mean of the others, and where neither can tell, the score as `given`.

    That all references learned the non-members alike no score of theirs shows: both groups are as hard as they are. So what is
    `calibrated`, by difference or by `likelihood`, by columns without blanks counts where the score as given leans the same way
    (one-sided at `CONTROL_LEVEL` / 2), which holds in as many audits of a model without a leak, whatever the references learned.
    """
    mean = ScoredPatients("", "", given.patients, np.nanmean(references, axis=1), given.roles)
    found = [null_control(mean, seeds, what="the mean score under the reference models")]
    claims = [calibrated, *([likelihood] if likelihood else [])]
    if references.shape[1] > 1:
        each = _each(references, given.roles, calibrated.attack, seeds)
        found += [each.model_copy(update={"attack": claim.attack}) for claim in claims]
    if not _blank_in_both(references, given.roles):
        found += [_alone(given, claim.attack) for claim in claims if _leans(claim, seeds) and not _leans(given, seeds)]
    return found


def against_others(references: np.ndarray) -> np.ndarray:
    """Each of `references` (n, k) less the mean of the others, (n, k), of two (n, 1); who lacks either is at the median."""
    k = references.shape[1]
    places = range(k) if k > 2 else range(1)
    known = np.isfinite(references)
    total, count = np.nansum(references, axis=1), known.sum(1)
    columns = []
    for j in places:
        others = count - known[:, j]
        own = references[:, j] - (total - np.nan_to_num(references[:, j])) / np.where(others > 0, others, np.nan)
        columns.append(np.where(np.isfinite(own), own, np.nanmedian(own) if np.isfinite(own).any() else 0.0))
    return np.stack(columns, axis=1)


def _each(references: np.ndarray, roles: np.ndarray, attack: str, seeds: np.random.Generator) -> Control:
    columns = against_others(references)
    single = SingleColumns(weighed(columns), roles, np.zeros(len(roles), dtype=int))
    dealt = dealt_again(lambda orders: single.largest(roles[orders]), len(roles), seeds, RESAMPLES)
    passed = dealt.p > CONTROL_LEVEL
    aucs = [mann_whitney_auc(column[roles == MEMBER], column[roles == NON_MEMBER]) for column in columns.T]
    most = max(aucs, key=lambda auc: abs(auc.mean - 0.5))
    said = p_said(dealt.p, bound=dealt.p_bound)
    sentence = f"No reference model, held against the others, distinguishes members from non-members ({said})."
    if not passed:
        sentence = f"A reference model, held against the others, distinguishes members from non-members ({said})."
        sentence = _unequally_many(references, roles) or sentence
    return Control(
        kind="null",
        attack=attack,
        claim="patient_scores",
        **named(most),
        p=dealt.p,
        p_bound=dealt.p_bound,
        n=most.n,
        passed=passed,
        sentence=sentence,
    )


def _unequally_many(references: np.ndarray, roles: np.ndarray) -> str:
    """That members have more reference models each than non-members, or fewer, in a sentence; empty where they have not.

    As of a model that all members trained, whose references are those of its cross-validation: each of these but one trained on a
    member, and none on a non-member. A mean of one varies more than that of five, which passes for a few members far out.
    """
    groups = [np.isfinite(references[roles == role]).sum(1) for role in (MEMBER, NON_MEMBER)]
    if np.ptp(np.concatenate(groups)) == 0 or stats.mannwhitneyu(*groups, method="asymptotic").pvalue > CONTROL_LEVEL:
        return ""
    own, others = (f"{group.mean():.2g}" for group in groups)
    return (
        f"Members have {own} reference models each and non-members {others}, whose means do not compare; leave as many blank of "
        "either, by lot."
    )


def _alone(given: ScoredPatients, attack: str) -> Control:
    auc = mann_whitney_auc(given.scores[given.roles == MEMBER], given.scores[given.roles == NON_MEMBER])
    return Control(
        kind="null",
        attack=attack,
        claim="patient_scores",
        **named(auc),
        n=auc.n,
        passed=False,
        sentence="Reference models that learned the non-members would show the same, and the score alone does not. "
        "References that trained on both groups, blank for their own patients, could tell.",
    )


def _leans(claim: ScoredPatients, seeds: np.random.Generator) -> bool:
    test = membership_test(claim.scores, claim.roles, seeds)
    return test.p <= CONTROL_LEVEL and test.auc.mean > 0.5


def _blank_in_both(references: np.ndarray, roles: np.ndarray) -> bool:
    blank = np.isnan(references)
    return all((blank[roles == role].mean(0) >= BLANK).all() for role in (MEMBER, NON_MEMBER))
