"""How a target takes its images, inferred from the statistics that it stores: size, grey range, and whether it is that network.

A CNN remembers mean and variance of what entered each BatchNorm layer in training. Images that are given to it as it was
trained have nearly these; given otherwise they lie far off, and whatever the target then says of anybody is noise.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.targets.access import Weights
from remnant.targets.inputs import InputRange

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]
# Mean and standard deviation by which images in [0, 1] are normalised, by words for the report; ImageNet's by the channels.
IMAGENET: dict[int, Normalisation] = {
    1: ((0.449,), (0.226,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
RANGES: dict[str, Normalisation] = {
    "greys in [0, 1]": ((0.0,), (1.0,)),
    "greys in [-1, 1]": ((0.5,), (0.5,)),
    "greys in [-1024, 1024], as TorchXRayVision": ((0.5,), (1 / 2048,)),
    "greys in [0, 255]": ((0.0,), (1 / 255,)),
}
SIZES = (64, 96, 128, 224, 256, 299, 320, 512)
# Mean over layers of `distances`, up to which images are taken for such as the target was trained on: the right ones lay at
# 0.1 to 0.4 from ResNets that were trained on radiographs, twice the side at 0.4 to 0.5, other ranges at 0.8 to 10,000.
FITS = 0.6
# The same of the first layer, which knows nothing of the network behind it.
FIRST_FITS = 1.0
# Sizes beyond the nearest that are tried before the search ends.
PATIENCE = 2
# A range that no list names is taken where its misfit is this part of the best named one's, or less, and its shift, in standard
# deviations, or its scale differs by more than this: statistics of few images are not exact enough for less.
CLEARLY, APART = 0.8, 0.1
# Images by which all ways are compared; the nearest `KEPT`, of ranges and then of all, are by all images.
FEW, KEPT = 8, 4


@dataclass(frozen=True)
class InputFit:
    """One way to give images to a target. `words` of the range, `view`: how the greys were made, `distance` and `first` as in
    `distances`, their mean and the first layer's."""

    input_range: InputRange
    words: str
    view: str
    distance: float
    first: float

    @property
    def misfit(self) -> float:
        """The larger of both distances in units of what is let pass: of the ways, the least is taken."""
        return max(self.distance / FITS, self.first / FIRST_FITS)

    @property
    def fits(self) -> bool:
        """Whether such images are like those of the training."""
        return self.misfit <= 1

    @property
    def other_network(self) -> bool:
        """Whether the images enter it as in training and what comes behind is off: the weights are of another network."""
        return self.first <= FIRST_FITS and self.distance > FITS


def distances(goals: Goals, images: Tensor) -> list[float]:
    """How far `images` (n, 1, N, N) in [0, 1] lie from what each BatchNorm layer stores, in order.

    mean_c [(m_c - M_c)^2 / V_c + log(v_c / V_c)^2] for mean m and variance v of what enters the layer and the stored M and V, to
    whose variances BatchNorm's own epsilon is added.
    """
    found = []
    for seen, stored, eps in zip(
        goals.statistics(goals.batch_norms, images), goals.stored, goals.epsilons, strict=True
    ):
        mean, variance = seen.pooled.mean - stored.mean, seen.pooled.variance + eps
        wanted = stored.variance + eps
        found.append(float((mean.square() / wanted + (variance / wanted).log().square()).mean()))
    return found


def measure_fit(access: Weights, input_range: InputRange, words: str, view: str, images: Tensor) -> InputFit:
    """How well `images` (n, 1, N, N) in [0, 1], given by `input_range`, fit what a target with BatchNorm stores."""
    found = distances(Goals(access, input_range, GoalSettings()), images)
    return InputFit(input_range, words, view, sum(found) / len(found), found[0])


