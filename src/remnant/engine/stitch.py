"""A network over a volume that does not fit it: overlapping patches, blended by Gaussian weights."""

import math
from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.engine.device import as_batch, fabric, place

SIGMA = 1 / 8  # of the weights, as a share of the patch's side
FAINTEST = 1e-3  # of the middle's weight, where the Gaussian would leave the corners without any
TOGETHER = 2  # patches of a batch, since PyTorch's fast convolutions on a CPU are for more than one

Corner = tuple[int, ...]


@torch.no_grad()
def stitched(network: nn.Module, volume: Tensor, patch: int | tuple[int, int, int], overlap: float = 0.25) -> Tensor:
    """What `network` makes of a `volume` (c, x, y, z), patch by patch: float32 (outputs, x, y, z), on the device.

    `network`, in evaluation mode, maps (n, c, *patch) to (n, outputs, *patch); `patch` is a side that it takes or three,
    `overlap` in [0, 1) the share of it that neighbours have in common. The volume may have any sides: the last patch of a row
    lies flush with the end, and a volume smaller than the patch gets 0, background, around it, which is cut off again.
    Where patches overlap, their outputs are averaged by weight, in the geometry and with the weights of MONAI's
    `sliding_window_inference` in its mode "gaussian".

    Patches of a single grey level, which is what surrounds a stripped brain, are computed once for all places. Beyond the
    network's own needs, memory grows with the result alone. Logits become labels by `argmax(0)`. Raises `RemnantError` for
    other shapes, an overlap outside [0, 1) and a network in training mode, whose output depends on what else is in a batch.
    """
    sides = (patch,) * 3 if isinstance(patch, int) else tuple(patch)
    _check(network, volume, sides, overlap)
    gaps = [max(side - length, 0) for side, length in zip(sides, volume.shape[1:], strict=True)]
    padding = [part for gap in reversed(gaps) for part in (gap // 2, gap - gap // 2)]
    padded = functional.pad(volume, padding)
    weights = patch_weights(sides).to(fabric().device)
    summed, weight = None, torch.zeros((*padded.shape[1:], 1), device=weights.device)
    weights = weights[..., None]
    for output, corners in _outputs(place(network), padded, sides, overlap):
        # In the order of memory that the network leaves: summed up in another, a volume took half as long again.
        output = output.movedim(0, -1)
        if summed is None:
            summed = torch.zeros((*padded.shape[1:], output.shape[-1]), device=weights.device)
        weighted = output * weights  # float32, whatever the network's precision
        for corner in corners:
            window = _window(corner, sides)
            summed[window] += weighted
            weight[window] += weights
    summed /= weight
    inside = _window([gap // 2 for gap in gaps], volume.shape[1:])
    return summed[inside].movedim(-1, 0)


def patch_weights(sides: tuple[int, ...]) -> Tensor:
    """Weights (x, y, z) of a patch's voxels, highest in its middle: a Gaussian of `SIGMA` of each side, at least `FAINTEST`."""
    weights = torch.ones(())
    for side in sides:
        away = torch.arange(side) - (side - 1) / 2
        weights = weights[..., None] * torch.exp(-(away**2) / (2 * (SIGMA * side) ** 2))
    return weights.clamp(min=FAINTEST)


def starts(length: int, side: int, overlap: float) -> list[int]:
    """Where patches of `side` begin along an axis of `length`, at least the side: the last one ends with the axis."""
    step = max(1, int(side * (1 - overlap)))
    return [min(place * step, length - side) for place in range(math.ceil((length - side) / step) + 1)]


def _outputs(
    network: nn.Module, volume: Tensor, sides: tuple[int, ...], overlap: float
) -> Iterator[tuple[Tensor, list[Corner]]]:
    """Each different patch's output (outputs, *sides), with the corners where that patch lies."""
    places: dict[float | Corner, list[Corner]] = {}
    axes = (starts(length, side, overlap) for length, side in zip(volume.shape[1:], sides, strict=True))
    for corner in product(*axes):
        darkest, brightest = volume[:, *_window(corner, sides)].aminmax()
        places.setdefault(darkest.item() if darkest == brightest else corner, []).append(corner)
    found = list(places.values())
    for start in range(0, len(found), TOGETHER):
        batch = found[start : start + TOGETHER]
        patches = torch.stack([volume[:, *_window(corners[0], sides)] for corners in batch])
        if len(batch) < TOGETHER and fabric().device.type == "cpu":
            # The last of an odd number twice: alone it takes up to three times as long as two.
            patches = patches.expand(TOGETHER, *patches.shape[1:])
        with fabric().autocast():
            outputs = network(as_batch(patches))[: len(batch)]
        if outputs.shape[2:] != sides:
            raise RemnantError(
                f"A network whose patches are stitched must return their size, {sides}. "
                f"Got {tuple(outputs.shape[2:])} instead; choose sides that it can halve and double again."
            )
        yield from zip(outputs, batch, strict=True)


def _window(corner: Corner | list[int], sides: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(start, start + side) for start, side in zip(corner, sides, strict=True))


def _check(network: nn.Module, volume: Tensor, sides: tuple[int, ...], overlap: float) -> None:
    if volume.dim() != 4:
        raise RemnantError(f"A volume must be (channel, x, y, z). Got shape {tuple(volume.shape)} instead.")
    if len(sides) != 3 or min(sides) < 1:
        raise RemnantError(f"A patch must have one side or three, of at least 1 voxel. Got {sides} instead.")
    if not 0 <= overlap < 1:
        raise RemnantError(f"The overlap of patches must lie in [0, 1). Got {overlap} instead.")
    if network.training:
        raise RemnantError("A network that is stitched must be in evaluation mode; call its eval() first.")
