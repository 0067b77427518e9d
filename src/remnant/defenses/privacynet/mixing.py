"""A reference mixed into each scan: the server segments the mixture, and the client takes the reference off its answer.

After *Mixup-Privacy: A simple yet effective approach for privacy-preserving segmentation* (Kim 2023, arXiv:2305.13756), of
which we had the abstract alone. The paper's are: the client mixes the scan with a reference image, the server returns the
mixture of both segmentations, the client recovers that of the scan, and all of it is trained end to end. Ours are: one
reference and one weight a scan, drawn anew for each; a law of weights around a half; references that are scans of the training;
and in place of the paper's unmixing network a formula, exact where the server is, through which the segmenter is trained.

Weights far from a half would hide nothing: the heavier part of an answer is the scan's. Whoever has the references, as everybody
has who may run the client, can try each of them; who is himself a reference may be mixed with himself, which hides nothing.
"""

import base64
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field as Setting
from pydantic import model_validator
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.warping import Window

LEAST = 1e-3  # of a class that the mixture leaves nothing of, so that its logarithm is finite


class MixingSettings(Settings):
    """The law that a client draws its mixtures from; it is no secret, the draw is.

    The weight of the scan itself is uniform from `lowest` to `highest`, that of the reference the rest. `references`: so many
    scans of the training, which the client keeps.
    """

    lowest: float = Setting(default=0.4, gt=0, lt=1)
    highest: float = Setting(default=0.6, gt=0, lt=1)
    references: int = Setting(default=8, ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("the lowest weight of the scan itself must not be above the highest")
        return self


class References(nn.Module):
    """What a client mixes scans with: `images` float32 (n, 1, x, y, z) in [0, 1] and their `labels` uint8 (n, x, y, z), by
    weights of a scan itself from `lowest` to `highest`. A network without weights, so that it lies in the encoder's file.
    """

    def __init__(self, count: int, shape: tuple[int, int, int], lowest: float, highest: float) -> None:
        super().__init__()
        self.arguments: dict[str, Any] = {"count": count, "shape": shape, "lowest": lowest, "highest": highest}
        self.register_buffer("images", torch.zeros(count, 1, *shape))
        self.register_buffer("labels", torch.zeros(count, *shape, dtype=torch.uint8))
        self.weights = (lowest, highest)

    @classmethod
    def of(cls, scans: Images, settings: MixingSettings, seeds: Seeds) -> Self:
        """Drawn among `scans`, of as many patients as there are; all of these where they are fewer than `settings` ask for."""
        whose = {patient: place for place, patient in reversed([*enumerate(scans.patients)])}
        drawn = seeds.numpy().permutation(sorted(whose.values()))[: settings.references].tolist()
        images, labels = (torch.stack([part[i] for i in drawn]) for part in (scans.images, scans.labels))
        references = cls(len(drawn), tuple(labels.shape[1:]), settings.lowest, settings.highest)
        references.images.copy_(images)
        references.labels.copy_(labels)
        return references

    def relabelled(self, change: Callable[[np.ndarray], np.ndarray]) -> "References":
        """The same images with what `change` makes of their label maps, uint8 (n, x, y, z) both."""
        references = References(**self.arguments)
        references.images.copy_(self.images)
        references.labels.copy_(torch.from_numpy(change(self.labels.numpy())))
        return references


@dataclass(frozen=True)
class Mix:
    """One drawn mixture of a scan, by its `weight`, with a reference: its `labels` uint8 (x, y, z), and its `image`
    (1, x, y, z), which is not needed to undo it and None of a key. `seed`: of `mix_labels`.
    """

    weight: float
    labels: Tensor
    image: Tensor | None = None
    seed: int = 0

    def plain(self) -> dict[str, Any]:
        """What JSON can hold, for the client's own file: all that undoes the mixture."""
        packed = zlib.compress(np.ascontiguousarray(self.labels.numpy()).tobytes())
        return {"weight": self.weight, "shape": self.labels.shape, "labels": base64.b64encode(packed).decode()}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Self:
        """What `plain` gave; raises `KeyError`, `TypeError` or `ValueError` for anything else."""
        weight = float(plain["weight"])
        if not 0 < weight < 1:
            raise ValueError("no weight of a mixture")
        try:
            labels = np.frombuffer(zlib.decompress(base64.b64decode(plain["labels"])), np.uint8)
        except zlib.error:
            raise ValueError("no label map") from None
        x, y, z = (int(side) for side in plain["shape"])
        return cls(weight, torch.from_numpy(labels.reshape(x, y, z).copy()))


def draw_mix(references: References, generator: np.random.Generator) -> Mix:
    """Draw a reference and the weight of the scan."""
    number = int(generator.integers(len(references.images)))
    weight = float(generator.uniform(*references.weights))
    return Mix(weight, references.labels[number], references.images[number], int(generator.integers(2**31)))


def mix_scan(image: Tensor, mix: Mix, window: Window | None = None) -> Tensor:
    """The mixture, float32 (1, x, y, z) in [0, 1], of `image` (1, x, y, z) in [0, 1]; only its voxels in `window` if given."""
    assert mix.image is not None
    _check(image, mix)
    part = (slice(None), *(window or ()))
    return mix.weight * image[part] + (1 - mix.weight) * mix.image[part]


def mix_labels(labels: Tensor, mix: Mix) -> Tensor:
    """A label map uint8 (x, y, z) for training on the mixture, of `labels` (x, y, z) of the scan: a voxel is the scan's with the
    probability of its weight, else the reference's, so that a cross-entropy with it is on average that with both.
    """
    _check(labels[None], mix)
    own = torch.rand(labels.shape, generator=torch.Generator().manual_seed(mix.seed)) < mix.weight
    return torch.where(own, labels, mix.labels)


def unmix_maps(maps: Tensor, mix: Mix) -> Tensor:
    """What a server's logits (classes, x, y, z) of a mixture say of the scan itself: logits float32 (classes, x, y, z)."""
    _check(maps, mix)
    return unmixed(maps[None], mix.labels[None], torch.tensor([mix.weight]))[0]


def unmixed(logits: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """log of max(0, p - (1 - w) r) / w, float32 (n, classes, x, y, z) and at least log(`LEAST`): a server that is right has in
    its probabilities p = w y + (1 - w) r, of y the scan's own.

    `logits` (n, classes, x, y, z) of mixtures with scans of the `weights` w (n,); `references` (n, x, y, z): the classes r. Can
    be differentiated.
    """
    share = weights.to(logits.device)[:, None, None, None, None]
    probability = logits.float().softmax(1)
    taken = (1 - share).expand(-1, 1, *references.shape[1:])
    left = probability.scatter_add(1, references.to(logits.device).long()[:, None], -taken)
    return (left / share).clamp(min=LEAST).log()


def _check(volume: Tensor, mix: Mix) -> None:
    if volume.shape[1:] != mix.labels.shape:
        raise RemnantError(
            f"The secret is mixed into volumes of {tuple(mix.labels.shape)} voxels. Got {tuple(volume.shape[1:])} instead; give "
            "the code that it was drawn for, or the map made of it."
        )
