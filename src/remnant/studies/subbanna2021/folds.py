"""A fold's prepared scans as the cells read them: patient data, in the run's private folder while it is needed."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.run import Run
from remnant.cohort.case import Fold, Prepared
from remnant.studies.subbanna2021.experiments import Target


@dataclass(frozen=True)
class FoldData:
    """All scans of the cohort on one grid, and who is who in this fold.

    `images` float32 (n, 1, x, y, z) in [0, 1]; `labels` uint8 (n, x, y, z); per scan the patient's pseudonym, `groups`
    (member, attacker, non_member, distractor) and `sessions`, counted from 1; `classes` names the label indices.
    """

    images: Tensor
    labels: Tensor
    pseudonyms: tuple[str, ...]
    groups: tuple[str, ...]
    sessions: tuple[int, ...]
    classes: tuple[str, ...]

    def brains(self) -> np.ndarray:
        """Where the brain is, (n, x, y, z): its labelled tissue with the fluid that it encloses."""
        ball = ndimage.generate_binary_structure(3, 1)
        closed = (
            ndimage.binary_closing(np.pad(part > 0, 2), ball, 2)[2:-2, 2:-2, 2:-2] for part in self.labels.numpy()
        )
        return np.stack([ndimage.binary_fill_holes(part) for part in closed])

    def seen_by(self, target: Target) -> Self:
        """The fold as a kind of target sees it: without the skull, with the classes it learns."""
        data = self
        if target.stripped:
            data = replace(data, images=data.images * torch.from_numpy(data.brains()).unsqueeze(1))
        if target.classes:
            if missing := [name for name in target.classes if name not in data.classes]:
                raise RemnantError(
                    f"The labels have no class '{missing[0]}', only {', '.join(data.classes)}; leave out the experiment that "
                    "needs it."
                )
            new = torch.zeros(len(data.classes), dtype=torch.uint8)
            for index, name in enumerate(target.classes, start=1):
                new[data.classes.index(name)] = index
            data = replace(data, labels=new[data.labels.long()], classes=(data.classes[0], *target.classes))
        return data

    def attacked(self, few: int | None = None) -> list[int]:
        """Indices of the scans to redraw: of members and non-members, or of the `few` first patients of each."""
        firsts = [i for group in ("member", "non_member") for i in self.where(group, 1)[:few]]
        who = {(self.pseudonyms[i], self.groups[i]) for i in firsts}
        scans = [*self.where("member"), *self.where("non_member")]
        return [i for i in scans if (self.pseudonyms[i], self.groups[i]) in who]

    def where(self, group: str, session: int | None = None) -> list[int]:
        """Indices of the scans of a group, of one session or of all."""
        return [
            i
            for i, (own_group, own_session) in enumerate(zip(self.groups, self.sessions, strict=True))
            if own_group == group and session in (None, own_session)
        ]


def fold_file(run: Run, index: int) -> Path:
    return run.private / "folds" / f"fold{index}.npz"


def write_fold(run: Run, prepared: Prepared, fold: Fold) -> None:
    """Keep a fold for the cells, atomically."""
    words = {"members": "member", "attacker": "attacker", "non_members": "non_member", "distractors": "distractor"}
    group_of = {patient: name for name in words for patient in getattr(fold, name)}
    patients = [case.patient for case in prepared.cases]
    # Sessions are known by their order: their names in the source may hold a date.
    ordered = sorted(case.order for case in prepared.cases)
    first = {patient: i for i, (patient, *_) in reversed(list(enumerate(ordered)))}
    sessions = [ordered.index(case.order) - first[case.patient] + 1 for case in prepared.cases]
    fold_file(run, fold.index).parent.mkdir(mode=0o700, exist_ok=True)
    with atomic_path(fold_file(run, fold.index)) as temporary:
        np.savez(
            temporary,
            images=prepared.images,
            labels=prepared.labels,
            pseudonyms=np.array([run.pseudonym(patient) for patient in patients]),
            groups=np.array([words[group_of[patient]] for patient in patients]),
            sessions=np.array(sessions),
            classes=np.array(prepared.classes),
        )


def read_fold(run: Run, index: int) -> FoldData:
    """The fold that `write_fold` kept."""
    with np.load(fold_file(run, index), allow_pickle=False) as kept:
        return FoldData(
            images=torch.from_numpy(kept["images"]),
            labels=torch.from_numpy(kept["labels"]),
            pseudonyms=tuple(kept["pseudonyms"].tolist()),
            groups=tuple(kept["groups"].tolist()),
            sessions=tuple(kept["sessions"].tolist()),
            classes=tuple(kept["classes"].tolist()),
        )
