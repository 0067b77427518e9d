"""Membership by the bare answer: how often small changes of an image leave it as it was."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, PatientScores, Work
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, patient_means
from remnant.cohort.warp import WarpSettings, apply_warp, draw_warp
from remnant.targets.seen import SeenOutputs

RIGHT, ALIKE = "share right under {}", "share alike under {}"
NOISED, TURNED = "noise", "shifts and rotations"
AGREEMENT = "agreement under noise"
# Up to 10 degrees, and by about 3 pixels of 64: further than most trainings augment. Every change is as many answers again.
TURN = WarpSettings(rotation=10, scaling=0, shift=3, elastic=0, lattice=(2, 2), gamma=0, gain=0, side=64, bounded=False)
TURNS = 3
# Standard deviations of the noise, in those of all images: of small networks that were overfit on radiographs little noise tells
# less. Of scans, which take long and whose answers have many values, one.
NOISE, NOISE_OF_SCANS = (0.4, 0.4, 0.8, 0.8, 1.2, 1.2), 0.4
TOGETHER = 8  # scans whose segmentations are held
SAMPLED = 4096  # values of an image by which the spread of all is told


def by_labels(access: SeenOutputs, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """Claims by bare answers alone (Choquette-Choo et al. 2021, arXiv 2007.14321), means over a patient's images.

    A classifier: the share of noisy images, and of shifted and rotated ones, that are answered rightly, or, where no labels are
    known, as the image itself is; the former tells of whoever was learned by heart, the latter of a training with augmentation. A
    segmenter: Dice of the segmentation of the scan with noise with that of the scan itself. Everybody's image gets the same
    changes.
    """
    asked, seeds, spread = access.candidates, work.seeds, _spread(access.candidates)
    if access.head.task == "segmentation":
        (change,) = _noises((NOISE_OF_SCANS,), spread, seeds)
        parts = [asked.take(range(i, min(i + TOGETHER, len(asked)))) for i in range(0, len(asked), TOGETHER)]
        values = [value for part in parts for value in _agreement(access, part, change)]
        return [PatientScores(AGREEMENT, *patient_means(np.array(values), asked.patients))]
    labels = asked.labels
    truth = (
        _bare(access, asked, lambda batch: batch) if labels is None else [torch.as_tensor(label) for label in labels]
    )
    asked_by = {NOISED: _noises(NOISE, spread, seeds), **({TURNED: _turns(seeds)} if asked.spatial > 1 else {})}
    view, claims = ALIKE if labels is None else RIGHT, []
    for name, changes in asked_by.items():
        shares = [list(map(_share, _bare(access, asked, change), truth)) for change in changes]
        claims.append(PatientScores(view.format(name), *patient_means(np.mean(shares, axis=0), asked.patients)))
    return claims


def _bare(access: SeenOutputs, images: Images, change: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """What is answered about each image after a `change`: a class, or 0 and 1 an output; of scans the same of each voxel."""
    found = {
        place: logits.argmax(0) if access.head.kind == "softmax" else (logits > 0).int()
        for place, logits in access.ask(images, change)
    }
    return [found[place] for place in range(len(images))]


def _share(answer: Tensor, truth: Tensor) -> float:
    """The share of the known outputs that are answered so."""
    known = truth.isfinite()
    return float((answer == truth)[known].float().mean()) if known.any() else 0.0


def _agreement(access: SeenOutputs, scans: Images, change: Callable[[Tensor], Tensor]) -> list[float]:
    """Dice of each scan's segmentation before and after a change, the mean over the foreground classes that either has."""
    overlaps = []
    for whole, other in zip(_bare(access, scans, lambda batch: batch), _bare(access, scans, change), strict=True):
        if access.head.kind == "sigmoid":
            pairs = [(one > 0, same > 0) for one, same in zip(whole, other, strict=True)]
        else:
            pairs = [(whole == one, other == one) for one in range(1, access.head.outputs)]
        held = [(int((a & b).sum()), int(a.sum() + b.sum())) for a, b in pairs if a.any() or b.any()]
        overlaps.append(float(np.mean([2 * both / either for both, either in held])) if held else 1.0)
    return overlaps


def _spread(images: Images) -> float:
    """The standard deviation of the images' values."""
    return float(torch.cat([image.flatten()[:: max(1, image.numel() // SAMPLED)] for image in images.images]).std())


def _turns(seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
    def turned(batch: Tensor, number: int) -> Tensor:
        warp = draw_warp(tuple(batch.shape[2:]), TURN, seeds.child("turn", number).torch())
        # As channels of one image, all are turned alike.
        return apply_warp(batch.reshape(1, -1, *batch.shape[2:]), warp).reshape(batch.shape)

    return (partial(turned, number=number) for number in range(TURNS))


def _noises(levels: tuple[float, ...], spread: float, seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
    def noisy(batch: Tensor, number: int, level: float) -> Tensor:
        noise = torch.randn(batch.shape[1:], generator=seeds.child("noise", number).torch())
        return batch + level * spread * noise

    return (partial(noisy, number=number, level=level) for number, level in enumerate(levels))


LABEL_ONLY = Attack(
    "label_only",
    "the share of small changes of an image under which the bare answer stays right",
    access="outputs",
    claim="patient_scores",
    run=by_labels,
    source="Choquette-Choo et al. 2021, arXiv 2007.14321",
)
