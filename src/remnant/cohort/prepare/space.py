"""Where a NIfTI header says that its axes point: by its qform, by its sform, or not at all.

NIfTI-1 (nifti1.h, "methods" 1 to 3). Tools differ in which of the two transforms they believe. A header with neither says as
little of left and right as one of Analyze does.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case
from remnant.cohort.files.nifti import Geometry
from remnant.cohort.files.volume import nibabel_image

# All that a header says of space.
PLACING_FIELDS = ("pixdim", "qform_code", "sform_code", "xyzt_units")
PLACING_FIELDS += tuple(f"quatern_{letter}" for letter in "bcd") + tuple(f"qoffset_{letter}" for letter in "xyz")
PLACING_FIELDS += tuple(f"srow_{letter}" for letter in "xyz")
# Axes of two transforms that point further apart than this (60 degrees) are other axes, or the same one mirrored.
SAME_AXIS = 0.5

Sides = Literal["said", "assumed", "contradicting"]
WORDS = {
    "said": "says where left is",
    "assumed": "does not say where left is (Analyze, or NIfTI whose qform and sform codes are 0)",
    "contradicting": "says it twice, by a qform and an sform that mirror or turn each other",
}


def geometry_of(path: Path) -> Geometry | None:
    """The fields of a NIfTI header that say where its voxels lie, for `write_volume`; None for other formats."""
    image = nibabel_image(path)
    if not isinstance(image, nib.Nifti1Pair):
        return None
    found = {name: np.atleast_1d(image.header[name]).astype(float) for name in PLACING_FIELDS}
    # Only space, and no time.
    found["pixdim"] = found["pixdim"][:4]
    found["xyzt_units"] = np.array([int(found["xyzt_units"][0]) & 7], float)
    return {name: np.nan_to_num(values).tolist() for name, values in found.items()}


def sides_of(case: Case) -> Sides:
    """Whether the header of a case's image says where left is; a layout that knows better (`Case.axes`) counts as saying it."""
    image = None if case.axes else nibabel_image(case.image)
    if image is None or isinstance(image, nib.MGHImage):
        return "said"
    if not isinstance(image, nib.Nifti1Pair):
        return "assumed"
    qform, sform = image.get_qform(coded=True)[0], image.get_sform(coded=True)[0]
    if qform is None and sform is None:
        return "assumed"
    if qform is None or sform is None:
        return "said"
    axes = [form[:3, :3] / np.linalg.norm(form[:3, :3], axis=0) for form in (qform, sform)]
    return "said" if ((axes[0] * axes[1]).sum(axis=0) > SAME_AXIS).all() else "contradicting"


def check_sides(cases: Iterable[Case]) -> None:
    """Raise `RemnantError` where some headers say where left is and others do not, or contradict themselves.

    One convention for all patients, though it be the wrong one, tells none of them apart; two do.
    """
    first: dict[Sides, Path] = {}
    for case in cases:
        first.setdefault(sides_of(case), case.image)
    if len(first) > 1:
        (one, here), (other, there) = sorted(first.items(), reverse=True)[:2]
        raise RemnantError(
            f"Left and right may be mirrored in a part of the cohort: the header of {here} {WORDS[one]}, that of {there} "
            f"{WORDS[other]}; export all scans alike, with one transform."
        )
