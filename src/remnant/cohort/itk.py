"""Volumes in the formats that SimpleITK reads and nibabel does not: MetaImage (.mha, .mhd) and NRRD (.nrrd, .nhdr)."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from remnant.base.errors import RemnantError

ENDINGS = (".mha", ".mhd", ".nrrd", ".nhdr")


def read_itk_geometry(path: Path) -> tuple[tuple[int, ...], np.ndarray]:
    """Shape, of any dimensions, and affine (4, 4) in RAS+, without the voxels; raise `RemnantError` for an unreadable file."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        raise RemnantError(f"{path} cannot be read as a volume; copy or export it again.") from None
    if reader.GetNumberOfComponents() != 1:
        raise RemnantError(
            f"{path} holds {reader.GetNumberOfComponents()} values a voxel, as of colours; give the scan itself, in shades "
            f"of grey."
        )
    size, dimension = reader.GetSize(), reader.GetDimension()
    if dimension < 3:
        return size, np.eye(4)
    directions = np.reshape(reader.GetDirection(), (dimension, dimension))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = directions * reader.GetSpacing()[:3]
    affine[:3, 3] = reader.GetOrigin()[:3]
    # ITK's axes are LPS.
    affine[:2] *= -1
    return size, affine


def read_itk_voxels(path: Path) -> np.ndarray:
    """The values (x, y, z, ...) in the file's own type; raise `RemnantError` for a file that is cut off or damaged."""
    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T
    except RuntimeError:
        raise RemnantError(f"{path} is cut off or damaged; copy or export it again.") from None
