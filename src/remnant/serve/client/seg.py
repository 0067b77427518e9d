"""A label map as DICOM SEG that refers to the series it was made of (PS3.3 A.51), by highdicom."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from highdicom.seg import (
    SegmentAlgorithmTypeValues,
    Segmentation,
    SegmentationTypeValues,
    SegmentDescription,
)
from highdicom.sr.coding import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.uid import UID, generate_uid

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.cohort.files.dicom import quiet_pydicom
from remnant.serve.client.anatomy import anatomy_of
from remnant.serve.client.series import Series

ALGORITHM = "Privacy-Net"
MAKER = "Remnant"
# So that a result stands behind the scans of its study in a viewer's list.
SERIES_NUMBERS_ON = 1000
LONGEST_LABEL = 64  # LO, PS3.5 6.2


def write_segmentation(
    path: Path,
    labels: np.ndarray,
    classes: Sequence[str],
    series: Series,
    mark: str,
    version: str,
    key: str = "",
    edition: int = 1,
) -> None:
    """Write `labels`, uint8 (x, y, z) on the voxels of the series, as a DICOM SEG, atomically.

    Segment number n is `classes[n]`, the background none; also a class of which nothing was found has its number. `mark` names
    the encoder, `version` is the segmenter's. Series, segmentation and segments get identifiers that are new each time,
    or follow from the `key`, if one is given. The description tells an `edition` but the first.

    Raises `RemnantError` for labels of another shape or beyond the classes, and for a series whose headers highdicom refuses.
    """
    if labels.shape != series.stack.shape or labels.max() >= len(classes):
        raise RemnantError(
            f"A label map of shape {series.stack.shape} with values below {len(classes)} is needed for the DICOM SEG. Got "
            f"{labels.shape} and {labels.max()} instead."
        )
    if series.enhanced and len(series.headers) > 1:
        raise RemnantError(
            f"{series.stack.files[0].parent} holds a volume in {len(series.headers)} files of several frames each, to which no "
            "DICOM SEG is written; export the series as one file, or as single slices."
        )
    identification = AlgorithmIdentificationSequence(
        name=ALGORITHM,
        family=codes.DCM.ArtificialIntelligence,
        version=version,
        source=MAKER,
        parameters={"encoder": mark},
    )
    segments = [_described(number, name, identification, key) for number, name in enumerate(classes) if number]
    planes = _planes(labels, series)
    try:
        with quiet_pydicom():
            made = Segmentation(
                source_images=series.headers,
                pixel_array=planes,
                segmentation_type=SegmentationTypeValues.BINARY,
                segment_descriptions=segments,
                series_instance_uid=_uid(key, "series"),
                series_number=SERIES_NUMBERS_ON + int(series.headers[0].get("SeriesNumber") or 0),
                sop_instance_uid=_uid(key, "instance"),
                instance_number=1,
                manufacturer=MAKER,
                manufacturer_model_name=ALGORITHM,
                software_versions=__version__,
                device_serial_number=mark,
                content_label="SEGMENTATION",
                content_description=f"Segmented by {ALGORITHM}",
                series_description=f"{ALGORITHM} segmentation" + (f", edition {edition}" if edition > 1 else ""),
            )
            with atomic_path(path) as temporary:
                made.save_as(temporary, enforce_file_format=True)
    except (AttributeError, KeyError, TypeError, ValueError):
        # What a library says of a header may quote it.
        raise RemnantError(
            f"The headers of {series.stack.files[0].parent} are not those of a series to which a DICOM SEG can refer; check them "
            "by dciodvfy, or convert the series to NIfTI for the label map alone."
        ) from None


def _planes(labels: np.ndarray, series: Series) -> np.ndarray:
    """(frames, rows, columns), in the order of the files, or of the frames in the one file."""
    planes = np.ascontiguousarray(labels.transpose(2, 1, 0))
    if not series.enhanced:
        return planes
    ordered = np.zeros_like(planes)
    ordered[[frame.index for frame in series.stack.frames]] = planes
    return ordered


def _uid(key: str, what: str) -> UID:
    return generate_uid(entropy_srcs=[key, what] if key else None)


def _described(number: int, name: str, identification: AlgorithmIdentificationSequence, key: str) -> SegmentDescription:
    anatomy = anatomy_of(name)
    described = SegmentDescription(
        segment_number=number,
        segment_label=name[:LONGEST_LABEL],
        segmented_property_category=CodedConcept.from_code(codes.SCT.AnatomicalStructure),
        segmented_property_type=anatomy.kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=identification,
        tracking_uid=_uid(key, f"segment {number}"),
        tracking_id=f"{MAKER} {name}"[:LONGEST_LABEL],
    )
    if anatomy.side:
        described.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [anatomy.side]
    return described
