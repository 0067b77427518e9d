import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from remnant.base.errors import RemnantError
from remnant.cohort.files.volume import read_header, read_volume, volume_files


@pytest.fixture
def left():
    """A head-like block (x, y, z), stored as LPS, with a bright ball on the patient's left, in front, below."""
    volume = np.full((16, 18, 15), 300.0)
    volume[[0, -1]] = volume[:, [0, -1]] = volume[:, :, [0, -1]] = 0
    # LPS: x grows to the left, y to the back.
    volume[11:14, 3:6, 3:5] = 900
    return volume


def oriented(rotation, origin=(0.0, 0.0, 0.0), pixel=(2.0, 1.5), step=3.0):
    """A `change` for `write_series` that lays slice k on these axes, the columns of `rotation`."""

    def change(header):
        number = header.ImagePositionPatient[2] / 3
        header.ImageOrientationPatient = [float(value) for value in rotation[:, :2].T.ravel()]
        header.ImagePositionPatient = [float(v) for v in np.array(origin) + number * step * rotation[:, 2]]
        header.PixelSpacing = list(pixel)

    return change


OBLIQUE = np.linalg.qr(np.array([[0.9, -0.3, 0.1], [0.2, 1.0, -0.2], [0.1, 0.2, 1.0]]))[0]
OBLIQUE = OBLIQUE * np.sign(np.diag(OBLIQUE)) * [1, 1, np.sign(np.linalg.det(OBLIQUE * np.sign(np.diag(OBLIQUE))))]
SAGITTAL = np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]])
# From above to below, so that the axes of pixels and slices are a left-handed system.
DOWNWARDS = np.diag([1.0, 1, -1])


@pytest.mark.parametrize(
    "rotation", [np.eye(3), OBLIQUE, SAGITTAL, DOWNWARDS], ids=["axial", "oblique", "sagittal", "down"]
)
def test_every_voxel_lies_where_simpleitk_says(tmp_path, write_series, left, rotation):
    write_series(tmp_path, left, change=oriented(rotation, (-10, 20, 5)))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "series")))
    theirs = reader.Execute()
    array, affine = read_volume(tmp_path / "series")
    for index in [(0, 0, 0), (12, 4, 3), (3, 15, 9)]:
        x, y, z = theirs.TransformPhysicalPointToContinuousIndex(
            [float(value) for value in (affine @ [*index, 1])[:3] * [-1, -1, 1]]
        )
        assert array[index] == theirs[round(x), round(y), round(z)]
        assert np.allclose([x, y, z], np.round([x, y, z]), atol=1e-3)


def test_the_left_stays_on_the_left(tmp_path, write_series, left):
    write_series(tmp_path, left)
    array, affine = read_volume(tmp_path / "series")
    x, y, z = (affine @ [*np.argwhere(array == 900).mean(axis=0), 1])[:3] - (affine @ [7.5, 8.5, 7, 1])[:3]
    # RAS: left, in front and below of the middle.
    assert x < 0 < y and z < 0
    assert read_header(tmp_path / "series").shape == (16, 18, 15)


def test_a_file_names_its_series(tmp_path, write_series, left):
    write_series(tmp_path, left)
    write_series(tmp_path, left[:, :, ::-1] + 1, folder="other")
    for path in (tmp_path / "other").iterdir():
        path.rename(tmp_path / "series" / f"second-{path.name}")
    with pytest.raises(
        RemnantError, match=r"holds 2 series: that of .*\.dcm \(15 files\), that of second-.*\(15 files\)"
    ):
        read_volume(tmp_path / "series")
    array, _ = read_volume(tmp_path / "series/second-3.dcm")
    assert np.array_equal(array, left[:, :, ::-1] + 1)
    assert len(volume_files(tmp_path / "series/second-3.dcm")) == 15


def test_stored_values_are_rescaled(tmp_path, write_series, left):
    def change(header):
        # As of a PET, each slice its own.
        header.RescaleSlope, header.RescaleIntercept = 2 + header.ImagePositionPatient[2] / 3, -100

    write_series(tmp_path, left, change=change)
    assert np.allclose(read_volume(tmp_path / "series")[0], left * (2 + np.arange(15)) - 100)


