"""Volumes whose header is text: MetaImage (.mha, .mhd) and NRRD (.nrrd, .nhdr)."""

from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError, foreign
from remnant.base.texts import short
from remnant.cohort.files.header import Header, checked
from remnant.cohort.files.metaimage import read_metaimage
from remnant.cohort.files.nrrd import read_nrrd
from remnant.cohort.files.raw import Raw, raw_voxels
from remnant.cohort.files.whole import require_held

ENDINGS = (".mha", ".mhd", ".nrrd", ".nhdr")


def read_text_header(path: Path) -> Raw:
    """What the header says, without the voxels; raise `RemnantError` for an unreadable file."""
    with np.errstate(all="ignore"), foreign(path, "cannot be read as a volume", "copy or export it again", told=False):
        return (read_nrrd if path.name.endswith((".nrrd", ".nhdr")) else read_metaimage)(path)


def open_text_volume(path: Path) -> tuple[Header, Raw]:
    """The header of a 3D volume in shades of grey, and where its voxels lie; raise `RemnantError` where these cannot be there."""
    raw = read_text_header(path)
    if raw.channels != 1:
        raise RemnantError(
            f"{path} holds {raw.channels} values a voxel, as of colours; give the scan itself, in shades of grey."
        )
    header = checked(path, raw.shape, raw.affine)
    with foreign(path, "is cut off or damaged", "copy or export it again", told=False):
        if not raw.file.is_file():
            raise RemnantError(f"{path} has no voxels beside it ({short(raw.file.name)}); copy the pair whole.")
    packed = raw.encoding == "packed"
    # Written out, a voxel takes a figure at least; unpacked, what stands before the packed ones is not there.
    needed = (raw.count if raw.encoding == "text" else raw.size) + (0 if packed else max(raw.start, 0))
    require_held(path, needed, raw.file, packed=packed)
    return header, raw


def read_text_voxels(path: Path, raw: Raw) -> np.ndarray:
    """The values, of the file's own type and of `raw.shape`; raise `RemnantError` for a file that is cut off or damaged."""
    with np.errstate(all="ignore"), foreign(path, "is cut off or damaged", "copy or export it again", told=False):
        return raw_voxels(raw)
