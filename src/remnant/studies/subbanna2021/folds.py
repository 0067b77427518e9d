"""A fold's prepared scans as the cells read them: patient data, in the run's private folder while it is needed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.store import keep, kept
from remnant.cohort.case import Fold
from remnant.cohort.images import Images
from remnant.measure.roles import MEMBER, NON_MEMBER, OTHER
from remnant.studies.subbanna2021.experiments import Target


@dataclass(frozen=True)
class FoldData:
    """All scans of the cohort on one grid, and who is who in this fold.

    `scans`: images (n, 1, x, y, z) in [0, 1] with label maps uint8 (n, x, y, z), by the patients' pseudonyms; per scan the
    patient's `groups` (member, attacker, non_member, distractor) and `sessions`, counted from 1; `classes` names the label
    indices.
    """

    scans: Images
    groups: tuple[str, ...]
    sessions: tuple[int, ...]
    classes: tuple[str, ...]

    @property
    def images(self) -> Tensor:
        """Of all scans, (n, 1, x, y, z)."""
        return torch.as_tensor(self.scans.images)

    @property
    def labels(self) -> Tensor:
        """Of all scans, (n, x, y, z)."""
        return torch.as_tensor(self.scans.labels)

    def brains(self) -> np.ndarray:
        """Where the brain is, (n, x, y, z): its labelled tissue with the fluid that it encloses."""
        ball = ndimage.generate_binary_structure(3, 1)
        closed = (
            ndimage.binary_closing(np.pad(part > 0, 2), ball, 2)[2:-2, 2:-2, 2:-2] for part in self.labels.numpy()
        )
        return np.stack([ndimage.binary_fill_holes(part) for part in closed])

    def seen_by(self, target: Target) -> Self:
        """The fold as a kind of target sees it: without the skull, with the classes it learns."""
        images, labels, classes = self.images, self.labels, self.classes
        if target.stripped:
            images = images * torch.from_numpy(self.brains()).unsqueeze(1)
        if target.classes:
            if missing := [name for name in target.classes if name not in classes]:
                raise RemnantError(
                    f"The labels have no class '{missing[0]}', only {', '.join(classes)}; leave out the experiment that needs it."
                )
            new = torch.zeros(len(classes), dtype=torch.uint8)
            for index, name in enumerate(target.classes, start=1):
                new[classes.index(name)] = index
            labels, classes = new[labels.long()], (classes[0], *target.classes)
        return replace(self, scans=replace(self.scans, images=images, labels=labels), classes=classes)

    def where(self, group: str, session: int | None = None) -> list[int]:
        """Indices of the scans of a group, of one session or of all."""
        return [
            i
            for i, (own_group, own_session) in enumerate(zip(self.groups, self.sessions, strict=True))
            if own_group == group and session in (None, own_session)
        ]

    def attacked(self, few: int | None = None) -> list[int]:
        """Indices of the scans to reconstruct: of members and non-members, or of the `few` first patients of each."""
        first = {self.scans.patients[i] for group in ("member", "non_member") for i in self.where(group, 1)[:few]}
        return [i for i, patient in enumerate(self.scans.patients) if patient in first]

    def first_scans(self, few: int | None, *, everybody: bool) -> tuple[Images, np.ndarray]:
        """First scans of members and non-members, or of `everybody` but distractors, and roles for a target of the `few` first.

        In the order of the cohort, which is the same in all folds, and without scans in which nothing is labelled.
        Without non-members the attacker's patients stand in for them, whom the target's training never saw.
        """
        others = "non_member" if self.where("non_member") else "attacker"
        trained, held = set(self.where("member", 1)[:few]), set(self.where(others, 1)[:few])
        groups = ("member", "non_member", *(("attacker",) if everybody else ()))
        scans = sorted(i for group in groups for i in self.where(group, 1) if self.labels[i].any())
        roles = [MEMBER if i in trained else NON_MEMBER if i in held else OTHER for i in scans]
        return self.scans.take(scans), np.array(roles)


def fold_file(run: Run, index: int) -> Path:
    return run.private / "folds" / f"fold{index}.npz"


def write_fold(run: Run, prepared: Images, fold: Fold) -> None:
    """Keep a fold for the cells, atomically."""
    words = {"members": "member", "attacker": "attacker", "non_members": "non_member", "distractors": "distractor"}
    group_of = {patient: name for name in words for patient in getattr(fold, name)}
    data = FoldData(
        Images(
            prepared.images,
            prepared.labels,
            tuple(map(run.pseudonym, prepared.patients)),
        ),
        groups=tuple(words[group_of[patient]] for patient in prepared.patients),
        sessions=prepared.visits,
        classes=prepared.classes,
    )
    keep(fold_file(run, fold.index), data)


def read_fold(run: Run, index: int) -> FoldData:
    """The fold that `write_fold` kept."""
    return kept(fold_file(run, index), FoldData)
