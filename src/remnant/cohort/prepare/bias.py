"""The bias field of a scan: smooth by construction, since it is estimated on a coarse grid and spread linearly."""

import os
from typing import Literal

import numpy as np
import SimpleITK as sitk

from remnant.base.errors import RemnantError
from remnant.cohort.prepare.grid import from_sitk, shrink_factors, spread, to_sitk

BiasField = Literal["n4", "n3", "none"]

BIAS_SPACING_MM = 4.0
# Below this many coarse voxels along an axis there is no field to tell from the anatomy.
FEWEST_VOXELS = 4


def check_bias_field(method: BiasField) -> None:
    """Raise `RemnantError` where `method` is N3 and antspyx, which computes it, is missing."""
    if method == "n3":
        _ants()


def estimate_bias_field(image: np.ndarray, head: np.ndarray, spacing: np.ndarray, method: BiasField) -> np.ndarray:
    """float32 (x, y, z), positive, of mean log 0 in the head; all 1 for "none" and for a scan too small.

    "n4": Tustison 2010, doi:10.1109/TMI.2010.2046908, by SimpleITK. "n3": Sled 1998, doi:10.1109/42.668698, by
    antspyx (extra `register`), what the paper used. N4 at 4 mm, N3, which takes far longer, at 8.
    """
    shrink = shrink_factors(spacing, BIAS_SPACING_MM)
    if (
        method == "none"
        or min(side // factor for side, factor in zip(image.shape, shrink, strict=True)) < FEWEST_VOXELS
    ):
        return np.ones(image.shape, np.float32)
    # Both work on logarithms: shift to positive values, of which the head's darkest are still something.
    offset = min(0.0, float(image[head].min()))
    small = sitk.BinShrink(to_sitk(np.where(head, image - offset, 0), spacing, (0, 0, 0)), shrink)
    mask = sitk.BinShrink(to_sitk(head.astype(np.float32), spacing, (0, 0, 0)), shrink) > 0.5
    field = {"n4": _n4, "n3": _n3}[method](small, mask)
    inside = sitk.GetArrayViewFromImage(mask) > 0
    field -= float(sitk.GetArrayViewFromImage(field)[inside].mean())
    return np.exp(from_sitk(spread(field, image.shape, spacing)))


def _n4(small: sitk.Image, mask: sitk.Image) -> sitk.Image:
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([30, 30, 20])
    n4.SetConvergenceThreshold(1e-3)
    n4.Execute(small, mask)
    return sitk.Cast(n4.GetLogBiasFieldAsImage(small), sitk.sitkFloat32)


def _n3(small: sitk.Image, mask: sitk.Image) -> sitk.Image:
    ants = _ants()
    image, head = (
        ants.from_numpy(from_sitk(part).astype(np.float32), spacing=small.GetSpacing()) for part in (small, mask)
    )
    found = ants.n3_bias_field_correction2(
        image, head, shrink_factor=2, convergence={"iters": 50, "tol": 1e-3}, return_bias_field=True
    )
    field = sitk.GetImageFromArray(np.log(np.maximum(found.numpy(), 1e-6)).astype(np.float32).transpose(2, 1, 0))
    field.CopyInformation(small)
    return field


def _ants():
    # ANTs sums in the order its threads finish, and reads their number when it starts.
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")
    try:
        import ants
    except ImportError:
        raise RemnantError(
            "The bias field correction N3 needs antspyx, which is not installed; install remnant[register], or choose n4."
        ) from None
    return ants
