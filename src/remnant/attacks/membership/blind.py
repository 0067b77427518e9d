"""What is known of patients without the target, for the blind baseline (`remnant.measure.blind`)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from remnant.cohort.images import Images
from remnant.measure.blind import weighed

SIDES = {2: 8, 3: 4}  # of the reduced image, by its axes
BINS = 16


def blind_features(images: Images) -> tuple[tuple[str, ...], np.ndarray]:
    """Each patient once, in the order of the first image, and his features (p, d) that know nothing of a target.

    The image reduced to `SIDES`, a histogram of `BINS` with mean and standard deviation, and `sharpness`; beside these the number
    of images, their sides, which may differ between groups, and the details, numbers such as age and sex, NaN for unknown. Greys
    are scaled to [0, 1] by the 0.5 and 99.5 percentiles of all images together. Means over a patient's images. Each of the four
    kinds weighs the same, each of its columns has variance 1 before.
    """
    sample = torch.cat([image.flatten()[:: max(1, image.numel() // 4096)] for image in images.images]).float()
    low, high = (float(value) for value in np.percentile(sample.numpy(), (0.5, 99.5)))
    pool = {1: functional.adaptive_avg_pool1d, 2: functional.adaptive_avg_pool2d, 3: functional.adaptive_avg_pool3d}
    same = {tuple(image.shape[1:]) for image in images.images}
    sides = {
        f"side {axis}": np.array([image.shape[1 + axis] for image in images.images]) for axis in range(images.spatial)
    }
    scaled = [
        ((image.float() - low) / max(high - low, 1e-12)).clamp(0, 1).mean(0, keepdim=True) for image in images.images
    ]
    # Before anything is reduced: reducing blurs, and two scanners' noise is gone.
    sharp = np.stack([sharpness(image) for image in scaled])
    if len(same) > 1:
        # Reduced to the same sides, whose grey values say what the whole ones do.
        least = tuple(min(shape[axis] for shape in same) for axis in range(images.spatial))
        scaled = [pool[images.spatial](image, least) for image in scaled]
    return _features(torch.stack(scaled), sharp, images.patients, {**images.details, **sides})


def sharpness(image: Tensor) -> np.ndarray:
    """Logarithms of the mean absolute difference of neighbours and of the mean square of the Laplacian, of `image` (1, *spatial)
    at its own resolution: what a scanner's sharpness and noise change where greys stay as they are."""
    axes = [axis for axis in range(1, image.dim()) if image.shape[axis] > 2]
    steps = [float(image.diff(dim=axis).abs().mean()) for axis in axes]
    bent = sum(
        (_inner(image, [one for one in axes if one != axis]).diff(n=2, dim=axis) for axis in axes), torch.zeros(1)
    )
    return np.log(np.array([sum(steps) / max(1, len(steps)), float(bent.square().mean())]) + 1e-9)


def _inner(image: Tensor, axes: list[int]) -> Tensor:
    """Without its border along `axes`, so that second differences along others are of the same voxels."""
    for axis in axes:
        image = image.narrow(axis, 1, image.shape[axis] - 2)
    return image


def _features(
    images: Tensor, sharp: np.ndarray, patients: Sequence[str], details: Mapping[str, np.ndarray]
) -> tuple[tuple[str, ...], np.ndarray]:
    axes = images.dim() - 2
    pool = functional.adaptive_avg_pool2d if axes == 2 else functional.adaptive_avg_pool3d
    reduced = torch.cat([pool(image, SIDES[axes]).flatten(1) for image in images.float().split(1)]).numpy()
    grey = np.stack(
        [np.histogram(image, BINS, (0, 1))[0] / image.size for image in images.float().clamp(0, 1).flatten(1).numpy()]
    )
    moments = np.stack([images.float().flatten(1).mean(1).numpy(), images.float().flatten(1).std(1).numpy()], axis=1)
    names = pd.Series(list(patients))
    told = {name: np.asarray(values, dtype=float) for name, values in details.items()}
    known = {f"{name}_known": np.isfinite(values).astype(float) for name, values in told.items()}
    count = names.map(names.value_counts()).to_numpy(float)
    kinds = [reduced, np.hstack([grey, moments]), sharp, np.column_stack([count, *told.values(), *known.values()])]
    blocks = []
    for kind in kinds:
        means = pd.DataFrame(kind).groupby(names.to_numpy(), sort=False).mean()
        blocks.append(weighed(means.to_numpy(float)))
    return tuple(means.index), np.hstack(blocks)
