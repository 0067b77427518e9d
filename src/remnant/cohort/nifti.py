"""Volumes in, checked for all that would spoil a measurement; NIfTI out, with nothing in it but the image.

Read are NIfTI, Analyze and FreeSurfer's .mgz by nibabel, MetaImage and NRRD (`itk`), and DICOM series (`series`), of which a
path is the folder or any file.

An Analyze header does not say where its axes point: its volumes are taken as LAS, Analyze's own convention, unless
the layout knows better (`Case.axes`). One assumption for all patients tells none of them apart.
"""

import gzip
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import atomic_path
from remnant.base.texts import counted
from remnant.cohort.itk import ENDINGS as ITK_ENDINGS
from remnant.cohort.itk import read_itk_geometry, read_itk_voxels
from remnant.cohort.series import is_series, read_stack
from remnant.cohort.whole import is_packed, require_held, whole_voxels

# Below, a header is most likely in metres, which nibabel takes for millimetres.
SMALLEST_SPACING_MM, LARGEST_SPACING_MM = 0.02, 10.0
GZIP = b"\x1f\x8b"
# What a NIfTI-1 or NIfTI-2 file begins with, in either byte order.
HEADER_SIZES = {size.to_bytes(4, order) for size in (348, 540) for order in ("little", "big")}
WHOLE_WITHIN = 1e-3
# Above, not every whole number has a floating-point number.
LARGEST_LABEL = 2.0**53
# Four times a whole body by computed tomography; a small file that unpacks to more is no scan.
MOST_VOXELS = 2**30


# It says what it mends in a header without naming the file; what it mends is refused here, by name.
nib.imageglobals.logger.disabled = True

# Fields of a NIfTI header and their values.
Geometry = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Header:
    """Shape (3,), affine (4, 4) and voxel size (3,) in millimetres of a volume, without its voxels."""

    shape: tuple[int, int, int]
    affine: np.ndarray
    spacing: tuple[float, float, float]


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


def _read(path: Path, *, voxels: bool) -> tuple[Header, np.ndarray | None]:
    """The header of a volume of any format and, if asked for, its voxels in the file's own type."""
    if not path.exists():
        raise RemnantError(f"{path} does not exist; check the path, or the table that names it.")
    if is_series(path):
        stack = read_stack(path)
        return _checked(path, stack.shape, stack.affine), stack.voxels() if voxels else None
    if path.name.endswith(ITK_ENDINGS):
        header = _checked(path, *read_itk_geometry(path))
        if path.suffix in (".mha", ".nrrd"):
            # A byte a voxel at least; the other two name a file of their own.
            require_held(path, math.prod(header.shape), path, packed=True)
        return header, read_itk_voxels(path) if voxels else None
    image = open_image(path)
    header = _header(path, image)
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


def holds_nan(path: Path) -> bool:
    """Whether a volume that `read_volume` reads holds NaN, which it took for background."""
    path = Path(path)
    if is_series(path) or (not path.name.endswith(ITK_ENDINGS) and open_image(path).get_data_dtype().kind != "f"):
        return False
    return bool(np.isnan(_read(path, voxels=True)[1]).any())


def volume_files(path: Path) -> tuple[Path, ...]:
    """The files that a volume consists of: one, the slices of a DICOM series, or header and voxels, of which `path` names one.

    Either of an Analyze pair may be compressed, as in LPBA40, whose headers are plain beside gzipped voxels.
    """
    if is_series(path):
        return read_stack(path).files
    if path.name.endswith((".mhd", ".nhdr")):
        # Their voxels lie in files that the header names.
        return (path, *sorted(other for other in path.parent.glob(f"{path.stem}*raw*") if other.is_file()))
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


def open_image(path: Path) -> nib.spatialimages.SpatialImage:
    """NIfTI, an Analyze pair or .mgz as nibabel's image, voxels not yet read; raise `RemnantError` for other files."""
    if not path.is_file():
        raise RemnantError(f"{path} does not exist; check the path, or the table that names it.")
    files = volume_files(path)
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


def nibabel_image(path: Path) -> nib.spatialimages.SpatialImage | None:
    """As `open_image`; None for what nibabel does not read, a DICOM series, MetaImage and NRRD."""
    return None if is_series(path) or path.name.endswith(ITK_ENDINGS) else open_image(path)


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


def _header(path: Path, image: nib.spatialimages.SpatialImage) -> Header:
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
    header = _checked(path, image.shape, np.asarray(image.affine, dtype=np.float64), spacing)
    needed = image.dataobj.offset + math.prod(image.shape) * image.get_data_dtype().itemsize
    voxels = Path(image.file_map["image"].filename)
    require_held(path, needed, voxels, packed=is_packed(voxels))
    return header


def _checked(
    path: Path, shape: Sequence[int], affine: np.ndarray, spacing: tuple[float, float, float] | None = None
) -> Header:
    """What a header says, once it can be that of a 3D scan; `spacing` is what it says beside the affine."""
    shape = tuple(int(side) for side in shape)
    # Some exporters write one volume as (x, y, z, 1).
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 2:
        sides = " x ".join(str(side) for side in shape)
        raise RemnantError(f"{path} must hold one 3D volume. Got {len(shape)}D ({sides}) instead; export one volume.")
    if math.prod(shape) > MOST_VOXELS:
        raise RemnantError(
            f"The header of {path} claims {math.prod(shape):,} voxels, which no scan has (at most {MOST_VOXELS:,}); export it "
            "again or leave out this scan."
        )
    of_affine = tuple(float(size) for size in nib.affines.voxel_sizes(affine))
    for sizes in (spacing or of_affine, of_affine):
        if not (np.isfinite(sizes).all() and min(sizes) >= SMALLEST_SPACING_MM and max(sizes) <= LARGEST_SPACING_MM):
            text = " x ".join(f"{size:g}" for size in sizes)
            raise RemnantError(
                f"The header of {path} gives a voxel size of {text} mm, which no scan has ({SMALLEST_SPACING_MM:g} "
                f"to {LARGEST_SPACING_MM:g}); mend the header, in millimetres, or leave out this scan."
            )
    return Header(shape, affine, of_affine)
