"""The fresh adversary of Kim 2019 (D_new): are two codes of one patient? Trained on the attacker's own patients alone."""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import pydantic
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair, cut_patch, draw_corners, draw_epoch
from remnant.engine.device import as_batch, fabric
from remnant.engine.loop import EpochReport, FitSettings, fit
from remnant.measure.intervals import numbered
from remnant.nets.siamese import Head, Siamese

Drawn = tuple[Tensor, Tensor, Tensor]
TOGETHER = 256  # pairs that a head compares at a time


class ReidentifierSettings(Settings):
    """A Siamese network, and how it is trained: `pairs` of one patient an epoch, `batch` of them a step.

    A step learns from every pair of its volumes, of one patient and of two, which weigh alike. `patch`: voxels a side of what it
    sees of codes, from one place drawn anew for every step; None for whole codes.
    """

    trunk: str = "resnet_small"
    head: Head = "symmetric"
    patch: int | None = pydantic.Field(default=None, ge=8)
    batch: int = pydantic.Field(default=8, ge=2)
    pairs: int = pydantic.Field(default=80, ge=2)
    fit: FitSettings = FitSettings(epochs=20, learning_rate=1e-3, weight_decay=1e-2)

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return -(-self.pairs // self.batch)


def train_on_codes(
    codes: Tensor, patients: Sequence[str], settings: ReidentifierSettings, seeds: Seeds, report: EpochReport
) -> Siamese:
    """A network that tells whether two codes are of one patient, trained on `codes` (n, c, x, y, z) that the attacker made of its
    own scans of `patients` (n,), some with several.

    Raises `RemnantError` as `draw_epoch` does, and for patches that do not fit.
    """
    shape = tuple(codes.shape[2:])
    side, whose = settings.patch, numbered(patients)[1]
    torch.manual_seed(seeds.child("weights").integer)
    model = Siamese(settings.trunk, settings.head, codes.shape[1])

    def draw(epoch: int) -> Iterator[Drawn]:
        branch = seeds.child("epoch", epoch)
        pairs = [pair for pair in draw_epoch(patients, 2 * settings.pairs, seeds=branch) if pair.same]
        corners = draw_corners(shape, side, settings.steps, seeds=branch) if side else [None] * settings.steps
        # Steps of nearly equal size, as pairs were shuffled.
        for chosen, corner in zip(np.array_split(np.arange(len(pairs)), settings.steps), corners, strict=True):
            images = np.array([(pairs[i].anchor, pairs[i].other) for i in chosen]).ravel()
            first, second = np.triu_indices(len(images), 1)
            others = images[first] != images[second]
            first, second = first[others], second[others]
            volumes = as_batch(torch.stack([_cut(codes[image], corner, side) for image in images]))
            same = torch.from_numpy(whose[images[first]] == whose[images[second]]).to(volumes.device)
            yield volumes, torch.from_numpy(np.stack([first, second])).to(volumes.device), same

    def loss(_: nn.Module, drawn: Drawn) -> Tensor:
        volumes, places, same = drawn
        # Once for each volume and not once for each pair, which are many more.
        with fabric().autocast():
            features = model.embed(volumes)
            logits = model.compare(*features[places]).float()
        losses = nn.functional.binary_cross_entropy_with_logits(logits, same.float(), reduction="none")
        return torch.stack([losses[kind].mean() for kind in (same, ~same) if kind.any()]).mean()

    fit(model, draw, settings.steps, loss, settings.fit, report=report)
    return model


@torch.no_grad()
def embedded(model: Siamese, codes: Tensor, patch: int | None) -> Tensor:
    """Features (n, t, f) of `codes` (n, c, x, y, z), on the CPU: of each tile of `patch` voxels a side, or of the whole (t = 1).

    Tiles lie edge to edge, the last of a row flush with the end.
    """
    tiles = [None] if patch is None else _tiles(tuple(codes.shape[2:]), patch)
    found = []
    # PyTorch's fast convolutions on a CPU are for batches of more than one.
    for some in codes.split(2 if patch is None else 1):
        parts = torch.stack([_cut(code, tile, patch) for code in some for tile in tiles])
        with fabric().autocast():
            found.append(model.embed(as_batch(parts)).float().cpu().unflatten(0, (len(some), -1)))
    return torch.cat(found)


def recalibrated(model: Siamese, codes: Tensor, patch: int | None) -> Siamese | None:
    """A copy whose BatchNorm stands on the statistics of `codes` (n, c, x, y, z), tiled as in `embedded`: the mean over scans.

    What it has kept is of the codes of the last steps of its training, and of few patches each. None for a network without any.
    """
    model = copy.deepcopy(model)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        return None
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # of all batches alike
    embedded(model.train(), codes, patch)
    return model.eval()


def pair_scores(model: Siamese, features: Tensor, pairs: Sequence[Pair]) -> np.ndarray:
    """How likely each of `pairs` is of one patient, float64 (n,): the mean logit over the tiles of `features` (images, t, f).

    With a head that minds the order, the mean of both.
    """
    return _compared(model, *_sides(features, pairs)).mean(1)


def patch_scores(model: Siamese, features: Tensor, pairs: Sequence[Pair], seeds: Seeds) -> np.ndarray:
    """The same by one tile of each pair, drawn from `seeds`: float64 (n,), as Kim 2019 judges the discriminator.

    One tile and not all of them, since the tiles of a pair are no further pairs.
    """
    first, second = _sides(features, pairs)
    tiles = torch.from_numpy(seeds.numpy().integers(first.shape[1], size=len(pairs)))
    chosen = (torch.arange(len(pairs)), tiles)
    return _compared(model, first[chosen].unsqueeze(1), second[chosen].unsqueeze(1))[:, 0]


def _sides(features: Tensor, pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """The features (n, t, f) of the anchors of `pairs`, and of their others."""
    return features[[pair.anchor for pair in pairs]], features[[pair.other for pair in pairs]]


@torch.no_grad()
def _compared(model: Siamese, first: Tensor, second: Tensor) -> np.ndarray:
    """Logits float64 (n, t) of features (n, t, f) of two images each."""
    model = model.cpu()
    n, tiles, width = first.shape
    logits = []
    # The head of a large trunk holds thousands of values a tile: of all pairs at once these are gigabytes.
    for some in zip(first.split(TOGETHER), second.split(TOGETHER), strict=True):
        a, b = (side.reshape(-1, width) for side in some)
        logits.append(model.compare(a, b) if model.symmetric else (model.compare(a, b) + model.compare(b, a)) / 2)
    return torch.cat(logits).double().reshape(n, tiles).numpy()


def _cut(code: Tensor, corner: Sequence[int] | None, side: int | None) -> Tensor:
    return code if side is None or corner is None else cut_patch(code, corner, side)


def _tiles(shape: tuple[int, ...], side: int) -> list[tuple[int, ...]]:
    starts = [sorted({min(start, length - side) for start in range(0, length, side)}) for length in shape]
    return [(x, y, z) for x in starts[0] for y in starts[1] for z in starts[2]]