def infer_input(
    access: Weights,
    channels: int,
    views: Mapping[str, Tensor],
    *,
    size: int | None = None,
    given: Normalisation | None = None,
) -> tuple[InputFit, ...]:
    """The ways to give images to a target with BatchNorm that come nearest, the best first; whether one is good its `fits` says.

    `views`: the same images (n, 1, N, N) in [0, 1] with greys made in different ways, by words. `size` and `given`, mean and
    standard deviation, are what is known already. Size and range are sought together, since the wrong one of either fits best
    with a wrong other: by what enters the first BatchNorm layer, each range and view at every size; then the best of these by
    all layers, from the smallest size on until they grow worse. Unless a range was given, the best is held against any shift
    and scale: a range that is only nearly right blurs who was a member.
    """
    imagenet = (
        {"greys normalised by ImageNet's mean and standard deviation": IMAGENET[channels]}
        if channels in IMAGENET
        else {}
    )
    ranges = {"the range that was given": given} if given else {**RANGES, **imagenet}
    ways = [(words, view, mean, std) for words, (mean, std) in ranges.items() for view in views]
    sizes = (size,) if size else SIZES

    def first(way: tuple) -> float:
        _, view, mean, std = way
        images = views[view][:FEW]
        return min(_first_distance(access, InputRange(side, channels, mean, std), images) for side in sizes)

    def at(way: tuple) -> Callable[[int], InputFit]:
        words, view, mean, std = way
        return lambda side: measure_fit(access, InputRange(side, channels, mean, std), words, view, views[view][:FEW])

    firsts = {way: first(way) for way in ways}
    ways.sort(key=lambda way: firsts[way])
    # What enters at no size as in training fits at none.
    near = [way for way in ways[:KEPT] if firsts[way] <= 2 * max(FIRST_FITS, firsts[ways[0]])]
    tried = sorted((one for way in near for one in _until_worse(at(way), sizes)), key=_misfit)
    found = sorted(
        (measure_fit(access, one.input_range, one.words, one.view, views[one.view]) for one in tried[:KEPT]),
        key=_misfit,
    )
    freed = None if given else _freed(access, found, views)
    return (freed, *found) if freed and freed.misfit <= CLEARLY * found[0].misfit else tuple(found)


def _freed(access: Weights, found: Sequence[InputFit], views: Mapping[str, Tensor]) -> InputFit | None:
    """The best fit with a range that no list names, at any of the sizes of those `found`, the best first; or None."""
    sides = {one.input_range.size: one for one in reversed(found)}
    frees = [
        (few, one) for one in sides.values() if (few := _free_range(access, one.input_range, views[one.view][:FEW]))
    ]
    if not frees:
        return None
    _, near = min(frees, key=lambda one: measure_fit(access, one[0], "", "", views[one[1].view][:FEW]).misfit)
    free = _free_range(access, near.input_range, views[near.view])
    if free is None:
        return None
    mean, std = (" and ".join(f"{value:.2f}" for value in values) for values in (free.mean, free.std))
    words = f"greys of mean {mean} and standard deviation {std}, which no list names and the statistics fit best"
    return measure_fit(access, free, words, near.view, views[near.view])


def _free_range(access: Weights, near: InputRange, images: Tensor) -> InputRange | None:
    """`near` with the shift and scale, of all its channels alike, under which the first layer's statistics fit best.

    None where that is no other range than `near`.
    """

    def changed(parameters: np.ndarray) -> InputRange:
        scale, shift = float(np.exp(parameters[0])), float(parameters[1])
        mean = tuple(m + shift * s for m, s in zip(near.mean, near.std, strict=True))
        return replace(near, mean=mean, std=tuple(scale * s for s in near.std))

    found = minimize(
        lambda parameters: _first_distance(access, changed(parameters), images),
        np.zeros(2),
        method="Nelder-Mead",
        options={"initial_simplex": [(0, 0), (0.3, 0), (0, 0.3)], "maxfev": 80, "xatol": 1e-3, "fatol": 1e-5},
    )
    return changed(found.x) if np.abs(found.x).max() > APART else None


def _misfit(fit: InputFit) -> float:
    return fit.misfit


def _until_worse(fit: Callable[[int], InputFit], sizes: Sequence[int]) -> Iterator[InputFit]:
    least, worse = float("inf"), 0
    for side in sizes:
        found = fit(side)
        yield found
        worse = 0 if found.misfit < least else worse + 1
        least = min(least, found.misfit)
        if worse == PATIENCE:
            return


class _SeenError(Exception):
    """What enters the first BatchNorm layer was seen; nothing behind it is computed."""


@torch.no_grad()
def _first_distance(access: Weights, input_range: InputRange, images: Tensor) -> float:
    """`distances` of the first layer alone, without the rest of the network."""
    layer = access.target.get_submodule(batch_norms(access.target)[0])
    seen: list[Tensor] = []

    def stop(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.append(inputs[0])
        raise _SeenError

    handle = layer.register_forward_pre_hook(stop)
    try:
        access.target(input_range(images.to(next(access.target.parameters()).device)))
    except _SeenError:
        pass
    finally:
        handle.remove()
    values = seen[0].float().transpose(0, 1).flatten(1)
    wanted = layer.running_var + layer.eps
    apart = (values.mean(1) - layer.running_mean).square() / wanted
    return float((apart + ((values.var(1) + layer.eps) / wanted).log().square()).mean())
