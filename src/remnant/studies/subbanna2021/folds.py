"""What a run keeps of a fold, patient data in its private folder: prepared scans, trained networks, and claims on them."""

from dataclasses import replace
from pathlib import Path

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
from remnant.nets.segmenter import Segmenter
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS, Target, checkpoint_name, trained_name
from remnant.targets.checkpoint import load_checkpoint

# What the patients of each group of a `Fold` are called in `Images.roles`.
GROUP_OF = {"members": "member", "attacker": "attacker", "non_members": "non_member", "distractors": "distractor"}
# In RUN/private: the attacker's own networks, claims and decoders, a folder a trained target.
SUBJECTS = "subjects"


def brains(labels: Tensor) -> np.ndarray:
    """Where the brain is, (n, x, y, z), by label maps (n, x, y, z): labelled tissue with the fluid that it encloses."""
    ball = ndimage.generate_binary_structure(3, 1)
    closed = (ndimage.binary_closing(np.pad(part > 0, 2), ball, 2)[2:-2, 2:-2, 2:-2] for part in labels.numpy())
    return np.stack([ndimage.binary_fill_holes(part) for part in closed])


def seen_by(scans: Images, target: Target) -> Images:
    """The scans of a fold as a kind of target sees them: without the skull, with the classes it learns."""
    images, labels, classes = scans.images, scans.labels, scans.classes
    if target.stripped:
        images = images * torch.from_numpy(brains(labels)).unsqueeze(1)
    if target.classes:
        if missing := [name for name in target.classes if name not in classes]:
            raise RemnantError(
                f"The labels have no class '{missing[0]}', only {', '.join(classes)}; leave out the experiment that needs it."
            )
        new = torch.zeros(len(classes), dtype=torch.uint8)
        for index, name in enumerate(target.classes, start=1):
            new[classes.index(name)] = index
        labels, classes = new[labels.long()], (classes[0], *target.classes)
    return replace(scans, images=images, labels=labels, classes=classes)


def attacked_in(scans: Images, few: int | None = None) -> list[int]:
    """Places of the scans to reconstruct: of members and non-members, or of the `few` first patients of each."""
    first = {scans.patients[i] for group in ("member", "non_member") for i in scans.where(group, visit=1)[:few]}
    return [i for i, patient in enumerate(scans.patients) if patient in first]


def first_scans(scans: Images, few: int | None, *, everybody: bool) -> tuple[Images, np.ndarray]:
    """First scans of members and non-members, or of `everybody` but distractors, and roles for a target of the `few` first.

    In the order of the cohort, which is the same in all folds, and without scans in which nothing is labelled.
    Without non-members the attacker's patients stand in for them, whom the target's training never saw.
    """
    others = "non_member" if scans.where("non_member") else "attacker"
    trained, held = set(scans.where("member", visit=1)[:few]), set(scans.where(others, visit=1)[:few])
    groups = ("member", "non_member", *(("attacker",) if everybody else ()))
    chosen = sorted(i for group in groups for i in scans.where(group, visit=1) if scans.labels[i].any())
    roles = [MEMBER if i in trained else NON_MEMBER if i in held else OTHER for i in chosen]
    return scans.take(chosen), np.array(roles)


def fold_file(run: Run, index: int) -> Path:
    return run.private / "folds" / f"fold{index}-images.npz"


def write_fold(run: Run, prepared: Images, fold: Fold) -> None:
    """Keep the scans of a cohort for the cells, atomically: by pseudonym, with the group of each patient in this fold."""
    group_of = {patient: word for name, word in GROUP_OF.items() for patient in getattr(fold, name)}
    scans = replace(
        prepared,
        patients=tuple(map(run.pseudonym, prepared.patients)),
        roles=tuple(group_of[patient] for patient in prepared.patients),
        # The study attacks and matches by scans alone.
        details={},
    )
    keep(fold_file(run, fold.index), scans)


def read_fold(run: Run, index: int) -> Images:
    """The scans that `write_fold` kept."""
    return kept(fold_file(run, index), Images)


def load_target(run: Run, network: str, fold: int, target: str) -> Segmenter:
    """The segmenter that `segmenter_cell` trained."""
    folder = run.checkpoints if TARGETS[target].group == "member" else run.private / SUBJECTS
    return load_checkpoint(folder / checkpoint_name(network, fold, target))


def part_of(run: Run, network: str, fold: int, target: str) -> Run:
    """The run for one trained target: what is claimed of it lies in a folder of its own."""
    return run.part(f"{SUBJECTS}/{trained_name(network, fold, target)}")


def decoder_folder(run: Run, network: str, fold: int, experiment: str) -> Path:
    """Where the decoder of an experiment lies, which it may share with the one that trained it."""
    chosen = EXPERIMENTS[experiment]
    return part_of(run, network, fold, chosen.target).private / "work" / (chosen.trained_by or experiment)
