import subprocess

import numpy as np
import pydicom
import pytest
from highdicom.seg import segread
from tests.serve.disk import room_of

from remnant.base.errors import RemnantError, no_room
from remnant.cohort.case import CLASSES
from remnant.cohort.layouts.lpba40 import structures
from remnant.serve.client.anatomy import CODES, anatomy_of
from remnant.serve.client.seg import write_segmentation
from remnant.serve.client.series import read_series

TISSUES = ("background", "gm", "left_hippocampus", "tumour")
TILTED = (0.0, 1.4, 3.75)


@pytest.fixture(params=["slices", "enhanced", "tilted"])
def series(request, write_dicom, as_enhanced, block):
    """A series of each kind."""
    folder = write_dicom(block, step=TILTED if request.param == "tilted" else None)
    return read_series(as_enhanced(folder) if request.param == "enhanced" else folder)


def by_pydicom(path, shape, affine):
    """The label map (x, y, z) in a SEG, each frame laid where its own position says, without highdicom."""
    seg = pydicom.dcmread(path)
    labels = np.zeros(shape, np.uint8)
    inverse = np.linalg.inv(affine)
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float) * [-1, -1, 1]
        x, y, z = inverse[:3] @ [*place, 1]
        assert np.allclose([x, y, z], [0, 0, round(z)], atol=1e-3)
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        labels[:, :, round(z)][plane.T == 1] = number
    return labels


def test_a_segmentation_says_voxel_for_voxel_what_the_label_map_does(series, labelled, tmp_path):
    path = tmp_path / "s.dcm"
    write_segmentation(path, labelled, TISSUES, series, "0123456789ab", "3")
    assert np.array_equal(by_pydicom(path, labelled.shape, series.stack.affine), labelled)
    seg = segread(path)
    frames = [frame.index + 1 for frame in series.stack.frames]
    if series.enhanced:
        source = series.headers[0].SOPInstanceUID
        read = seg.get_pixels_by_source_frame(
            source, frames, combine_segments=True, assert_missing_frames_are_empty=True
        )
    else:
        sources = [header.SOPInstanceUID for header in series.headers]
        read = seg.get_pixels_by_source_instance(sources, combine_segments=True, assert_missing_frames_are_empty=True)
    assert np.array_equal(read.transpose(2, 1, 0), labelled)


def test_a_segmentation_refers_to_its_series_and_says_who_made_it(write_dicom, block, labelled, tmp_path):
    series = read_series(write_dicom(block))
    files = [tmp_path / name for name in ("one.dcm", "two.dcm")]
    for path in files:
        write_segmentation(path, labelled, TISSUES, series, "0123456789ab", "3")
    one, two = map(pydicom.dcmread, files)
    source = series.headers[0]
    assert one.PatientID == source.PatientID and one.StudyInstanceUID == source.StudyInstanceUID
    assert one.FrameOfReferenceUID == source.FrameOfReferenceUID and one.SeriesInstanceUID != source.SeriesInstanceUID
    named = {item.ReferencedSOPInstanceUID for item in one.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert named == {header.SOPInstanceUID for header in series.headers}
    assert [segment.SegmentNumber for segment in one.SegmentSequence] == [1, 2, 3]
    algorithm = one.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("Privacy-Net", "3")
    assert "0123456789ab" in algorithm.AlgorithmParameters
    # Nothing of one result is called as anything of another.
    uids = [
        {str(seg.SOPInstanceUID), str(seg.SeriesInstanceUID), *(str(item.TrackingUID) for item in seg.SegmentSequence)}
        for seg in (one, two)
    ]
    assert len(uids[0]) == 5 and not uids[0] & uids[1]


def test_every_class_has_its_anatomy(write_dicom, block, labelled, tmp_path):
    path = tmp_path / "s.dcm"
    write_segmentation(path, labelled, TISSUES, read_series(write_dicom(block)), "0123456789ab", "3")
    kinds = [segment.SegmentedPropertyTypeCodeSequence[0] for segment in pydicom.dcmread(path).SegmentSequence]
    # SNOMED CT: grey matter, hippocampus with its side, and of a name nobody knows no more than a structure.
    assert [kind.CodeValue for kind in kinds] == ["389081007", "5366008", "91723000"]
    assert {kind.CodingSchemeDesignator for kind in kinds} == {"SCT"}
    assert kinds[1].SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert "SegmentedPropertyTypeModifierCodeSequence" not in kinds[0]
    assert all(name in CODES for names in CLASSES.values() for name in names[1:])
    assert anatomy_of("right_caudate").side.meaning == "Right"
    assert sum(anatomy_of(name).kind.value != "91723000" for name, _ in structures().values()) == 10


def test_a_map_of_another_grid_or_other_classes_is_no_segmentation(write_dicom, block, labelled, tmp_path):
    series = read_series(write_dicom(block))
    for labels in (labelled[:, :, :-1], labelled + 1):
        with pytest.raises(RemnantError, match=r"label map of shape \(12, 15, 9\) with values below 4"):
            write_segmentation(tmp_path / "s.dcm", labels, TISSUES, series, "0123456789ab", "3")
    assert not list(tmp_path.glob("*s.dcm"))


def test_a_class_that_was_not_found_and_a_map_of_nothing_are_segmentations(write_dicom, block, tmp_path):
    series, path = read_series(write_dicom(block)), tmp_path / "s.dcm"
    write_segmentation(path, np.zeros(block.shape, np.uint8), TISSUES, series, "0123456789ab", "3")
    assert not pydicom.dcmread(path).pixel_array.any() and len(pydicom.dcmread(path).SegmentSequence) == 3


@pytest.mark.slow
def test_dciodvfy_finds_no_error(series, labelled, tmp_path):
    path = tmp_path / "s.dcm"
    write_segmentation(path, labelled, TISSUES, series, "0123456789ab", "3")
    said = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True).stderr
    assert "Segmentation" in said and not [line for line in said.splitlines() if line.startswith("Error")], said


def test_a_full_disk_is_told_from_what_pydicom_makes_of_it(write_dicom, block, labelled, tmp_path):
    source = read_series(write_dicom(block))
    with room_of(4096), pytest.raises(OSError, match="File too large") as error:
        write_segmentation(tmp_path / "s.dcm", labelled, TISSUES, source, "0123456789ab", "3")
    assert no_room(error.value) and [path.name for path in tmp_path.iterdir()] == ["zq-scan"]
