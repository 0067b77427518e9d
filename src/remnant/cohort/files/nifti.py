"""NIfTI, Analyze pairs and FreeSurfer's .mgz by nibabel, checked; NIfTI out, with nothing in it but the image."""

import gzip
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import atomic_path
from remnant.cohort.files.header import Header, checked
from remnant.cohort.files.whole import is_packed, require_held

GZIP = b"\x1f\x8b"
# What a NIfTI-1 or NIfTI-2 file begins with, in either byte order.
HEADER_SIZES = {size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")}

# It says what it mends in a header without naming the file; what it mends is refused here, by name.
nib.imageglobals.logger.disabled = True

# Fields of a NIfTI header and their values.
Geometry = Mapping[str, Sequence[float]]


def open_image(path: Path) -> nib.spatialimages.SpatialImage:
    """NIfTI, an Analyze pair or .mgz as nibabel's image, voxels not yet read; raise `RemnantError` for other files."""
    if not path.is_file():
        raise RemnantError(f"{path} does not exist; check the path, or the table that names it.")
    files = pair_files(path)
    try:
        with foreign(path, "cannot be read as a volume", "export it again"):
            image = _open_pair(*files) if len(files) == 2 else nib.load(path)
    except RemnantError as error:
        raise RemnantError(_why_unreadable(path) or str(error)) from None
    if len(files) == 1 and not isinstance(image, (nib.Nifti1Pair, nib.MGHImage)):
        raise RemnantError(
            f"{path} must be a volume of a known format. Got {type(image).__name__} instead; convert it to NIfTI."
        )
    return image


def pair_files(path: Path) -> tuple[Path, ...]:
    """Header and voxels of an Analyze pair, of which `path` names one; another file alone.

    Either may be compressed, as in LPBA40, whose headers are plain beside gzipped voxels. Raises `RemnantError` where one lacks.
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


def header_of(path: Path, image: nib.spatialimages.SpatialImage) -> Header:
    """The header of an open image, and that the file at `path` holds as many voxels as it says; `RemnantError` otherwise."""
    if image.get_data_dtype().fields or np.issubdtype(image.get_data_dtype(), np.complexfloating):
        kind = "colours" if image.get_data_dtype().fields else "complex numbers"
        raise RemnantError(f"{path} holds {kind}; give the scan itself, in shades of grey.")
    spacing = None
    if not isinstance(image, nib.MGHImage):
        # The file's own voxel sizes, since nibabel mends an implausible header in silence.
        holder = image.file_map["header" if "header" in image.file_map else "image"]
        with foreign(path, "cannot be read as a volume", "export it again"), holder.get_prepare_fileobj("rb") as file:
            raw = type(image.header).from_fileobj(file, check=False)
        spacing = tuple(float(size) for size in raw["pixdim"][1:4])
    header = checked(path, image.shape, np.asarray(image.affine, dtype=np.float64), spacing)
    needed = image.dataobj.offset + math.prod(image.shape) * image.get_data_dtype().itemsize
    voxels = Path(image.file_map["image"].filename)
    require_held(path, needed, voxels, packed=is_packed(voxels))
    return header


def write_volume(
    path: Path, array: np.ndarray, affine: np.ndarray, mark: str = "", geometry: Geometry | None = None
) -> None:
    """Write a 3D array (uint8, int16 or float32) as NIfTI, atomically, with a header that says nothing else but `mark`.

    The header is new, so that no free text of a scanner (`descrip`, `aux_file`, `db_name`, `intent_name`) is
    carried over, and the bytes depend on the arguments alone: gzip's own file name and time are left out. `mark`: at most
    15 letters as `intent_name`, for `read_mark`. `geometry`: the header fields that say where the voxels lie, as another file
    has them (`space.geometry_of`), so that every tool shows both files in one place; by default qform and sform are `affine`.
    """
    path = Path(path)
    if not path.name.endswith((".nii", ".nii.gz")):
        raise RemnantError(f"The name of a volume must end in .nii or .nii.gz. Got {path.name!r} instead.")
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["intent_name"] = mark.encode()
    for name, values in (geometry or {}).items():
        field = np.array(image.header[name], float)
        field.flat[: len(values)] = values
        image.header[name] = field
    if geometry:
        # nibabel would write its own affine over these fields.
        image = nib.Nifti1Image(array, None, image.header)
    data = image.to_bytes()
    if path.name.endswith(".gz"):
        data = gzip.compress(data, compresslevel=6, mtime=0)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_mark(path: Path) -> str:
    """The `mark` that `write_volume` wrote; "" for other volumes. Raises `RemnantError` as `read_header` does."""
    image = open_image(Path(path))
    return str(image.header["intent_name"].item().decode(errors="replace")) if "intent_name" in image.header else ""


def _why_unreadable(path: Path) -> str | None:
    """What is wrong with a file that is no volume, where its first bytes tell."""
    with path.open("rb") as file:
        start = file.read(64)
    if is_packed(path) and start[:4] in HEADER_SIZES:
        return f"{path} is not compressed, though its name ends in .gz; rename it to end in .nii."
    if not is_packed(path) and start[:2] == GZIP:
        return f"{path} is compressed, though its name does not end in .gz; rename it to end in .nii.gz."
    if b"annex/objects/" in start or start.startswith(b"version https://git-lfs"):
        return f"{path} is a pointer to a file that is not here; fetch it (datalad get, or git lfs pull)."
    return None


def _open_pair(header: Path, voxels: Path) -> nib.AnalyzeImage:
    """A NIfTI or Analyze pair; nibabel's own `load` wants both files compressed or neither."""
    with nib.openers.Opener(header) as file:
        magic = file.read(348)[344:347]
    kind = nib.Nifti1Pair if magic == b"ni1" else nib.AnalyzeImage
    return kind.from_file_map({"header": nib.FileHolder(header), "image": nib.FileHolder(voxels)})
