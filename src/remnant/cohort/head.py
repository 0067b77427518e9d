"""Stage 1 of the preparation: one scan on its own, without a look at any other patient.

Canonical orientation, bias field, intensity scale and the head's centre. What the file could betray its
patient by (array shape, origin, crop, intensity scale) does not survive this stage.
"""

import math
from dataclasses import dataclass

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, LabelScheme
from remnant.cohort.grid import from_sitk, to_sitk
from remnant.cohort.nifti import read_volume

MASK_SPACING_MM = 2.0
BIAS_SPACING_MM = 4.0


@dataclass(frozen=True)
class Head:
    """One scan at its own resolution, cropped to the head.

    `image`: uint16 (x, y, z), 0 to 65535 for 0 to 1, 0 outside the head; `labels`: uint8, same shape, class
    indices; `spacing`: (3,) mm; `origin`: (3,) mm, the first voxel's centre seen from the head's centre of
    mass.
    """

    image: np.ndarray
    labels: np.ndarray
    spacing: np.ndarray
    origin: np.ndarray

    @property
    def reach(self) -> np.ndarray:
        """(3,): how far the head reaches from its centre of mass along each axis, in mm."""
        first = self.origin
        last = self.origin + self.spacing * (np.array(self.image.shape) - 1)
        return np.maximum(-first, last)

    def volumes(self) -> tuple[sitk.Image, sitk.Image]:
        """Image (float32, 0 to 1) and labels as SimpleITK images in the centred frame."""
        image = self.image.astype(np.float32) / np.float32(65535)
        return to_sitk(image, self.spacing, self.origin), to_sitk(self.labels, self.spacing, self.origin)


def make_head(case: Case, scheme: LabelScheme, *, bias_field: bool) -> Head:
    """Read and prepare one scan; raise `RemnantError` where the scan or its labels are unfit."""
    image, affine = read_volume(case.image)
    labels, _ = read_volume(case.labels)
    classes = _classes(labels, scheme, case)
    # Only flips and swaps of axes: what is left of an oblique scan's tilt is taken out by the registration.
    orientation = nib.io_orientation(affine)
    spacing = nib.affines.voxel_sizes(affine)[np.argsort(orientation[:, 0])]
    image = np.ascontiguousarray(nib.apply_orientation(image, orientation))
    classes = np.ascontiguousarray(nib.apply_orientation(classes, orientation))

    head = head_mask(image, spacing)
    if not head.any():
        raise RemnantError(f"No head was found in {case.image}; check that it is a scan and not a mask.")
    box = ndimage.find_objects(head.astype(np.uint8))[0]
    image, classes, head = image[box], classes[box], head[box]
    if bias_field:
        image = image / estimate_bias_field(image, head, spacing)
    low, high = np.percentile(image[head], [0.5, 99.5])
    if not high > low:
        raise RemnantError(f"{case.image} has hardly any contrast inside the head; export it again or leave it out.")
    image = np.where(head, np.clip((image - low) / (high - low), 0, 1), 0)
    centre = np.array(ndimage.center_of_mass(head)) * spacing
    # One voxel of nothing around, so that interpolation falls to 0 at the crop as it does elsewhere.
    return Head(
        image=np.pad(np.round(image * 65535).astype(np.uint16), 1),
        labels=np.pad(classes, 1),
        spacing=spacing,
        origin=-centre - spacing,
    )


def head_mask(image: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """bool (x, y, z): the head, or the brain where the skull was stripped.

    A stripped scan shows one constant value outside, which its corner has and at least a quarter of the
    voxels share; otherwise Otsu's threshold, the largest piece and its holes at 2 mm.
    """
    corner = image[0, 0, 0]
    if (image == corner).mean() >= 0.25:
        return image != corner
    shrink = _shrink(spacing, MASK_SPACING_MM)
    small = sitk.BinShrink(to_sitk(image, spacing, (0, 0, 0)), shrink)
    bright = from_sitk(sitk.OtsuThreshold(sitk.SmoothingRecursiveGaussian(small, 2.0), 0, 1)) > 0
    pieces, count = ndimage.label(bright)
    if count:
        bright = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
        bright = ndimage.binary_fill_holes(bright)
    mask = sitk.GetImageFromArray(bright.astype(np.float32).transpose(2, 1, 0))
    mask.CopyInformation(small)
    return from_sitk(_spread(mask, image.shape, spacing)) > 0.5


def estimate_bias_field(image: np.ndarray, head: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """float32 (x, y, z), of mean log 0 in the head: N4 (Tustison 2010, doi:10.1109/TMI.2010.2046908) at 4 mm.

    The field is smooth by construction: it is estimated on a coarse grid and spread linearly.
    """
    # N4 works on logarithms: shift to positive values, of which the head's darkest are still something.
    offset = min(0.0, float(image[head].min()))
    shrink = _shrink(spacing, BIAS_SPACING_MM)
    small = sitk.BinShrink(to_sitk(np.where(head, image - offset, 0), spacing, (0, 0, 0)), shrink)
    mask = sitk.BinShrink(to_sitk(head.astype(np.float32), spacing, (0, 0, 0)), shrink) > 0.5
    if min(mask.GetSize()) < 4:
        return np.ones(image.shape, np.float32)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([30, 30, 20])
    n4.SetConvergenceThreshold(1e-3)
    n4.Execute(small, mask)
    field = sitk.Cast(n4.GetLogBiasFieldAsImage(small), sitk.sitkFloat32)
    inside = sitk.GetArrayViewFromImage(mask) > 0
    field -= float(sitk.GetArrayViewFromImage(field)[inside].mean())
    return np.exp(from_sitk(_spread(field, image.shape, spacing)))


def _classes(labels: np.ndarray, scheme: LabelScheme, case: Case) -> np.ndarray:
    """uint8 class indices of a label map's raw values."""
    values, inverse = np.unique(labels, return_inverse=True)
    unknown = [value for value in values if value not in scheme.mapping]
    if unknown:
        raise RemnantError(
            f"{case.labels} holds the label {unknown[0]:g}, which the scheme {scheme.name} does not know; "
            f"add it to the cohort's table of labels or give the file that belongs to the image."
        )
    table = np.array([scheme.mapping[int(value)] for value in values], np.uint8)
    return table[inverse].reshape(labels.shape)


def _shrink(spacing: np.ndarray, target: float) -> list[int]:
    return [max(1, math.floor(target / size + 1e-6)) for size in spacing]


def _spread(small: sitk.Image, shape: tuple[int, ...], spacing: np.ndarray) -> sitk.Image:
    """A shrunken image back on the grid it was shrunken from, the margin continued."""
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize(shape)
    filter_.SetOutputSpacing([float(size) for size in spacing])
    filter_.SetInterpolator(sitk.sitkLinear)
    filter_.UseNearestNeighborExtrapolatorOn()
    return filter_.Execute(small)
