"""The room's list of similarities: reconstructions (n, *spatial) by gallery (m, *spatial) gives (n, m).

A new one is a function `matrix(reconstructions, gallery, box=None)`, higher for more alike, and a line
here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from remnant.measure.correlation import mcc_matrix, ncc_matrix
from remnant.measure.images import Box
from remnant.measure.ms_ssim import describe_scales, ms_ssim_matrix
from remnant.measure.ssim import ssim_matrix


@dataclass(frozen=True)
class Similarity:
    """A similarity: its matrix function, its name in words, and the settings that go with every value.

    `settings` is a function of the box's sides where they depend on them.
    """

    matrix: Callable[..., np.ndarray]
    title: str
    settings: str | Callable[[tuple[int, ...]], str]

    def describe(self, grid: tuple[int, ...], box: Box | None = None) -> str:
        """One phrase for a report: title, dimension, settings and the box inside a `grid` of voxels."""
        sides = grid if box is None else [len(range(*part.indices(size))) for part, size in zip(box, grid, strict=True)]
        where = "the whole grid" if box is None else "one box for the whole cohort"
        voxels = " x ".join(map(str, sides))
        settings = self.settings if isinstance(self.settings, str) else self.settings(tuple(sides))
        return f"{self.title}, {len(grid)}D, {settings}, over {where} ({voxels} voxels)"


MATRICES: dict[str, Similarity] = {
    "ssim": Similarity(
        ssim_matrix,
        "Structural similarity (SSIM)",
        "Gaussian window 11, sigma 1.5, data range 1, population covariance, windows wholly inside",
    ),
    "ms_ssim": Similarity(ms_ssim_matrix, "Multi-scale structural similarity (MS-SSIM)", describe_scales),
    "ncc": Similarity(ncc_matrix, "Normalised cross correlation (NCC)", "Pearson correlation of grey levels"),
    "mcc": Similarity(
        mcc_matrix,
        "Matthews correlation (MCC)",
        "each image binarised at its own Otsu threshold (256 bins)",
    ),
}
