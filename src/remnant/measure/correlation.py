"""Correlations of reconstructions with a gallery: of grey levels (NCC), of binary masks (MCC)."""

import numpy as np
import torch

from remnant.measure.images import Box, Images, as_stacks

CHUNK = 2**16  # voxels of every image in double precision at one time
BINS = 256


def ncc_matrix(reconstructions: Images, gallery: Images, box: Box | None = None) -> np.ndarray:
    """Pearson correlation of grey levels, float64 (n, m) in [-1, 1], over the voxels of `box`.

    Stacks are (n, *spatial) and (m, *spatial). Subbanna 2021 calls it "mean cross correlation". A constant
    image has no correlation; its entries are 0, which ranks nobody above anybody. Raises `RemnantError` for
    NaN and unequal grids.
    """
    return _correlations(*as_stacks(reconstructions, gallery, box))


def mcc_matrix(reconstructions: Images, gallery: Images, box: Box | None = None) -> np.ndarray:
    """Matthews correlation of Otsu-binarised images, float64 (n, m) in [-1, 1], over the voxels of `box`.

    Stacks are (n, *spatial) and (m, *spatial); each image is binarised by its own threshold, taken inside the
    box (Matthews 1975; it is the Pearson correlation of two binary images). A mask that is constant has no
    correlation; its entries are 0, as in scikit-learn. Raises `RemnantError` for NaN and unequal grids.
    """
    left, right = as_stacks(reconstructions, gallery, box)
    return _correlations(_binarised(left), _binarised(right))


def otsu_threshold(image: Images) -> float:
    """Otsu's threshold (1979) over 256 equal bins from the darkest to the brightest voxel.

    The centre of the bin that best separates two classes, the lowest such bin where several do equally well;
    a constant image's threshold is its level. `image` has any shape; foreground lies above.
    """
    levels = np.asarray(image, dtype=np.float32).ravel()
    low, high = levels.min(), levels.max()
    if low == high:
        return float(low)
    counts, edges = np.histogram(levels, bins=BINS, range=(low, high))
    centres = (edges[:-1] + edges[1:]) / 2
    below, above = (
        counts.cumsum(),
        counts[::-1].cumsum()[::-1],
    )  # both end bins hold a voxel: neither is ever 0
    mean_below = (counts * centres).cumsum() / below
    mean_above = ((counts * centres)[::-1].cumsum() / above[::-1])[::-1]
    between = below[:-1].astype(float) * above[1:] * (mean_below[:-1] - mean_above[1:]) ** 2
    return float(centres[between.argmax()])


def _binarised(stack: torch.Tensor) -> torch.Tensor:
    masks = torch.empty(stack.shape, dtype=torch.bool, device=stack.device)
    for index, image in enumerate(stack):
        masks[index] = image > otsu_threshold(image.cpu().numpy())
    return masks


def _correlations(left: torch.Tensor, right: torch.Tensor) -> np.ndarray:
    """Pearson correlations (n, m): one matrix product in float64, in chunks of voxels to bound the memory."""
    left, right = left.flatten(1), right.flatten(1)
    left_mean, right_mean = (
        stack.sum(1, keepdim=True, dtype=torch.float64) / stack.shape[1] for stack in (left, right)
    )
    cross = torch.zeros(len(left), len(right), dtype=torch.float64, device=left.device)
    left_squares = torch.zeros(len(left), 1, dtype=torch.float64, device=left.device)
    right_squares = torch.zeros(1, len(right), dtype=torch.float64, device=left.device)
    for start in range(0, left.shape[1], CHUNK):
        a = left[:, start : start + CHUNK].double() - left_mean
        b = right[:, start : start + CHUNK].double() - right_mean
        cross += a @ b.T
        left_squares += a.square().sum(1, keepdim=True)
        right_squares += b.square().sum(1)
    matrix = (cross / (left_squares.sqrt() * right_squares.sqrt())).clamp(-1, 1)
    # Rounding of the mean leaves a constant image with a tiny, meaningless variance: find it by its levels.
    matrix[_constant(left)] = 0
    matrix[:, _constant(right)] = 0
    return matrix.cpu().numpy()


def _constant(flat: torch.Tensor) -> torch.Tensor:
    return (flat == flat[:, :1]).all(1)