def test_an_enhanced_file_of_frames_in_any_order(tmp_path, write_series, left):
    write_series(tmp_path, left)
    header = pydicom.dcmread(tmp_path / "series/0.dcm")
    order = np.random.default_rng(0).permutation(15)
    header.NumberOfFrames = 15
    header.PixelData = np.ascontiguousarray(left[..., order].T.transpose(0, 1, 2).astype(np.uint16)).tobytes()
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(header, keyword)
    measures, plane, shared = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, plane.ImageOrientationPatient = [2, 1.5], [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    header.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number in order:
        place, rescale, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [-10, 20, 3 * int(number)]
        rescale.RescaleSlope, rescale.RescaleIntercept = 2, -5
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [place], [rescale]
        frames.append(frame)
    header.PerFrameFunctionalGroupsSequence = frames
    (tmp_path / "one").mkdir()
    header.save_as(tmp_path / "one/enhanced")
    array, affine = read_volume(tmp_path / "one")
    assert np.array_equal(array, 2 * left - 5)
    assert np.allclose(affine, [[-1.5, 0, 0, 10], [0, -2, 0, -20], [0, 0, 3, 0], [0, 0, 0, 1]])
    assert np.array_equal(read_volume(tmp_path / "one/enhanced")[0], array)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_files_without_meta_information_or_ending(tmp_path, write_series, left, syntax):
    write_series(tmp_path, left)
    for number, path in enumerate(sorted((tmp_path / "series").iterdir())):
        header = pydicom.dcmread(path)
        del header.file_meta
        header.preamble = None
        path.unlink()
        header.save_as(path.with_name(f"1.2.3.{number}"), implicit_vr=syntax.is_implicit_VR, little_endian=True)
    assert np.array_equal(read_volume(tmp_path / "series")[0], left)


@pytest.mark.parametrize("compressor", ["JPEG", "JPEG2000", "RLE"])
def test_lossless_compression(tmp_path, write_series, left, compressor):
    def change(header):
        plane = sitk.GetImageFromArray(header.pixel_array[None])
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(tmp_path / "plane.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(plane)
        squeezed = pydicom.dcmread(tmp_path / "plane.dcm")
        assert squeezed.file_meta.TransferSyntaxUID.is_compressed
        header.PixelData, header["PixelData"].VR = squeezed.PixelData, "OB"
        header["PixelData"].is_undefined_length = True
        header.file_meta.TransferSyntaxUID = squeezed.file_meta.TransferSyntaxUID
        # What is stored and not what it means: nothing may be rescaled twice.
        header.RescaleSlope, header.RescaleIntercept = 3, 7

    write_series(tmp_path, left, change=change)
    assert np.array_equal(read_volume(tmp_path / "series")[0], 3 * left + 7)


def turned(header):
    if header.ImagePositionPatient[2] == 9:
        header.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def uneven(header):
    if header.ImagePositionPatient[2] >= 9:
        header.ImagePositionPatient = [-10, 20, float(header.ImagePositionPatient[2]) + 0.5]


def twice(header):
    header.ImagePositionPatient = [-10, 20, int(header.ImagePositionPatient[2]) % 15]


def nowhere(header):
    del header.ImagePositionPatient


def astray(header):
    header.ImagePositionPatient = [
        -10 + (20 if header.ImagePositionPatient[2] == 9 else 0),
        20,
        header.ImagePositionPatient[2],
    ]


def coloured(header):
    header.SamplesPerPixel, header.PhotometricInterpretation, header.PlanarConfiguration = 3, "RGB", 0
    header.PixelData = header.PixelData * 3


def of_other_pixels(header):
    if header.ImagePositionPatient[2] == 9:
        header.PixelSpacing = [1, 1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (turned, "several orientations, as those of a localizer"),
        (uneven, r"lie 3 to 3\.5 mm apart; a volume needs one distance"),
        (twice, "holds 3 slices in every place, as of several echoes or times"),
        (nowhere, "does not say where its slices lie"),
        (astray, "are shifted against each other"),
        (coloured, "is in colour"),
        (of_other_pixels, "are of 2 pixel spacings"),
    ],
)
def test_what_is_no_volume_of_even_slices(tmp_path, write_series, left, change, sentence):
    write_series(tmp_path, left, change=change)
    with pytest.raises(RemnantError, match=sentence):
        read_volume(tmp_path / "series")


def test_missing_and_doubled_slices_are_named(tmp_path, write_series, left):
    write_series(tmp_path, left)
    path = tmp_path / "series/7.dcm"
    (tmp_path / "series/copy").write_bytes(path.read_bytes())
    with pytest.raises(RemnantError, match=r"7\.dcm and copy of .* lie in one place; keep one"):
        read_volume(tmp_path / "series")
    (tmp_path / "series/copy").unlink()
    path.unlink()
    with pytest.raises(
        RemnantError, match=r"series lacks 1 slice, since 0\.dcm and 14\.dcm lie 6 mm apart and others 3 mm"
    ):
        read_volume(tmp_path / "series")


def test_nothing_to_read(tmp_path, put):
    put(tmp_path / "notes.txt", "no scan")
    with pytest.raises(RemnantError, match="holds no DICOM image"):
        read_volume(tmp_path)
