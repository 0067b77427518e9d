"""DICOM radiographs: from stored values to what a viewer shows (PS3.3 C.11.1 and C.11.2, PS3.14).

A header's text may name the patient: no value of it gets into a message.
"""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.pixels import apply_modality_lut, apply_voi

from remnant.base.errors import RemnantError, foreign
from remnant.cohort.files.dicom import open_dicom, quiet_pydicom, stored_pixels
from remnant.cohort.files.radiograph_image import Radiograph, check_pixels, check_size

# Modalities of slices and of other pictures that are no projections (PS3.3 C.7.3.1.1.1).
NO_RADIOGRAPH = {"CT", "MR", "PT", "NM", "US", "OCT", "OP", "SM", "ES", "ECG", "SEG", "SR"}


def read_dicom(path: Path) -> Radiograph:
    """Read one radiograph as it is meant to be seen: rescaled, windowed (the first window or table of several), bone bright.

    Without a window, or with one of no width, the range of the values is [0, 1]. Padding is black. Raises `RemnantError`
    for a file that is cut off, of several frames, in colour, compressed in a way that is not read, or no radiograph.
    """
    with quiet_pydicom():
        header = open_dicom(path)
        with foreign(path, "does not describe its pixels", "export it again", told=False):
            _check(path, header)
        stored = stored_pixels(path, header)
        wrong = "does not say how its pixels are shown (rescaling, window or spacing)"
        with foreign(path, wrong, "export it again", told=False):
            shown = _shown(stored, header)
            spacing, aspect = _geometry(header)
            codes = (
                float(header.BitsAllocated),
                float(header.BitsStored),
                float(header.PixelRepresentation),
                *_window(header),
            )
    return Radiograph(check_pixels(path, shown), spacing, aspect, codes)


def _check(path: Path, header: pydicom.Dataset) -> None:
    modality = str(header.get("Modality", "")).strip().upper()
    if modality in NO_RADIOGRAPH:
        raise RemnantError(f"{path} is no radiograph (modality {modality}); leave it out.")
    if "PixelData" not in header:
        raise RemnantError(f"{path} holds no pixels; export it with its image.")
    frames, samples = int(header.get("NumberOfFrames") or 1), int(header.get("SamplesPerPixel") or 1)
    rows, columns = int(header.Rows), int(header.Columns)
    colours = str(header.get("PhotometricInterpretation", "")).strip()
    if frames != 1:
        raise RemnantError(f"{path} holds {frames} frames; a radiograph is one, export one frame.")
    if samples != 1 or colours not in ("MONOCHROME1", "MONOCHROME2"):
        raise RemnantError(f"{path} is in colour; a radiograph is MONOCHROME1 or MONOCHROME2, export it so.")
    check_size(path, rows, columns)


def _shown(stored: np.ndarray, header: pydicom.Dataset) -> np.ndarray:
    """float32 (rows, columns) in [0, 1]: modality transformation, window, polarity, and padding as black."""
    padding = _padding(stored, header)
    values = np.asarray(apply_modality_lut(stored, header))
    if header.get("VOILUTSequence"):
        bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
        shown = apply_voi(values, header) / (2.0**bits - 1)
    else:
        inside = values[~padding] if not padding.all() else values
        shown = window(values.astype(np.float64), header, float(inside.min()), float(inside.max()))
    shown = np.clip(shown, 0, 1)
    if header.PhotometricInterpretation.strip() == "MONOCHROME1":
        shown = 1 - shown
    return np.where(padding, 0, shown).astype(np.float32)


def _padding(stored: np.ndarray, header: pydicom.Dataset) -> np.ndarray:
    """Where the stored values (not the rescaled ones) are padding (PS3.3 C.7.5.1.1.2), a value or a range of them."""
    if header.get("PixelPaddingValue") is None:
        return np.zeros(stored.shape, bool)
    ends = [int(header.PixelPaddingValue), int(header.get("PixelPaddingRangeLimit", header.PixelPaddingValue))]
    return (stored >= min(ends)) & (stored <= max(ends))


def _window(header: pydicom.Dataset) -> tuple[float, float]:
    """Centre and width of the first window, zeros where there is none."""
    pair = [header.get("WindowCenter"), header.get("WindowWidth")]
    if any(value is None or value == "" for value in pair):
        return 0.0, 0.0
    centre, width = (float(np.atleast_1d(value)[0]) for value in pair)
    return centre, width


def window(values: np.ndarray, header: pydicom.Dataset, low: float, high: float) -> np.ndarray:
    """`values` through the first window of `header`, to [0, 1] (PS3.3 C.11.2.1.2.1 and C.11.2.1.3); [`low`, `high`] without."""
    centre, width = _window(header)
    function = str(header.get("VOILUTFunction", "LINEAR")).strip().upper()
    if width <= 0 or (function == "LINEAR" and width < 1):
        return (values - low) / max(high - low, 1e-12)
    if function == "SIGMOID":
        return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _geometry(header: pydicom.Dataset) -> tuple[tuple[float, float] | None, float]:
    """Spacing in mm, in the patient or else at the detector, and height by width of a pixel."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        if header.get(keyword):
            down, across = (float(size) for size in header[keyword].value)
            if down > 0 and across > 0:
                return (down, across), down / across
    if header.get("PixelAspectRatio"):
        down, across = (float(size) for size in header.PixelAspectRatio)
        return None, down / across if down > 0 and across > 0 else 1.0
    return None, 1.0
