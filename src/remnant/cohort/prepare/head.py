"""Stage 1 of the preparation: one scan on its own, without a look at any other patient.

Canonical orientation, bias field, intensity scale and the head's centre. What the file could betray its
patient by (array shape, origin, crop, intensity scale and step) does not survive this stage and, where the scan is a
crop of a head, the common window that `prepare` cuts.
"""

from dataclasses import dataclass
from typing import Literal

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, LabelScheme
from remnant.cohort.files.axes import turning
from remnant.cohort.files.volume import read_header, read_labels, read_volume
from remnant.cohort.prepare.bias import BiasField, estimate_bias_field
from remnant.cohort.prepare.grid import from_sitk, shrink_factors, spread, to_sitk
from remnant.cohort.prepare.intensity import without_step

Region = Literal["head", "crop"]

MASK_SPACING_MM = 2.0
# The percentiles of the head's intensities that become 0 and 1.
SCALE = (0.5, 99.5)


@dataclass(frozen=True)
class Head:
    """One scan at its own resolution, cropped to the head.

    `image`: uint16 (x, y, z), 0 to 65535 for 0 to 1, 0 outside the head; `labels`: uint8, same shape, class
    indices; `spacing`: (3,) mm; `origin`: (3,) mm, the first voxel's centre seen from the head's centre of
    mass (of a crop, from its middle). Around it all lies one voxel of nothing (of a crop, of its border again).
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

    @property
    def window(self) -> np.ndarray:
        """(3,): how far from the centre the scan's own voxels go both ways along each axis, in mm."""
        first = self.origin + self.spacing / 2
        last = first + self.spacing * (np.array(self.image.shape) - 2)
        return np.minimum(-first, last)

    def volumes(self) -> tuple[sitk.Image, sitk.Image]:
        """Image (float32, 0 to 1) and labels as SimpleITK images in the centred frame."""
        image = self.image.astype(np.float32) / np.float32(65535)
        return to_sitk(image, self.spacing, self.origin), to_sitk(self.labels, self.spacing, self.origin)


@dataclass(frozen=True)
class LocatedHead:
    """Where the head lies in a file, and its raw voxels.

    `image`: float32 (x, y, z), axes near RAS+, cut to the head's box; `head`: bool, same shape; `spacing`: (3,) mm;
    `first`: (3,) the box's first voxel in the file's own volume once its axes are put near RAS+, as `orientation` (3, 2) does
    (nibabel); `shape` and `affine` (4, 4) are the file's own.
    """

    image: np.ndarray
    head: np.ndarray
    spacing: np.ndarray
    first: np.ndarray
    orientation: np.ndarray
    shape: tuple[int, ...]
    affine: np.ndarray

    def cut(self, volume: np.ndarray) -> np.ndarray:
        """Another volume of the file's own `shape`, oriented and cut as the image is."""
        last = self.first + self.image.shape
        oriented = nib.apply_orientation(volume, self.orientation)
        return oriented[tuple(slice(start, end) for start, end in zip(self.first, last, strict=True))]


def find_head(case: Case, region: Region = "head") -> LocatedHead:
    """Read a scan and find the head in it; raise `RemnantError` where it is unfit.

    `region`: "head" finds the head and leaves out what is around it; "crop" takes every voxel for tissue.
    """
    image, affine = read_volume(case.image)
    # Only flips and swaps of axes: what is left of an oblique scan's tilt is taken out by the registration.
    orientation = nib.orientations.axcodes2ornt(case.axes) if case.axes else nib.io_orientation(affine)
    spacing = nib.affines.voxel_sizes(affine)[np.argsort(orientation[:, 0])]
    oriented = np.ascontiguousarray(nib.apply_orientation(image, orientation))
    head = head_mask(oriented, spacing) if region == "head" else np.ones(oriented.shape, bool)
    if not head.any():
        raise RemnantError(f"No head was found in {case.image}; check that it is a scan and not a mask.")
    box = ndimage.find_objects(head.astype(np.uint8))[0]
    if not np.ptp(np.percentile(oriented[head], SCALE)) > 0:
        raise RemnantError(f"{case.image} has hardly any contrast inside the head; export it again or leave it out.")
    first = np.array([part.start for part in box])
    return LocatedHead(oriented[box], head[box], spacing, first, orientation, image.shape, affine)


