"""Pairs of images, of one patient or of two, and the places of their patches: drawn here by index, without an image.

The question put to an adversary of Kim 2019: are these two of the same patient? Images stand on a circle in a drawn
order and each is the anchor of its pairs with those that follow it, the nearest first. So every two images meet
once, every image's turns as anchor come round in order, and a part of the pairs uses the anchors as evenly as all do.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted

Volume = TypeVar("Volume")


@dataclass(frozen=True)
class Pair:
    """Two images by their places in the list they were drawn from; `same`: both are of one patient."""

    anchor: int
    other: int
    same: bool


def draw_pairs(patients: Sequence[str], *, seeds: Seeds, positives: int | None = None) -> tuple[Pair, ...]:
    """Pairs of two different images, as many of one patient as of two; first those of one patient.

    `patients`: whose each image is, image i being `patients[i]`. `positives`: how many pairs of one patient; None for
    all there are. No two images are paired twice, whichever of them is the anchor. Within either kind, the numbers of
    turns of two anchors differ by at most one, but for images that have no pairs left: of a patient with k images, a drawn
    half of them has one turn less where k is even, and an image alone of its patient anchors pairs of two patients only.

    Raises `RemnantError` for a single patient, when nobody has two images, and for more pairs than there are.
    """
    images = _images_of(patients)
    generator = seeds.child("pairs").numpy()
    same = np.concatenate([_circle(generator.permutation(own)) for own in images.values()])
    wanted = len(same) if positives is None else positives
    if not 1 <= wanted <= len(same):
        raise RemnantError(
            f"The number of pairs of one patient must be from 1 to {len(same)}, as many as "
            f"{counted(len(patients), 'image gives', 'images give')}. Got {wanted} instead."
        )
    whose = np.asarray(patients)
    different = _circle(generator.permutation(len(patients)))
    different = different[whose[different[:, 0]] != whose[different[:, 1]]]
    if wanted > len(different):
        raise RemnantError(
            f"These {len(patients)} images give {counted(len(different), 'pair')} of two patients, too few for "
            f"{counted(wanted, 'pair')} of one; ask for at most {counted(len(different), 'pair')} of one patient or add patients."
        )
    return (
        *(Pair(int(anchor), int(other), True) for anchor, other in _even(same, wanted, generator)),
        *(Pair(int(anchor), int(other), False) for anchor, other in _even(different, wanted, generator)),
    )


def all_pairs(patients: Sequence[str], negatives: int, *, seeds: Seeds) -> tuple[Pair, ...]:
    """Every pair of one patient, and `negatives` times as many of two, or all there are; first those of one patient.

    For measuring, where many pairs of two patients keep intervals narrow. Otherwise, and errors, as in `draw_pairs`.
    """
    images = _images_of(patients)
    generator, whose = seeds.child("pairs").numpy(), np.asarray(patients)
    same = np.concatenate([_circle(np.array(own)) for own in images.values()])
    different = _circle(generator.permutation(len(patients)))
    different = _even(different[whose[different[:, 0]] != whose[different[:, 1]]], negatives * len(same), generator)
    return (
        *(Pair(int(anchor), int(other), True) for anchor, other in same),
        *(Pair(int(anchor), int(other), False) for anchor, other in different),
    )


def draw_epoch(patients: Sequence[str], pairs: int, *, seeds: Seeds) -> tuple[Pair, ...]:
    """`pairs` pairs for an epoch of training in a drawn order, half of them of one patient (one more where odd).

    No pair comes again before all pairs of one patient had their turn; then they are drawn afresh, with pairs of two
    patients that may be others. `patients` and errors as in `draw_pairs`; also `RemnantError` for fewer than two pairs.
    """
    if pairs < 2:
        raise RemnantError(f"An epoch needs at least 2 pairs, one of each kind. Got {pairs} instead.")
    available = sum(len(own) * (len(own) - 1) // 2 for own in _images_of(patients).values())
    drawn: list[Pair] = []
    missing = (pairs + 1) // 2
    while missing:
        few = min(missing, available)
        drawn += draw_pairs(patients, seeds=seeds.child("round", len(drawn)), positives=few)
        missing -= few
    if pairs % 2:
        drawn.pop()
    return tuple(drawn[i] for i in seeds.child("order").numpy().permutation(len(drawn)))


def draw_corners(shape: Sequence[int], side: int, count: int, *, seeds: Seeds) -> np.ndarray:
    """First voxels, int64 (count, axes), of cubes of `side` voxels that lie wholly within `shape`, each place as likely.

    One corner serves both images of a pair: what two patches share is then the anatomy and not the place.
    Raises `RemnantError` for a volume smaller than a patch.
    """
    if side < 1 or min(shape) < side:
        text = " x ".join(str(length) for length in shape)
        raise RemnantError(
            f"A patch of {side} voxels a side does not fit into a volume of {text}; use smaller patches or a finer grid."
        )
    room = np.asarray(shape) - side + 1
    return seeds.child("corners").numpy().integers(room, size=(count, len(room)))


def cut_patch(volume: Volume, corner: Sequence[int], side: int) -> Volume:
    """The patch of `side` voxels a side whose first voxel is `corner`, of an array or tensor (..., *spatial); a view."""
    return volume[(..., *(slice(int(first), int(first) + side) for first in corner))]


def _images_of(patients: Sequence[str]) -> dict[str, list[int]]:
    """The images of each patient, by their places."""
    images: defaultdict[str, list[int]] = defaultdict(list)
    for index, patient in enumerate(patients):
        images[patient].append(index)
    if len(images) < 2:
        raise RemnantError(
            f"Pairs need at least two patients. Got {len(images)} with {counted(len(patients), 'image')} instead; add patients."
        )
    if all(len(own) == 1 for own in images.values()):
        raise RemnantError(
            f"Each of the {len(images)} patients has one image, so that there is no pair of one patient; add their other "
            f"sessions, or simulate revisits by --simulate-revisits."
        )
    return images


def _circle(order: np.ndarray) -> np.ndarray:
    """Every pair (anchor, other) of these images once, int (n (n - 1) / 2, 2): with the next on the circle first."""
    n = len(order)
    rounds = [np.stack([order, np.roll(order, -step)], axis=1) for step in range(1, (n - 1) // 2 + 1)]
    if n % 2 == 0:
        # Opposite images would meet twice.
        rounds.append(np.stack([order[: n // 2], order[n // 2 :]], axis=1))
    return np.concatenate([np.empty((0, 2), int), *rounds])


def _even(pairs: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """`count` of these pairs: of each anchor the first, then of each the second, and so on; drawn where not all go in."""
    anchors = pairs[:, 0]
    by_anchor = np.argsort(anchors, kind="stable")
    turn = np.empty(len(pairs), int)
    turn[by_anchor] = np.arange(len(pairs)) - np.searchsorted(anchors[by_anchor], anchors[by_anchor])
    return pairs[np.lexsort((generator.random(len(pairs)), turn))[:count]]
