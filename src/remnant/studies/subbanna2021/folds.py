"""A fold's prepared scans as the cells read them: patient data, in the run's private folder while it is needed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from remnant.base.files import atomic_path
from remnant.base.run import Run
from remnant.cohort.case import Fold, Prepared


@dataclass(frozen=True)
class FoldData:
    """All scans of the cohort on one grid, and who is who in this fold.

    `images` float32 (n, 1, x, y, z) in [0, 1]; `labels` uint8 (n, x, y, z); per scan the patient's pseudonym, `groups`
    (member, attacker, non_member) and `sessions`, counted from 1; `classes` names the label indices.
    """

    images: Tensor
    labels: Tensor
    pseudonyms: tuple[str, ...]
    groups: tuple[str, ...]
    sessions: tuple[int, ...]
    classes: tuple[str, ...]

    def where(self, group: str, session: int | None = None) -> list[int]:
        """Indices of the scans of a group, of one session or of all."""
        return [
            i
            for i, (own_group, own_session) in enumerate(zip(self.groups, self.sessions, strict=True))
            if own_group == group and session in (None, own_session)
        ]

    @property
    def firsts(self) -> list[int]:
        """Indices of every patient's first session: the gallery."""
        return [i for i, session in enumerate(self.sessions) if session == 1]


def fold_file(run: Run, index: int) -> Path:
    return run.private / "folds" / f"fold{index}.npz"


def write_fold(run: Run, prepared: Prepared, fold: Fold) -> None:
    """Keep a fold for the cells, atomically."""
    group_of = {patient: name for name in ("members", "attacker", "non_members") for patient in getattr(fold, name)}
    words = {"members": "member", "attacker": "attacker", "non_members": "non_member"}
    patients = [case.patient for case in prepared.cases]
    # Sessions are known by their order: their names in the source may hold a date.
    ordered = sorted((case.patient, case.session) for case in prepared.cases)
    first = {patient: i for i, (patient, _) in reversed(list(enumerate(ordered)))}
    sessions = [ordered.index((case.patient, case.session)) - first[case.patient] + 1 for case in prepared.cases]
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