def make_head(case: Case, scheme: LabelScheme, *, bias_field: BiasField, region: Region = "head") -> Head:
    """Read and prepare one scan; raise `RemnantError` where the scan or its labels are unfit. `region` as for `find_head`."""
    labels, _ = read_labels(case.labels)
    classes = _classes(labels, scheme, case)
    found = find_head(case, region)
    ornt = turning(case.image, read_header(case.image), read_header(case.labels))
    if ornt is None:
        raise RemnantError(
            f"{case.labels} does not lie on the voxels of {case.image}; resample the label map to the image."
        )
    classes = np.ascontiguousarray(nib.apply_orientation(classes, ornt))
    return head_of(found, found.cut(classes), bias_field=bias_field, region=region)


def head_of(found: LocatedHead, classes: np.ndarray, *, bias_field: BiasField, region: Region = "head") -> Head:
    """A found head prepared, with `classes` uint8 (x, y, z), class indices, as its labels."""
    image, head, spacing = found.image, found.head, found.spacing
    field = estimate_bias_field(image, head, spacing, bias_field)
    if field.min() == field.max():
        # No division by a field took the file's own step of intensity away.
        image = without_step(image)
    image = image / field
    low, high = np.percentile(image[head], SCALE)
    image = np.where(head, np.clip((image - low) / (high - low), 0, 1), 0)
    if region == "head":
        centre = np.array(ndimage.center_of_mass(head))
    else:
        # Between two voxels, whether there is an even number of them or not: otherwise interpolation would blur
        # every second size of crop.
        centre = np.array(image.shape) // 2 - 0.5
    # One voxel around: of nothing, so that interpolation falls to 0 at the head's edge as it does elsewhere; of a
    # crop, whose edge means nothing, the same again.
    margin = {"mode": "constant" if region == "head" else "edge"}
    return Head(
        image=np.pad(np.round(image * 65535).astype(np.uint16), 1, **margin),
        labels=np.pad(classes, 1, **margin),
        spacing=spacing,
        origin=-centre * spacing - spacing,
    )


def head_mask(image: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """bool (x, y, z): the head, or the brain where the skull was stripped.

    A stripped scan shows one constant value outside, which its corner has and at least a quarter of the
    voxels share; otherwise Otsu's threshold, the largest piece and its holes at 2 mm.
    """
    corner = image[0, 0, 0]
    if (image == corner).mean() >= 0.25:
        return image != corner
    shrink = shrink_factors(spacing, MASK_SPACING_MM)
    small = sitk.BinShrink(to_sitk(image, spacing, (0, 0, 0)), shrink)
    bright = from_sitk(sitk.OtsuThreshold(sitk.SmoothingRecursiveGaussian(small, 2.0), 0, 1)) > 0
    pieces, count = ndimage.label(bright)
    if count:
        bright = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
        bright = ndimage.binary_fill_holes(bright)
    mask = sitk.GetImageFromArray(bright.astype(np.float32).transpose(2, 1, 0))
    mask.CopyInformation(small)
    return from_sitk(spread(mask, image.shape, spacing)) > 0.5


def _classes(labels: np.ndarray, scheme: LabelScheme, case: Case) -> np.ndarray:
    """uint8 class indices of a label map's raw values."""
    values, inverse = np.unique(labels, return_inverse=True)
    unknown = [value for value in values if value not in scheme.mapping]
    if unknown:
        raise RemnantError(
            f"{case.labels} holds the label {unknown[0]}, which the scheme {scheme.name} does not know; "
            f"add it to the cohort's table of labels or give the file that belongs to the image."
        )
    table = np.array([scheme.mapping[int(value)] for value in values], np.uint8)
    return table[inverse].reshape(labels.shape)
