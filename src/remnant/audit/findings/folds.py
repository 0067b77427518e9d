"""The folds of a cross-validation in an audit: which model each patient is put to, and what the fold-rank test makes of all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from remnant.audit.findings.rows import ends
from remnant.audit.verdict.family import Key
from remnant.base.findings import AttackRun, Finding
from remnant.base.results import Row, number
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.measure.fold_rank import FoldRank, share_of
from remnant.measure.roles import MEMBER, NON_MEMBER

NAME, VIEW = "fold rank", "which fold's model fits worst"
KEY: Key = (NAME, VIEW, "")
RUN = AttackRun(
    name=NAME,
    words="how often, of the models of all folds, the one that did not train on a patient fits him worst",
    run=True,
    claim="patient_scores",
)
# Where the others leak and the released one does not, patients whom it did not train on fit it worst, too.
NOT_RUN = RUN.model_copy(
    update={"run": False, "why": "it is of the models of all folds together, of which one is released"}
)
GROUP = "patients, each under the models of all folds"
SLACK = 2  # patients, that rounding leaves
LEAKS = np.arange(0, 3.01, 0.25)  # standard deviations of noise, in the power curve


@dataclass(frozen=True)
class Folds:
    """Of every patient the place of the model that did not train on him (`held_out`), and of the one that he is put to (`asked`).

    `models`: how many there are. `released`: the one that leaves the house, None where all do. `left_out`: the model that no
    calibration of a patient's score counts, so that all of those that it does trained on him.
    """

    held_out: Mapping[str, int]
    asked: Mapping[str, int]
    models: int
    released: int | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    def passed_over(self) -> dict[str, int]:
        """Of every patient who has one the reference left out: how many places it is behind the model `asked`, from 1."""
        return {patient: (left - self.asked[patient]) % self.models for patient, left in self.left_out.items()}

    def role(self, patient: str) -> int:
        """Whether the model that a patient is put to trained on him."""
        return NON_MEMBER if self.held_out[patient] == self.asked[patient] else MEMBER

    def roles(self, patients: tuple[str, ...]) -> np.ndarray:
        """Roles (models, n) of the patients for every model."""
        own = np.array([self.held_out[patient] for patient in patients])
        return np.where(own == np.arange(self.models)[:, None], NON_MEMBER, MEMBER)

    def by_model(self, patients: tuple[str, ...], losses: np.ndarray) -> np.ndarray:
        """Losses (n, models) by the place of the model, of those under the model `asked` and the ones behind it in turn."""
        shift = np.array([self.asked[patient] for patient in patients])
        return np.take_along_axis(losses, (np.arange(self.models) - shift[:, None]) % self.models, axis=1)


def dealt(held_out: Mapping[str, int], models: int, released: int | None, seeds: Seeds) -> Folds:
    """Which model each patient is put to: the one `released`, or where all are, half of each fold's patients to the model that
    did not train on them, and the others to the other models, by lot: to each as many members as non-members, as nearly as the
    sizes of folds allow, so that a model that is worse than others is so for both; patients who would be too many of one kind,
    where one fold is larger than the others together, are put to none and left out of the folds.

    Of three models or more, one reference is left out of each patient's calibration (`_left_out`); of two none can be.
    """
    draw, asked, more = seeds.child("audit", "folds").numpy(), {}, 0
    members: list[list[str]] = []
    if released is not None:
        return _left_out(Folds(held_out, dict.fromkeys(held_out, released), models, released), draw)
    for fold in range(models):
        own = [patient for patient, one in held_out.items() if one == fold]
        order = [own[i] for i in draw.permutation(len(own))]
        # Of odd numbers now these and now those have one more.
        half, more = (len(own) + more) // 2, (more + len(own)) % 2
        asked |= dict.fromkeys(order[:half], fold)
        members.append(order[half:])
    quotas = _quotas(np.bincount(list(asked.values()), minlength=models), np.array(list(map(len, members))))
    for own, quota in zip(members, quotas, strict=True):
        # At even distances of the models in any order, each as long as its quota.
        order = draw.permutation(models)
        ends = np.cumsum(quota[order])
        at = (np.arange(len(own)) + draw.random()) / max(1, len(own)) * ends[-1]
        asked |= dict(zip(own, order[np.searchsorted(ends, at, side="right")].tolist(), strict=True))
    own = Folds(held_out, {patient: asked[patient] for patient in held_out}, models)
    return _left_out(_without_surplus(own, draw), draw)


def _without_surplus(folds: Folds, draw: np.random.Generator) -> Folds:
    """Of each model's members and non-members as many as of the fewer, and `SLACK` more: else those of a model that is worse for
    everybody were on one side, which passed for a leak."""
    kept: set[str] = set()
    for model in range(folds.models):
        asked = [patient for patient, one in folds.asked.items() if one == model]
        groups = [[patient for patient in asked if folds.role(patient) == role] for role in (MEMBER, NON_MEMBER)]
        most = min(map(len, groups)) + SLACK
        kept |= {group[i] for group in groups for i in draw.permutation(len(group))[:most]}
    ours = [patient for patient in folds.held_out if patient in kept]
    held_out, asked_of = ({patient: own[patient] for patient in ours} for own in (folds.held_out, folds.asked))
    return replace(folds, held_out=held_out, asked=asked_of)


def _quotas(wanted: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How many members of each fold (rows) are put to each model (columns), none to their own: sums of rows are `members` and,
    where the largest fold allows it, of columns as `wanted` (iterative proportional fitting, Deming and Stephan 1940)."""
    quotas = 1.0 - np.eye(len(wanted))
    for _ in range(100):
        quotas *= wanted / np.maximum(quotas.sum(0), 1e-12)
        quotas *= (members / np.maximum(quotas.sum(1), 1e-12))[:, None]
    return quotas


