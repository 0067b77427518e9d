"""Whether a file holds what its header claims, from a size that is believed before memory is taken to the checksum at its end."""

import contextlib
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError

# A byte of deflate stands for at most so many (RFC 1951: 258 a code of two bits).
MOST_DEFLATED = 1032
CHUNK = 2**20


def is_packed(file: Path) -> bool:
    """Whether a file that nibabel reads is compressed."""
    return file.name.lower().endswith((".gz", ".mgz"))


def require_held(path: Path, needed: int, file: Path, *, packed: bool) -> None:
    """Raise `RemnantError` where `file` cannot hold the `needed` bytes that the header of `path` claims."""
    size = file.stat().st_size
    if size * (MOST_DEFLATED if packed else 1) < needed:
        raise RemnantError(
            f"{path} is cut off or damaged (its header claims {needed:,} bytes, and {file.name} has {size:,}); copy or export "
            "it again."
        )


def whole_voxels(image: nib.spatialimages.SpatialImage) -> np.ndarray:
    """The values in the file's own type; raise, as gzip and nibabel do, where they are not those that were written.

    nibabel reads as many bytes as the header asks for, and so never comes to the checksum.
    """
    with contextlib.ExitStack() as opened:
        packed = {
            part: opened.enter_context(gzip.open(holder.filename))
            for part, holder in image.file_map.items()
            if is_packed(Path(holder.filename))
        }
        sources = {part: nib.FileHolder(fileobj=file) for part, file in packed.items()}
        values = np.asarray(type(image).from_file_map({**image.file_map, **sources}).dataobj)
        for file in packed.values():
            rest, allowed = 0, values.nbytes + CHUNK
            while piece := file.read(CHUNK):
                if (rest := rest + len(piece)) > allowed:
                    raise ValueError("it holds far more than its header says")
    return values
