"""NIfTI and Analyze in, checked for all that would spoil a measurement; NIfTI out, with nothing in it but the image.

An Analyze header does not say where its axes point: its volumes are taken as LAS, Analyze's own convention, unless
the layout knows better (`Case.axes`). One assumption for all patients tells none of them apart.
"""

import gzip
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path

LARGEST_SPACING_MM = 10.0
# What nibabel raises on files that are cut off, not NIfTI, or not what their name says.
UNREADABLE = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    EOFError,
    OSError,
    ValueError,
    zlib.error,
)


@dataclass(frozen=True)
class Header:
    """Shape (3,), affine (4, 4) and voxel size (3,) in millimetres of a volume, without its voxels."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    spacing: tuple[float, float, float]


def read_header(path: Path) -> Header:
    """Shape and affine of a volume; raise `RemnantError` where they cannot be those of a 3D scan."""
    return _header(Path(path), _open(Path(path)))


def read_volume(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a 3D volume: float32 (x, y, z) in the file's axes, and its affine (4, 4).

    Raises `RemnantError` for a file that is missing, unreadable or cut off, not 3D, of impossible voxel size,
    that holds NaN or infinity, or that holds a single value.
    """
    path = Path(path)
    image = _open(path)
    header = _header(path, image)
    try:
        array = np.asarray(image.dataobj, dtype=np.float32).reshape(header.shape)
    except UNREADABLE as error:
        raise RemnantError(f"{path} is cut off or damaged ({error}); copy or export it again.") from None
    if not np.isfinite(array).all():
        count = int((~np.isfinite(array)).sum())
        raise RemnantError(f"{path} holds {count} voxels that are NaN or infinite; repair or leave out this scan.")
    if array.min() == array.max():
        raise RemnantError(f"{path} holds {array.flat[0]:g} in every voxel; export it again or leave out this scan.")
    return array, header.affine


def volume_files(path: Path) -> tuple[Path, ...]:
    """The files that a volume consists of: one, or the header and the voxels of a pair, of which `path` names one.

    Either of a pair may be compressed, as in LPBA40, whose headers are plain beside gzipped voxels.
    """
    match = re.fullmatch(r"(.+)\.(hdr|img)(\.gz)?", path.name)
    if not match:
        return (path,)
    files = []
    for kind, what in (("hdr", "header"), ("img", "voxels")):
        candidates = [path.with_name(f"{match[1]}.{kind}{gz}") for gz in ("", ".gz")]
        existing = [candidate for candidate in candidates if candidate.is_file()]
        if not existing:
            raise RemnantError(f"{path} has no {what} beside it ({candidates[0].name}); copy the pair whole.")
        files.append(existing[0])
    return tuple(files)


def label_values(paths: Iterable[Path]) -> set[int]:
    """The values in these label maps; raise `RemnantError` for one that is not a whole number."""
    found: set[int] = set()
    for path in paths:
        for value in np.unique(read_volume(path)[0]):
            if value != int(value):
                raise RemnantError(f"{path} holds the label {value:g}; every label must be a whole number.")
            found.add(int(value))
    return found


def write_volume(path: Path, array: np.ndarray, affine: np.ndarray, mark: str = "") -> None:
    """Write a 3D array (uint8, int16 or float32) as NIfTI, atomically, with a header that says nothing else but `mark`.

    The header is new, so that no free text of a scanner (`descrip`, `aux_file`, `db_name`, `intent_name`) is
    carried over, and the bytes depend on the arguments alone: gzip's own file name and time are left out. `mark`: at most
    15 letters as `intent_name`, for `read_mark`.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise RemnantError(f"The name of a volume must end in .nii or .nii.gz. Got {path.name!r} instead.")
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["intent_name"] = mark.encode()
    data = image.to_bytes()
    if path.name.endswith(".gz"):
        data = gzip.compress(data, compresslevel=6, mtime=0)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_mark(path: Path) -> str:
    """The `mark` that `write_volume` wrote; "" for other volumes. Raises `RemnantError` as `read_header` does."""
    image = _open(Path(path))
    return str(image.header["intent_name"].item().decode(errors="replace")) if "intent_name" in image.header else ""


def _open(path: Path) -> nib.AnalyzeImage:
    if not path.is_file():
        raise RemnantError(f"{path} does not exist; check the path, or the table that names it.")
    files = volume_files(path)
    try:
        image = _open_pair(*files) if len(files) == 2 else nib.load(path)
    except UNREADABLE as error:
        raise RemnantError(f"{path} cannot be read as a NIfTI volume ({error}); export it again.") from None
    if len(files) == 1 and not isinstance(image, nib.Nifti1Pair):
        raise RemnantError(f"{path} must be NIfTI. Got {type(image).__name__} instead; convert it.")
    return image


def _open_pair(header: Path, voxels: Path) -> nib.AnalyzeImage:
    """A NIfTI or Analyze pair; nibabel's own `load` wants both files compressed or neither."""
    with nib.openers.Opener(header) as file:
        magic = file.read(348)[344:347]
    kind = nib.Nifti1Pair if magic == b"ni1" else nib.AnalyzeImage
    return kind.from_file_map({"header": nib.FileHolder(header), "image": nib.FileHolder(voxels)})


def _header(path: Path, image: nib.AnalyzeImage) -> Header:
    shape = tuple(int(side) for side in image.shape)
    # Some exporters write one volume as (x, y, z, 1).
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 2:
        sides = " x ".join(str(side) for side in shape)
        raise RemnantError(f"{path} must hold one 3D volume. Got {len(shape)}D ({sides}) instead; export one volume.")
    affine = np.asarray(image.affine, dtype=np.float64)
    # The file's own voxel sizes, since nibabel mends an implausible header in silence.
    with image.file_map["header" if "header" in image.file_map else "image"].get_prepare_fileobj("rb") as file:
        raw = type(image.header).from_fileobj(file, check=False)
    spacing = tuple(float(size) for size in raw["pixdim"][1:4])
    of_affine = nib.affines.voxel_sizes(affine)
    for sizes in (spacing, of_affine):
        if not (np.isfinite(sizes).all() and min(sizes) > 0 and max(sizes) <= LARGEST_SPACING_MM):
            text = " x ".join(f"{size:g}" for size in sizes)
            raise RemnantError(
                f"The header of {path} gives a voxel size of {text} mm, which no scan has (above 0, at most "
                f"{LARGEST_SPACING_MM:g} mm); mend the header or leave out this scan."
            )
    return Header(shape, affine, tuple(float(size) for size in of_affine))