def _left_out(folds: Folds, draw: np.random.Generator) -> Folds:
    """Leave out of a member's references the one that did not train on him, and of a non-member's, who all trained on him, one
    by lot, each as often as of the members who are put to the same model.

    Else a model without a leak showed one where the others have it: they fit non-members better, on average, than members.
    """
    if folds.models < 3:
        return folds
    left = {patient: fold for patient, fold in folds.held_out.items() if folds.role(patient) == MEMBER}
    for model in range(folds.models):
        asked = [patient for patient, one in folds.asked.items() if one == model]
        others = [patient for patient in asked if patient not in left]
        pool = [left[patient] for patient in asked if patient in left]
        pool = pool or [one for one in range(folds.models) if one != model]
        # At even distances of the members' own, in order.
        at = (np.arange(len(others)) + draw.random()) * len(pool) / max(1, len(others))
        left |= {
            others[i]: sorted(pool)[int(place)] for i, place in zip(draw.permutation(len(others)), at, strict=True)
        }
    return replace(folds, left_out=left)


def fold_rank_findings(test: FoldRank, level: float, target: str = "model") -> list[Finding]:
    """The share of patients whose own model is the worst, and the membership advantage of a recipient of all of them who counts
    on it. Of one null and so of one p."""
    common = {
        "target": target,
        "attack": NAME,
        "view": VIEW,
        "claim": "patient_scores",
        "criterion": "inference",
        "group": GROUP,
        "n": test.patients,
        "p": test.p,
        "p_bound": test.p_bound,
        "primary": True,
        "counts": f"{test.count:g} of {counted(test.patients, 'patient')}, {counted(test.folds, 'fold')}",
    }
    share = ends(test.share(), test.share(1 - level))
    detectable = test.detectable(level)
    advantage = ends(test.advantage(), test.advantage(1 - level))
    least = number(test.beyond(detectable))
    return [
        Finding(**common, statistic="fold_rank", null=test.chance, **share, detectable=number(detectable)),
        Finding(**common, statistic="advantage", null=0.0, **advantage, detectable=least),
    ]


def fold_rank_rows(test: FoldRank) -> list[Row]:
    """The test by each of its three nulls."""
    nulls = {
        "patients were dealt to the folds at random": test.p,
        "for each patient every model is equally likely to be the worst": test.p_within,
        "models were handed to whole folds at random": None if math.isnan(test.p_folds) else test.p_folds,
    }
    return [{"null": null, "p": p} for null, p in nulls.items()]


def power_rows(test: FoldRank, level: float) -> list[Row]:
    """The power curve: how likely a leak of so many standard deviations of noise is seen at this level."""
    return [
        {"leak": float(leak), "share": (share := share_of(float(leak), test.folds)), "power": test.power(share, level)}
        for leak in LEAKS
    ]
