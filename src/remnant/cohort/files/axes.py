"""Label maps on their image's own voxels, stored with axes in another order or direction, as converters of DICOM leave them.

dcm2niix turns the rows of a series upside down: the voxels are the same, their indices are not. Of files that are no series
nothing explains another order, and a header that lost a flip would mirror the labels in silence.
"""

from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.cohort.files.header import Header
from remnant.cohort.files.series import is_series

# mm; headers round where their voxels lie.
SAME_PLACE = 1e-2
SAME_ORDER = np.array([[0, 1], [1, 1], [2, 1]])


def turning(source: Path, image: Header, labels: Header) -> np.ndarray | None:
    """(3, 2), how a label map is flipped and its axes exchanged (`nibabel.apply_orientation`) so that its voxels are those of its
    image, one by one; None where they are other voxels. `source`: the image's file, which must be a series to be turned at all.
    """
    here, there = nib.io_orientation(labels.affine), nib.io_orientation(image.affine)
    ornt = nib.orientations.ornt_transform(here, there) if is_series(source) else SAME_ORDER
    turned = labels.affine @ nib.orientations.inv_ornt_aff(ornt, labels.shape)
    sides = tuple(labels.shape[axis] for axis in np.argsort(ornt[:, 0]))
    if sides != tuple(image.shape) or not np.allclose(turned, image.affine, atol=SAME_PLACE):
        return None
    return ornt
