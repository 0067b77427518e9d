"""Multi-scale structural similarity of every reconstruction with every gallery image.

Wang, Simoncelli and Bovik 2003, "Multi-scale structural similarity for image quality assessment", equation 7,
with the weights of its section 3.2.
"""

import numpy as np
import torch
from torch.nn import functional

from remnant.base.texts import counted
from remnant.measure.images import Box, Images
from remnant.measure.ssim import SsimSettings, checked_stacks, mean_similarities

DEFAULT = SsimSettings()
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # fine to coarse


def ms_ssim_matrix(
    reconstructions: Images,
    gallery: Images,
    settings: SsimSettings = DEFAULT,
    box: Box | None = None,
    wanted: np.ndarray | None = None,
) -> np.ndarray:
    """MS-SSIM, float64 (n, m) in [0, 1], of reconstructions (n, *spatial) with a gallery (m, *spatial).

    Both lie in [0, data_range]. Each scale halves the one before by the mean of 2 x 2 (x 2) voxels; an odd last plane is
    left out. The product runs over the mean contrast-structure of each scale and the mean SSIM of the coarsest, each
    raised to its weight; a negative mean counts as 0. There are `scales` scales, with the paper's weights
    renormalised where there are fewer than five. With sides divisible by 16 pytorch-msssim's
    `ms_ssim(data_range=1)` gives the same value to 1e-5 (at odd sides it pads with zeros).

    The pyramid and the statistics of an image are computed once; memory beyond the input is a pyramid (a seventh of the
    input in 3D, a third in 2D) and `ssim_matrix`'s slabs. `wanted`: bool (n, m), of which pairs, where few are asked for; NaN of
    the others. Raises what `ssim_matrix` raises.
    """
    left, right = checked_stacks(reconstructions, gallery, settings, box)
    weights = scale_weights(scales(tuple(left.shape[1:]), settings.window))
    matrix = np.ones((len(left), len(right)))
    for scale, weight in enumerate(weights):
        if scale:
            left, right = _halved(left), _halved(right)
        coarsest = scale + 1 == len(weights)
        found = mean_similarities(left, right, settings, luminance=coarsest, wanted=wanted)
        matrix *= found.clip(0) ** weight
    return matrix


def scales(sides: tuple[int, ...], window: int = DEFAULT.window) -> int:
    """How many of the five scales a grid of `sides` voxels has: those whose shortest side still holds the window.

    Five from 176 voxels on, four from 88, three from 44, two from 22; at least one, which is plain SSIM.
    """
    count = 1
    while count < len(WEIGHTS) and min(sides) >> count >= window:
        count += 1
    return count


def scale_weights(count: int) -> np.ndarray:
    """The weights of the `count` finest scales, float64 (count,): the paper's, whose sum is 1.0001, or of sum 1 where fewer."""
    return np.array(WEIGHTS) if count == len(WEIGHTS) else np.array(WEIGHTS[:count]) / sum(WEIGHTS[:count])


def describe_scales(sides: tuple[int, ...]) -> str:
    """The settings in words, for a grid of `sides` voxels."""
    count = scales(sides)
    weights = "weights of Wang 2003" + ("" if count == len(WEIGHTS) else " renormalised")
    return f"{counted(count, 'scale')} of at most {len(WEIGHTS)}, {weights}, each scale as SSIM"


def _halved(stack: torch.Tensor) -> torch.Tensor:
    """(n, *spatial) to (n, *spatial // 2), an image at a time, since an average needs a channel axis and memory."""
    pool = functional.avg_pool2d if stack.ndim == 3 else functional.avg_pool3d
    result = stack.new_empty(len(stack), *(side // 2 for side in stack.shape[1:]))
    for image, halved in zip(stack, result, strict=True):
        halved.copy_(pool(image[None, None], 2)[0, 0])
    return result
