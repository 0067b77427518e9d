"""What every reader of radiographs returns, and what it refuses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError

# Twice the finest detectors, of mammography; a small file that unpacks to more is no radiograph.
MOST_PIXELS = 60_000_000


@dataclass(frozen=True)
class Radiograph:
    """One picture. `pixels`: float32 (rows, columns) in [0, 1], bone bright; `spacing`: mm between rows and between
    columns, None where the file does not say; `aspect`: height by width of a pixel; `codes`: how the file
    holds its pixels, as numbers.
    """

    pixels: np.ndarray
    spacing: tuple[float, float] | None = None
    aspect: float = 1.0
    codes: tuple[float, ...] = ()


def check_size(path: Path, rows: int, columns: int) -> None:
    """Raise `RemnantError` for a picture of less than two pixels a side, or of more than `MOST_PIXELS`."""
    if min(rows, columns) < 2 or rows * columns > MOST_PIXELS:
        raise RemnantError(
            f"{path} has {columns} x {rows} pixels, which no radiograph has (2 or more a side, at most "
            f"{MOST_PIXELS // 1_000_000} million); export it again or leave it out."
        )


def check_pixels(path: Path, pixels: np.ndarray) -> np.ndarray:
    """`pixels` as they are; raise `RemnantError` for NaN, infinity and a single value."""
    if not np.isfinite(pixels).all():
        raise RemnantError(f"{path} holds pixels that are NaN or infinite; export it again or leave it out.")
    if pixels.min() == pixels.max():
        raise RemnantError(f"{path} holds one grey in every pixel; export it again or leave it out.")
    return pixels
