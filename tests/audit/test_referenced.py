"""Reference models of a table: fair ones let a leak be shown, and those that learned one group show none."""

import numpy as np
import pytest

from remnant.audit.findings.referenced import against_others, reference_controls
from remnant.audit.findings.rows import ScoredPatients
from remnant.audit.verdict.outcome import LEVEL
from remnant.measure.bavaria import bavaria_offline
from remnant.measure.membership_inference import membership_test
from remnant.measure.roles import MEMBER, NON_MEMBER

PATIENTS = 50  # a group
ROLES = np.repeat([MEMBER, NON_MEMBER], PATIENTS)


def table(kind, random, leak=0.0, models=4):
    """Scores of patients who differ in difficulty far more than by a leak, and references of which some learned some."""
    hard = random.normal(0, 3, 2 * PATIENTS)
    learned = np.zeros((2 * PATIENTS, models), dtype=bool)
    for own in learned.T:
        if kind == "halves of the non-members":
            own[random.permutation(np.arange(PATIENTS, 2 * PATIENTS))[: PATIENTS // 2]] = True
        elif kind == "all non-members":
            own[PATIENTS:] = True
        elif kind != "nobody":
            own[random.permutation(2 * PATIENTS)[: PATIENTS // 2]] = True
    learned[:, 0] &= ~learned[:, 1:].all(1) | (kind == "all non-members")  # so that nobody is blank in all
    references = hard[:, None] + random.normal(0, 0.3, learned.shape) + 0.6 * learned
    if kind == "both groups, left blank":
        references[learned] = np.nan
    return hard + random.normal(0, 0.3, 2 * PATIENTS) + leak * (ROLES == MEMBER), references


def shown(kind, seed, leak=0.0, models=4, by="calibrated"):
    """Whether the score calibrated by difference, or by likelihood, shows a leak that no control speaks against, and all
    controls."""
    random = np.random.default_rng([seed, models])
    scores, references = table(kind, random, leak, models)
    claims = claimed(scores, references)
    controls = reference_controls(references, claims["given"], claims["calibrated"], random, claims.get("likelihood"))
    test = membership_test(claims[by].scores, ROLES, random)
    return test.p <= LEVEL and all(one.passed for one in controls if one.attack in ("", by)), controls


def claimed(scores, references):
    """The score as it is, and calibrated; by likelihood where there are two references of everybody."""
    known = np.isfinite(references)
    found = {"given": scores, "calibrated": scores - np.nanmean(references, axis=1)}
    if known.sum(1).min() > 1:
        found["likelihood"] = bavaria_offline(scores, references, ~known)
    names = tuple(map(str, range(len(scores))))
    return {name: ScoredPatients(name, "", names, values, ROLES) for name, values in found.items()}


@pytest.mark.parametrize("by", ["calibrated", "likelihood"])
@pytest.mark.parametrize(
    "kind", ["halves of the non-members", "all non-members", "both groups", "both groups, left blank", "nobody"]
)
def test_without_a_leak_references_show_none_whatever_they_learned(kind, by):
    found = [shown(kind, seed, by=by, models=4 if by == "calibrated" else 12)[0] for seed in range(40)]
    # 2.5 in 100 at the most: of 40 audits seldom more than three.
    assert sum(found) <= 3


@pytest.mark.parametrize("by", ["calibrated", "likelihood"])
@pytest.mark.parametrize(
    ("kind", "leak", "least"), [("both groups, left blank", 0.6, 9), ("nobody", 4.0, 9), ("both groups", 4.0, 9)]
)
def test_a_leak_is_shown_by_fair_references_and_by_others_where_the_score_agrees(kind, leak, least, by):
    # A null fails in one of twenty audits, and here are two or three.
    found = [shown(kind, seed, leak, by=by, models=4 if by == "calibrated" else 12)[0] for seed in range(12)]
    assert sum(found) >= least


def test_references_that_differ_more_over_one_group_are_found_against_each_other():
    """As those that learned some of the non-members: by their spread members would look likelier, or less."""
    random = np.random.default_rng(0)
    scores, references = table("nobody", random)
    references[PATIENTS:] += random.normal(0, 0.6, (PATIENTS, 4))
    claims = claimed(scores, references)
    controls = reference_controls(references, claims["given"], claims["calibrated"], random, claims["likelihood"])
    assert [(one.attack, one.passed) for one in controls] == [("", True), ("calibrated", False), ("likelihood", False)]


def test_a_leak_that_the_score_alone_does_not_show_may_be_of_references_that_learned_the_others():
    silent, controls = shown("nobody", 1, 0.6)
    assert not silent
    told = [(one.attack, one.passed) for one in controls]
    assert told[:4] == [("", True), ("calibrated", True), ("likelihood", True), ("calibrated", False)]
    could = "References that trained on both groups, blank for their own patients, could tell."
    assert [could in one.sentence for one in controls[:4]] == [False] * 3 + [True]


def test_references_that_learned_more_of_one_group_are_found_against_each_other():
    random = np.random.default_rng(3)
    scores, references = table("nobody", random)
    references[PATIENTS:, 2] += 0.6
    names = tuple(map(str, range(len(scores))))
    claims = [ScoredPatients(name, "", names, scores, ROLES) for name in ("given", "calibrated")]
    each = reference_controls(references, *claims, random)[1]
    assert each.passed is False and each.attack == "calibrated" and each.p < 0.01
    assert each.sentence.startswith("A reference model, held against the others, distinguishes")


def test_references_of_unequal_number_are_named_and_their_mend_serves():
    """All members trained the model; of its five-fold cross-validation each was left out once, and the others five times."""
    random = np.random.default_rng(3)
    scores, references = table("nobody", random, models=5)
    names = tuple(map(str, range(len(scores))))
    kept = random.integers(0, 5, len(scores))[:, None] == np.arange(5)
    own = np.where(kept | (ROLES != MEMBER)[:, None], references, np.nan)
    claims = [ScoredPatients(name, "", names, scores, ROLES) for name in ("given", "calibrated")]
    each = reference_controls(own, *claims, random)[1]
    assert each.passed is False
    assert each.sentence.startswith(
        "Members have 1 reference models each and non-members 5, whose means do not compare;"
    )
    assert reference_controls(np.where(kept, references, np.nan), *claims, random)[1].passed


def test_one_reference_has_no_other_to_be_held_against():
    _, controls = shown("nobody", 0, models=1)
    assert [one.attack for one in controls] == [""]


def test_each_reference_less_the_mean_of_the_others():
    values = np.array([[1.0, 2, 6], [0, np.nan, 2], [np.nan, 1, 5], [1, 1, 1]])
    # Of the first: 1 - 4, 0 - 2, unknown and so the median of the others, 0.
    assert against_others(values)[:, 0] == pytest.approx([-3, -2, -2, 0])
    assert against_others(values[:, :2])[:, 0] == pytest.approx([-1, -0.5, -0.5, 0])
