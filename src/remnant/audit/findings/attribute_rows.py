"""From what was read of age and sex to rows of the one table of findings, to controls, and to a table of both groups."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from remnant.attacks.attack import Attributes
from remnant.attacks.attributes import of_patients
from remnant.audit.findings.controls import CONTROL_LEVEL
from remnant.audit.findings.rows import GROUP, ends, named
from remnant.audit.verdict.family import Key
from remnant.base.findings import Control, Finding, Statistic
from remnant.base.results import Row, number
from remnant.base.terms import minus
from remnant.cohort.images import Images
from remnant.measure.attributes import AttributeSkill, read_all, read_gap
from remnant.measure.intervals import Interval, smallest_detectable_gap
from remnant.measure.roles import MEMBER, NON_MEMBER

CLASSES = {"sex": ("women", "men"), "age": ("younger", "older")}
MOST_SPREAD = 0.5  # standard deviation of read or not, at most
MOST_GAP = 2.0  # of J, which is from -1 to 1


@dataclass(frozen=True)
class Truth:
    """The two `classes` of an attribute by patient, true of men, or of who is no younger than `split`, the mean age of all;
    `values` in years, or 1 for a man."""

    attribute: str
    split: float
    values: Mapping[str, float]
    classes: Mapping[str, bool]


def truth_of(images: Images, attribute: str) -> Truth | None:
    """What is known of the attribute; None where all patients are alike in it, or unknown."""
    values = {name: value for name, value in of_patients(images, attribute).items() if math.isfinite(value)}
    if len(set(values.values())) < 2:
        return None
    split = 0.5 if attribute == "sex" else float(np.mean(list(values.values())))
    return Truth(attribute, split, values, {name: value >= split for name, value in values.items()})


@dataclass(frozen=True)
class Read:
    """Patients (n,) of whom the attribute is known and was read: the classes `called` and `actual`, what was `predicted`, and who
    of them is a member."""

    patients: tuple[str, ...]
    called: np.ndarray
    actual: np.ndarray
    predicted: np.ndarray
    members: np.ndarray

    def of(self, mask: np.ndarray) -> "Read":
        """Some of them, boolean (n,)."""
        names = tuple(name for name, one in zip(self.patients, mask, strict=True) if one)
        return Read(names, self.called[mask], self.actual[mask], self.predicted[mask], self.members[mask])


def read_of(claim: Attributes, truth: Truth, roles: Mapping[str, int]) -> Read:
    """Members and non-members of whom both are known."""
    predicted = claim.predicted.get(truth.attribute, np.full(len(claim.patients), np.nan))
    taken = [
        (name, value)
        for name, value in zip(claim.patients, predicted, strict=True)
        if name in truth.classes and math.isfinite(value) and roles[name] in (MEMBER, NON_MEMBER)
    ]
    names, values = tuple(name for name, _ in taken), np.array([value for _, value in taken], dtype=float)
    actual = np.array([truth.classes[name] for name in names], dtype=bool)
    members = np.array([roles[name] == MEMBER for name in names], dtype=bool)
    return Read(names, values >= truth.split, actual, values, members)


def attribute_keys(claims: Sequence[Attributes], truths: Sequence[Truth]) -> list[Key]:
    """The tests that are made of these claims."""
    return [(truth.attribute, claim.view, "") for claim in claims for truth in truths]


def attribute_rows(
    claims: Sequence[Attributes],
    truths: Sequence[Truth],
    roles: Mapping[str, int],
    level: Mapping[Key, float],
    statistic: Statistic,
    target: str = "model",
) -> list[Finding]:
    """A finding a claim and attribute. "skill_gap": members minus non-members; "skill": of all of them together."""
    rows = []
    for claim in claims:
        for truth in truths:
            read, gap = read_of(claim, truth, roles), statistic == "skill_gap"
            share = level[truth.attribute, claim.view, ""]
            found, wide = (_reading(read, one, gap=gap) for one in (0.95, 1 - share))
            m, n = int(read.members.sum()), int((~read.members).sum())
            group = GROUP if gap else "members and non-members" if m else "patients in no training"
            rows.append(
                Finding(
                    target=target,
                    attack=truth.attribute,
                    view=claim.view,
                    claim="attributes",
                    criterion="inference",
                    statistic=statistic,
                    group=group,
                    null=0.0,
                    n=m + n,
                    **ends(found.value, wide.value),
                    p=number(found.p),
                    detectable=_detectable(m, n, share) if gap else None,
                    counts=_counts(read, truth.attribute, gap=gap),
                )
            )
    return rows


def _detectable(m: int, n: int, level: float) -> float | None:
    """The gap in J that 80% power would show, one-sided as p is; None where none would. Twice that in right answers."""
    least = number(2 * smallest_detectable_gap(MOST_SPREAD, m, n, alpha=2 * level))
    return least if least is not None and least <= MOST_GAP else None


def skill_rows(claims: Sequence[Attributes], truths: Sequence[Truth], roles: Mapping[str, int]) -> list[Row]:
    """Both groups beside what guessing gives: the commonest class, and of ages their mean."""
    rows: list[Row] = []
    for claim in claims:
        for truth in truths:
            read = read_of(claim, truth, roles)
            for name, mask in (("members", read.members), ("non-members", ~read.members)):
                if not mask.any() and read.patients:
                    continue
                one = read.of(mask)
                balanced = read_all(one.called, one.actual).value
                years = truth.attribute == "age" and len(one.patients) > 0
                values = np.array([truth.values[patient] for patient in one.patients])
                rows.append(
                    {
                        "attribute": truth.attribute,
                        "view": claim.view,
                        "group": name,
                        "n": len(one.patients),
                        # Named so that it is withheld where the accuracy is.
                        "accuracy_balanced": number((1 + balanced.mean) / 2),
                        "low": number((1 + balanced.low) / 2),
                        "high": number((1 + balanced.high) / 2),
                        "accuracy": number(_share(one.called == one.actual)),
                        "guess_accuracy": number(max(_share(one.actual), _share(~one.actual))),
                        "mae": number(float(np.abs(one.predicted - values).mean())) if years else None,
                        "guess_mae": number(float(np.abs(values - truth.split).mean())) if years else None,
                    }
                )
    return rows


def blind_reading(claim: Attributes, truth: Truth, roles: Mapping[str, int]) -> Control:
    """Whether who never saw the model reads members as well as non-members."""
    found = _reading(read_of(claim, truth, roles), 0.95, gap=True)
    said = (
        f"That a reader of {truth.attribute} that never saw the model reads members unlike non-members is not shown",
        f"A reader of {truth.attribute} that never saw the model reads members and non-members unlike",
    )
    return _control("blind", truth, found, found.p_both, "skill_gap", said, passes=found.p_both > CONTROL_LEVEL)


def exchanged_reading(claim: Attributes, truth: Truth, roles: Mapping[str, int]) -> Control:
    """Whether who learned exchanged attributes, `truth`, reads these of others."""
    found = _reading(read_of(claim, truth, roles), 0.95, gap=False)
    said = (
        f"That a reader that learned the {truth.attribute} of exchanged patients reads anything is not shown",
        f"A reader that learned the {truth.attribute} of exchanged patients reads something",
    )
    return _control("null", truth, found, found.p, "skill", said, passes=found.p > CONTROL_LEVEL)


def planted_reading(claim: Attributes, truth: Truth, roles: Mapping[str, int], *, gap: bool) -> Control:
    """Whether an attribute that was put into the features is read, where the `gap` counts into those of members alone."""
    found = _reading(read_of(claim, truth, roles), 0.95, gap=gap)
    what = f"The {truth.attribute} planted in {'the features of members' if gap else 'all features'}"
    said = (f"{what} is read", f"{what} is not read, so that the attack is too weak to clear anybody")
    return _control(
        "planted", truth, found, found.p, "skill_gap" if gap else "skill", said, passes=found.p <= CONTROL_LEVEL
    )


def _control(
    kind: Literal["blind", "null", "planted"],
    truth: Truth,
    found: AttributeSkill,
    p: float,
    statistic: Statistic,
    said: tuple[str, str],
    *,
    passes: bool,
) -> Control:
    """`said`: what it means to pass, and not to."""
    few = math.isnan(p)
    words = "Youden's J" + (", members minus non-members" if statistic == "skill_gap" else "")
    sentence = (
        f"Of too few members and non-members the {truth.attribute} is known to check how it is read."
        if few
        else f"{said[not passes]} ({words} {_with_ends(found.value)})."
    )
    return Control(
        kind=kind,
        attack=truth.attribute,
        claim="attributes",
        statistic=statistic,
        **named(found.value),
        p=number(p),
        n=found.value.n,
        passed=None if few else passes,
        sentence=sentence,
    )


def _with_ends(value: Interval) -> str:
    """ "0.36 [−0.40, 1.02]"; the value alone where so few support no interval."""
    mean, low, high = (minus(f"{end:.2f}") for end in (value.mean, value.low, value.high))
    return mean if math.isnan(value.low) else f"{mean} [{low}, {high}]"


def _reading(read: Read, level: float, *, gap: bool) -> AttributeSkill:
    if gap:
        return read_gap(read.called, read.actual, read.members, level)
    return read_all(read.called, read.actual, level)


def _counts(read: Read, attribute: str, *, gap: bool) -> str:
    """ "11 of 12 women and 10 of 12 men among members, ..."."""
    groups = (
        (("members", read.members), ("non-members", ~read.members)) if gap else (("patients", read.members | True),)
    )
    return ", ".join(
        " and ".join(
            f"{int((own & (read.called == read.actual)).sum())} of {int(own.sum())} {name} {group}"
            for name, own in zip(CLASSES[attribute], (mask & ~read.actual, mask & read.actual), strict=True)
        )
        for group, mask in groups
    )


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else math.nan
