"""Volumes of any format, checked for all that would spoil a measurement.

Read are NIfTI, Analyze and FreeSurfer's .mgz (`nifti`), MetaImage and NRRD (`text_header`), and DICOM series (`series`), of
which a path is the folder or any file.

An Analyze header does not say where its axes point: its volumes are taken as LAS, Analyze's own convention, unless
the layout knows better (`Case.axes`). One assumption for all patients tells none of them apart.
"""

from collections.abc import Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from remnant.base.errors import RemnantError, foreign
from remnant.base.texts import counted
from remnant.cohort.files.header import Header, checked
from remnant.cohort.files.nifti import header_of, open_image, pair_files
from remnant.cohort.files.series import is_series, read_stack
from remnant.cohort.files.text_header import ENDINGS as TEXT_ENDINGS
from remnant.cohort.files.text_header import open_text_volume, read_text_header, read_text_voxels
from remnant.cohort.files.whole import whole_voxels

WHOLE_WITHIN = 1e-3
# Above, not every whole number has a floating-point number.
LARGEST_LABEL = 2.0**53


def read_header(path: Path) -> Header:
    """Shape and affine of a volume; raise `RemnantError` where they cannot be those of a 3D scan."""
    return _read(Path(path), voxels=False)[0]


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a 3D volume: float32 (x, y, z) in the file's axes, and its affine (4, 4).

    NaN around the head, as masking tools leave it, becomes 0, or the least value where that is lower.

    Raises `RemnantError` for a file that is missing, unreadable or cut off, in colour, not 3D, of impossible voxel size,
    that holds infinity, or NaN elsewhere, or that holds a single value.
    """
    path = Path(path)
    header, values = _read(path, voxels=True)
    array = np.asarray(values, dtype=np.float32).reshape(header.shape)
    if not np.isfinite(array).all():
        array = _without_nan_around(path, array)
    if array.min() == array.max():
        raise RemnantError(f"{path} holds {array.flat[0]:g} in every voxel; export it again or leave out this scan.")
    return array, header.affine


def read_labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a label map: int64 (x, y, z) in the file's axes, and its affine (4, 4).

    Values this near to a whole number (`WHOLE_WITHIN`), as resampling and scaled integers leave them, are that number.

    Raises `RemnantError` as `read_volume` does, and for values that are no whole numbers.
    """
    path = Path(path)
    header, values = _read(path, voxels=True)
    values = np.asarray(values).reshape(header.shape)
    if values.dtype.kind == "f":
        whole = np.round(np.nan_to_num(values, nan=LARGEST_LABEL, posinf=LARGEST_LABEL, neginf=LARGEST_LABEL))
        if (odd := ~((np.abs(values - whole) <= WHOLE_WITHIN) & (np.abs(whole) < LARGEST_LABEL))).any():
            raise RemnantError(
                f"{path} holds the label {values[odd].flat[0]:g}; every label must be a whole number, so resample label maps by "
                "nearest neighbour."
            )
        values = whole
    labels = values.astype(np.int64)
    if labels.min() == labels.max():
        raise RemnantError(
            f"{path} holds {labels.flat[0]} in every voxel; give the label map that belongs to the image."
        )
    return labels, header.affine


def label_values(paths: Iterable[Path]) -> set[int]:
    """The values in these label maps; raise `RemnantError` for one that is not a whole number."""
    found: set[int] = set()
    for path in paths:
        found |= set(np.unique(read_labels(path)[0]).tolist())
    return found


def holds_nan(path: Path) -> bool:
    """Whether a volume that `read_volume` reads holds NaN, which it took for background."""
    path = Path(path)
    if is_series(path) or (not path.name.endswith(TEXT_ENDINGS) and open_image(path).get_data_dtype().kind != "f"):
        return False
    return bool(np.isnan(_read(path, voxels=True)[1]).any())


def volume_files(path: Path) -> tuple[Path, ...]:
    """The files that a volume consists of: one, the slices of a DICOM series, or header and voxels, of which `path` names one."""
    if is_series(path):
        return read_stack(path).files
    if path.name.endswith(TEXT_ENDINGS):
        return tuple(dict.fromkeys((path, read_text_header(path).file)))
    return pair_files(path)


def nibabel_image(path: Path) -> nib.spatialimages.SpatialImage | None:
    """As `open_image`; None for what nibabel does not read, a DICOM series, MetaImage and NRRD."""
    return None if is_series(path) or path.name.endswith(TEXT_ENDINGS) else open_image(path)


def _read(path: Path, *, voxels: bool) -> tuple[Header, np.ndarray | None]:
    """The header of a volume of any format and, if asked for, its voxels in the file's own type."""
    if not path.exists():
        raise RemnantError(f"{path} does not exist; check the path, or the table that names it.")
    if is_series(path):
        stack = read_stack(path)
        return checked(path, stack.shape, stack.affine), stack.voxels() if voxels else None
    if path.name.endswith(TEXT_ENDINGS):
        header, raw = open_text_volume(path)
        return header, read_text_voxels(path, raw) if voxels else None
    image = open_image(path)
    header = header_of(path, image)
    if not voxels:
        return header, None
    with foreign(path, "is cut off or damaged", "copy or export it again"):
        return header, whole_voxels(image)


def _without_nan_around(path: Path, array: np.ndarray) -> np.ndarray:
    """`array` with background where NaN reaches in from its border; raise `RemnantError` for NaN elsewhere and for infinity."""
    nan = np.isnan(array)
    pieces, _ = ndimage.label(nan)
    border = np.concatenate([pieces.take(end, axis).ravel() for axis in range(3) for end in (0, -1)])
    astray = ~np.isfinite(array) & ~np.isin(pieces, border[border > 0])
    if astray.any() or nan.all():
        what = counted(int(astray.sum()) or array.size, "voxel that is", "voxels that are")
        raise RemnantError(
            f"{path} holds {what} NaN or infinite and not around the head; repair or leave out this scan."
        )
    return np.where(nan, min(0.0, float(array[~nan].min())), array).astype(np.float32)
