"""A DICOM series as one scan of one patient, checked for what its voxels do not tell, with the headers that a result refers to.

Where its slices lie is the matter of `remnant.cohort.files.series`: a missing slice, two in one place, slabs that overlap, mixed
orientations, a single slice. Slices thicker than their distance are no fault: scanners reconstruct such volumes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset

from remnant.base.errors import RemnantError
from remnant.base.texts import counted_of
from remnant.cohort.files.series import Slice, Stack, find_series, stack

# Secondary Capture, and its four of several frames (PS3.4 B.5).
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
# Words of Image Type (PS3.3 C.8.2.1.1.1, C.8.3.1.1.1) for a picture by which a scan was planned.
PLANNING = {"LOCALIZER", "SCOUT"}
# What a segmentation must say of the images that it was made of.
NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


@dataclass(frozen=True)
class Series:
    """The slices in order, and the header of each file, in that order, without pixels."""

    stack: Stack
    headers: tuple[Dataset, ...]

    @property
    def enhanced(self) -> bool:
        """Whether one file holds all slices as its frames."""
        return "PerFrameFunctionalGroupsSequence" in self.headers[0]


def read_series(path: Path) -> Series:
    """The series in the folder `path`, or the one that the file `path` is of.

    Raises `RemnantError`, which quotes no header, for what `remnant.cohort.files.series` refuses, and for files of several
    patients, secondary captures, localizers, a file that is there twice, several frames of reference, and headers that lack
    an identifier.
    """
    path = Path(path)
    slices = find_series(path)
    if len({one.patient for one in slices}) > 1:
        raise RemnantError(
            f"The slices of {path} are of {len({one.patient for one in slices})} patients, though they name one series; keep "
            "those of one patient."
        )
    _refuse(slices, _is_capture, path, "a secondary capture", "secondary captures", "such pictures hold no scan")
    _refuse(slices, _is_planning, path, "a localizer", "localizers", "leave out what a scan was only planned by")
    for one in slices:
        if lacking := next((name for name in NEEDED if not str(one.header.get(name) or "")), None):
            raise RemnantError(
                f"The header of {one.path} has no {lacking}, which a result must refer to; export the series again."
            )
    _require_once(slices, path)
    if (several := len({str(one.header.FrameOfReferenceUID) for one in slices})) > 1:
        raise RemnantError(
            f"The slices of {path} lie in {several} frames of reference, so that nobody knows how they lie to each other; keep "
            "those of one."
        )
    ordered = stack(slices, path)
    headers = {one.path: one.header for one in slices}
    return Series(ordered, tuple(headers[file] for file in ordered.files))


def _refuse(
    slices: Sequence[Slice], wrong: Callable[[Dataset], bool], path: Path, one: str, several: str, why: str
) -> None:
    found = [each for each in slices if wrong(each.header)]
    if found:
        of = counted_of(len(found), len(slices), "file", f"is {one}", f"are {several}")
        raise RemnantError(f"{of} in {path} (the first is {found[0].path.name}); {why}, so give the scan itself.")


def _is_capture(header: Dataset) -> bool:
    kind = str(header.get("SOPClassUID", ""))
    return kind == SECONDARY_CAPTURE or kind.startswith(f"{SECONDARY_CAPTURE}.")


def _is_planning(header: Dataset) -> bool:
    value = header.get("ImageType") or ()
    words = [value] if isinstance(value, str) else value
    return bool(PLANNING & {str(word).strip().upper() for word in words})


def _require_once(slices: Sequence[Slice], path: Path) -> None:
    first: dict[str, Slice] = {}
    for one in slices:
        twin = first.setdefault(str(one.header.SOPInstanceUID), one)
        if twin is not one:
            raise RemnantError(
                f"{path} holds an image twice, as {twin.path.name} and {one.path.name}; keep one of each such pair."
            )
