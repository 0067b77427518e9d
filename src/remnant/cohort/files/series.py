"""A volume from the slices of a DICOM series, in one file a slice or in one of several frames (PS3.3 C.7.6.2, C.7.6.16).

A series is named by its folder, or by any one of its files where the folder holds several. Slices are put in order by where they
lie and not by their names or numbers. What is no volume of even slices is refused: mixed orientations, a slice that lies
twice or is missing, uneven distances.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pydicom

from remnant.base.errors import RemnantError, foreign
from remnant.base.texts import counted
from remnant.cohort.files.dicom import is_dicom, open_dicom, quiet_pydicom, stored_pixels

# Of direction cosines; headers round them.
SAME_DIRECTION = 1e-3
# Of the distance between slices, and of a pixel: headers round positions.
EVEN = 0.02
ROUNDING_MM = 0.01


@dataclass(frozen=True)
class Slice:
    """One DICOM file; `header` is everything but the pixels."""

    path: Path
    header: pydicom.Dataset

    @property
    def series(self) -> str:
        """What slices of one volume share; never to be shown."""
        return str(self.header.get("SeriesInstanceUID", "")) or str(self.path.parent)

    @property
    def patient(self) -> tuple[str, ...]:
        """Whom the header names: an id and who gave it, or else a name and a birth date; never to be shown."""
        named = (
            ("PatientID", "IssuerOfPatientID") if self.header.get("PatientID") else ("PatientName", "PatientBirthDate")
        )
        return tuple(str(self.header.get(keyword, "")).strip() for keyword in named)

    @property
    def modality(self) -> str:
        return str(self.header.get("Modality", "")).strip().upper()

    @property
    def placed(self) -> bool:
        """Whether the header says where in space its slices lie, as that of a volume does and of a radiograph does not."""
        return "ImageOrientationPatient" in self.header or "PerFrameFunctionalGroupsSequence" in self.header

    @property
    def pictured(self) -> bool:
        """Whether it holds pixels at all: reports and directories hold none."""
        return "Rows" in self.header and "Columns" in self.header


@dataclass(frozen=True)
class Frame:
    """Where a slice lies: `first` (3,) is its first pixel, `axes` (2, 3) are the directions along a row and down a column,
    `pixel` (2,) the distances along them; in mm, LPS. `slope` and `intercept` take its stored values to real ones.
    """

    path: Path
    index: int
    sides: tuple[int, int]
    first: np.ndarray
    axes: np.ndarray
    pixel: np.ndarray
    slope: float
    intercept: float


@dataclass(frozen=True)
class Stack:
    """Frames in order, of one grid; `step` (3,) in mm from one to the next, LPS."""

    frames: tuple[Frame, ...]
    step: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, columns = self.frames[0].sides
        return columns, rows, len(self.frames)

    @cached_property
    def affine(self) -> np.ndarray:
        """(4, 4), voxel to millimetres, RAS+."""
        first = self.frames[0]
        affine = np.eye(4)
        affine[:3] = np.column_stack([*(first.axes * first.pixel[:, None]), self.step, first.first])
        affine[:2] *= -1
        return affine

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(frame.path for frame in self.frames))

    def voxels(self) -> np.ndarray:
        """float32 (x, y, z), rescaled as the headers say; raise `RemnantError` for a damaged file and for colours."""
        array = np.empty(self.shape, np.float32)
        pixels = {path: _planes(path) for path in self.files}
        for z, frame in enumerate(self.frames):
            if pixels[frame.path].shape[1:] != frame.sides or frame.index >= len(pixels[frame.path]):
                raise RemnantError(f"{frame.path} holds other pixels than its header says; export it again.")
            array[..., z] = pixels[frame.path][frame.index].T * frame.slope + frame.intercept
        return array


def is_series(path: Path) -> bool:
    """Whether a path may name a series: a folder, or a DICOM file."""
    return path.is_dir() or (path.is_file() and is_dicom(path))


def is_placed(path: Path) -> bool:
    """Whether a file is DICOM and lies in space, as a slice does and a radiograph does not."""
    return is_dicom(path) and Slice(path, open_dicom(path, stop_before_pixels=True)).placed


def series_of(path: Path) -> str | None:
    """What a file shares with the other slices of its series, never to be shown; None for what is no single slice in space."""
    try:
        if not is_dicom(path):
            return None
        one = Slice(path, open_dicom(path, stop_before_pixels=True))
    except RemnantError:
        return None  # what is wrong with it is told when it is read
    return one.series if one.placed and one.pictured and "PerFrameFunctionalGroupsSequence" not in one.header else None


def read_stack(path: Path) -> Stack:
    """The series in the folder `path`, or the one that the file `path` is of, in order.

    Raises `RemnantError` for a folder without one, or with several, and for what `stack` refuses.
    """
    return stack(find_series(path), path)


def find_series(path: Path) -> list[Slice]:
    """The slices of the one series that `path` names; raise `RemnantError` where there is none, or where there are several."""
    if path.is_file():
        given = Slice(path, open_dicom(path, stop_before_pixels=True))
        if not given.pictured:
            raise RemnantError(f"{path} holds no image; give a file of the series, or its folder.")
        if "PerFrameFunctionalGroupsSequence" in given.header:
            return [given]
        return _by_series(path.parent.iterdir())[given.series]
    by_series = _by_series(path.rglob("*"))
    if not by_series:
        raise RemnantError(f"{path} holds no DICOM image; give the folder of a series, or a volume's file.")
    if len(by_series) > 1:
        listed = ", ".join(
            f"that of {slices[0].path.relative_to(path)} ({counted(len(slices), 'file')})"
            for slices in list(by_series.values())[:6]
        )
        patients = len({one.patient for slices in by_series.values() for one in slices})
        whose = f" of {patients} patients" if patients > 1 else ""
        raise RemnantError(
            f"{path} holds {len(by_series)} series{whose}: {listed}; give a file of the one that is meant."
        )
    return next(iter(by_series.values()))


def _by_series(paths: Iterable[Path]) -> dict[str, list[Slice]]:
    found = defaultdict(list)
    for path in sorted(path for path in paths if path.is_file() and is_dicom(path)):
        one = Slice(path, open_dicom(path, stop_before_pixels=True))
        if one.pictured:
            with foreign(path, "does not say which series it is of", "export it again", told=False):
                found[one.series].append(one)
    return found


def stack(slices: Sequence[Slice], source: Path) -> Stack:
    """The frames of one series in order; raise `RemnantError`, naming `source`, where they make no volume of even slices."""
    frames = [frame for one in slices for frame in _frames(one)]
    for what, values in (
        ("sizes", [frame.sides for frame in frames]),
        ("pixel spacings", [tuple(np.round(frame.pixel, 4)) for frame in frames]),
    ):
        if len(set(values)) > 1:
            raise RemnantError(f"The slices of {source} are of {len(set(values))} {what}; keep those of one volume.")
    axes = frames[0].axes
    turned = [frame for frame in frames if np.abs(frame.axes - axes).max() > SAME_DIRECTION]
    if turned:
        raise RemnantError(
            f"The slices of {source} have several orientations, as those of a localizer ({frames[0].path.name} and "
            f"{turned[0].path.name} differ); keep those of one volume."
        )
    if len(frames) < 2:
        raise RemnantError(f"{source} holds a single slice; give a series of all its slices.")
    normal = np.cross(*axes)
    frames.sort(key=lambda frame: float(normal @ frame.first))
    return Stack(tuple(frames), _even_step(frames, normal, source))


def _even_step(frames: list[Frame], normal: np.ndarray, source: Path) -> np.ndarray:
    """(3,) mm from each slice to the next; raise `RemnantError` where it is not one for all."""
    places = np.array([frame.first for frame in frames])
    steps = np.diff(places @ normal)
    double = steps < ROUNDING_MM
    if double.any():
        twins = Counter(np.cumsum(np.concatenate([[True], ~double])))
        if set(twins.values()) == {len(frames) // len(twins)} and len(twins) > 1:
            each = len(frames) // len(twins)
            raise RemnantError(
                f"{source} holds {each} slices in every place, as of several echoes or times; keep those of one volume."
            )
        at = int(np.argmax(double))
        raise RemnantError(
            f"{_two(frames, at)} of {source} lie in one place; keep one of each such pair ({int(double.sum())} in all)."
        )
    middle = float(np.median(steps))
    allowed = EVEN * middle + ROUNDING_MM
    if (gaps := steps > 1.5 * middle).any():
        at = int(np.argmax(gaps))
        missing = int(np.round(steps[gaps] / middle - 1).sum())
        raise RemnantError(
            f"{source} lacks {counted(missing, 'slice')}, since {_two(frames, at)} lie {steps[at]:.4g} mm apart and others "
            f"{middle:.4g} mm; export the whole series."
        )
    if (np.abs(steps - middle) > allowed).any():
        raise RemnantError(
            f"The slices of {source} lie {steps.min():.4g} to {steps.max():.4g} mm apart; a volume needs one distance: resample "
            f"it, or keep those of one distance."
        )
    step = (places[-1] - places[0]) / (len(places) - 1)
    astray = np.linalg.norm(places - places[0] - np.arange(len(places))[:, None] * step, axis=1)
    if astray.max() > frames[0].pixel.max():
        raise RemnantError(f"The slices of {source} are shifted against each other; give the series as it was scanned.")
    return step


def _frames(one: Slice) -> list[Frame]:
    """Every frame of a file; raise `RemnantError` where the header does not say where they lie."""
    header = one.header
    try:
        with quiet_pydicom():
            count = int(header.get("NumberOfFrames") or 1)
            own = header.get("PerFrameFunctionalGroupsSequence")
            if count > 1 and (own is None or len(own) != count):
                raise ValueError("frames that lie nowhere")
            shared = (header.get("SharedFunctionalGroupsSequence") or [None])[0]
            return [_frame(one, index, [*([own[index]] if own else []), shared]) for index in range(count)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise RemnantError(
            f"The header of {one.path} does not say where its slices lie (position, orientation and pixel spacing); export the "
            f"series again, or leave the file out."
        ) from None


def _frame(one: Slice, index: int, groups: list[pydicom.Dataset | None]) -> Frame:
    header = one.header

    def value(group: str, keyword: str, default: object = None):
        # What stands in the groups of an enhanced image stands at the top of others.
        holders = [within[group].value[0] for within in groups if within is not None and group in within]
        found = next((holder.get(keyword) for holder in holders if holder.get(keyword) is not None), None)
        return found if found is not None else header.get(keyword, default)

    first = np.array(value("PlanePositionSequence", "ImagePositionPatient"), float).reshape(3)
    axes = np.array(value("PlaneOrientationSequence", "ImageOrientationPatient"), float).reshape(2, 3)
    down, across = (float(size) for size in value("PixelMeasuresSequence", "PixelSpacing"))
    rescale = "PixelValueTransformationSequence"
    slope, intercept = value(rescale, "RescaleSlope", 1), value(rescale, "RescaleIntercept", 0)
    numbers = np.concatenate([first, axes.ravel(), [down, across, float(slope), float(intercept)]])
    if not np.isfinite(numbers).all() or abs(np.linalg.norm(np.cross(*axes)) - 1) > 0.01 or min(down, across) <= 0:
        raise ValueError("no place in space")
    sides = (int(header.Rows), int(header.Columns))
    return Frame(one.path, index, sides, first, axes, np.array([across, down]), float(slope), float(intercept))


def _planes(path: Path) -> np.ndarray:
    """The stored values (frames, rows, columns) of a file."""
    header = open_dicom(path)
    if int(header.get("SamplesPerPixel") or 1) != 1:
        raise RemnantError(f"{path} is in colour; give the scan itself, in shades of grey.")
    pixels = stored_pixels(path, header)
    return pixels[None] if pixels.ndim == 2 else pixels


def _two(frames: list[Frame], at: int) -> str:
    names = [frame.path.name for frame in frames[at : at + 2]]
    if names[0] == names[1]:
        return f"Frames {frames[at].index + 1} and {frames[at + 1].index + 1}"
    return f"{names[0]} and {names[1]}"
