"""MetaImage and NRRD against SimpleITK, which writes them all, and reads what is not damaged."""

import gzip
import zlib
from itertools import count

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from remnant.base.errors import RemnantError
from remnant.cohort.files.text_header import ENDINGS, open_text_volume, read_text_header, read_text_voxels
from remnant.cohort.files.volume import read_header, read_volume, volume_files

TYPES = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64)
VOXELS = np.arange(24, dtype="<i2")
RAW = VOXELS.tobytes()
META = "NDims = 3\n{}ElementType = MET_SHORT\nDimSize = 2 3 4\nElementDataFile = LOCAL\n"
COMMENT = "# Complete NRRD file format specification at:\n"
NRRD = f"NRRD0004\n{COMMENT}type: short\ndimension: 3\nsizes: 2 3 4\nencoding: {{}}\nendian: little\n{{}}\n"
SPACE = "space: {}\nspace directions: (1, 0.5,0) (0,2,0) ( 0,-0.25,3 )\nspace origin: (1,2,3)\n"


def by_itk(path):
    """Voxels (x, y, z, ...) and affine in RAS+."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    dimension = image.GetDimension()
    affine[:3, :3] = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3] * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return sitk.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine


def by_us(path):
    raw = read_text_header(path)
    return read_text_voxels(path, raw), raw.affine


def require_alike(path):
    (found, affine), (wanted, wanted_affine) = by_us(path), by_itk(path)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted) and found.flags.writeable
    assert np.allclose(affine, wanted_affine)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_what_itk_writes_of_any_type_and_wherever_it_lies(tmp_path, ending, packed):
    rng = np.random.default_rng(0)
    for kind in TYPES:
        array = rng.integers(0, 100, (5, 4, 3)).astype(kind)
        if kind not in (np.uint8, np.uint16, np.uint32, np.uint64):
            array -= kind(50)
        image = sitk.GetImageFromArray(array)
        turned, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        image.SetDirection(turned.ravel().tolist())
        image.SetSpacing((0.7, 1.3, 2.1))
        image.SetOrigin((-12.5, 3.25, 100))
        path = tmp_path / f"{np.dtype(kind)}{ending}"
        sitk.WriteImage(image, str(path), useCompression=packed)
        require_alike(path)
        assert open_text_volume(path)[0].spacing == pytest.approx((0.7, 1.3, 2.1))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("sides", "said"), [((6, 5), r"2D \(5 x 6\)"), ((2, 6, 5, 4), r"4D \(4 x 5 x 6 x 2\)"), ((1, 6, 5, 4), None)]
)
def test_other_dimensions(tmp_path, ending, sides, said):
    path = tmp_path / f"a{ending}"
    array = np.arange(np.prod(sides), dtype=np.float32).reshape(sides)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=False), str(path))
    if said:
        with pytest.raises(RemnantError, match=said):
            read_header(path)
    else:
        assert np.array_equal(read_volume(path)[0], array[0].T)
        assert np.allclose(read_volume(path)[1], by_itk(path)[1])


def write(path, header, voxels=RAW):
    path.write_bytes(header.encode() + voxels)
    return path


@pytest.mark.parametrize(
    ("fields", "voxels"),
    [
        ("", RAW),
        ("BinaryData = True\r\nElementSize: 2 1 1\r\n", RAW),
        ("ElementSize = 2 1 1\nElementSpacing = 3 1 1\n", RAW),
        ("ElementSpacing = -2 1 1\n", RAW),
        ("Offset = 1 2 3\nPosition = 4 5 6\n", RAW),
        ("Origin = 7 8 9\nImagePosition = 10 11 12\n", RAW),
        ("Origin = 7 8 9\nOffset = 4 5 6\n", RAW),
        ("Orientation = 0 1 0 1 0 0 0 0 1\nRotation = 0 0 1 0 1 0 1 0 0\n", RAW),
        ("Rotation = 0 0 1 0 1 0 1 0 0\nTransformMatrix = 0.6 0.8 0 -0.8 0.6 0 0 0 1\n", RAW),
        ("ElementByteOrderMSB = True\n", RAW),
        ("ElementByteOrderMSB = False\nBinaryDataByteOrderMSB = True\n", RAW),
        ("HeaderSize = 20\n", RAW),
        ("HeaderSize = -1\n", b"between" + RAW),
        ("BinaryData = False\n", b" ".join(b"%d" % value for value in VOXELS - 9) + b"\n"),
        (f"CompressedData = True\nCompressedDataSize = {len(zlib.compress(RAW))}\n", zlib.compress(RAW)),
        (f"CompressedData = True\nCompressedDataSize = {len(gzip.compress(RAW))}\n", gzip.compress(RAW)),
    ],
    ids=count(),
)
def test_what_others_write_into_a_metaimage(tmp_path, fields, voxels):
    require_alike(write(tmp_path / "a.mha", META.format(fields), voxels))


@pytest.mark.parametrize("kind", ["CHAR", "LONG", "ULONG", "UCHAR_ARRAY"])
def test_types_of_a_metaimage_that_itk_does_not_write(tmp_path, kind):
    require_alike(write(tmp_path / "a.mha", META.format("").replace("SHORT", kind), RAW + RAW))


@pytest.mark.parametrize(
    ("fields", "voxels"),
    [
        ("", RAW),
        ("spacings: 1.5 2 3\n", RAW),
        ("spacings: 1.5 nan 3\n", RAW),
        ("spacings: 1.5 2 3\naxis mins: 1 2 3\n", RAW),
        ("spacings: 1.5 2 3\naxismins: 1 2 3\ncenters: node node node\n", RAW),
        ("axis mins: 1 2 3\naxis maxs: 5 8 11\n", RAW),
        *((SPACE.format(space), RAW) for space in ("left-posterior-superior", "RAS", "Left-Anterior-Superior")),
        *((SPACE.format(space), RAW) for space in ("right anterior superior", "scanner-xyz", "3D-left-handed")),
        (SPACE.format("RAS").replace("space: RAS", "space dimension: 3"), RAW),
        ("space: RAS\nspace origin: (1,2,3)\n", RAW),
        (SPACE.format("LPS").replace("space directions", "spacedirections").replace("origin", "Origin"), RAW),
        ("kinds: domain ??? time\n", RAW),
        ("byte skip: 5\n", b"12345" + RAW),
        ("byte skip: -1\n", b"12345" + RAW),
        ("line skip: 2\nbyteskip: 1\n", b"one\ntwo\n3" + RAW),
        ('labels: "x" "it\'s" "z"\ncontent: a\nold min: 3\nsample units: "1"\nkey 1:=b\n# c\nsizes:=d\n', RAW),
        ("gzip", gzip.compress(RAW)),
        ("gzip", gzip.compress(RAW[:7]) + gzip.compress(RAW[7:])),
        ("gzip\nbyte skip: 3", gzip.compress(b"123" + RAW)),
        ("GZ", gzip.compress(RAW) + b"behind"),
        ("ascii", b", ".join(b"%d" % value for value in VOXELS - 9)),
    ],
    ids=count(),
)
def test_what_others_write_into_a_nrrd(tmp_path, fields, voxels):
    encoding, fields = ("raw", fields) if voxels.endswith(RAW) else (fields, "")
    require_alike(write(tmp_path / "a.nrrd", NRRD.format(encoding, fields), voxels))
    require_alike(write(tmp_path / "b.nrrd", NRRD.format(encoding, fields).replace("\n", "\r\n"), voxels))


def test_an_axis_of_one_value_a_voxel(tmp_path):
    header = NRRD.format("raw", "kinds: scalar domain domain domain\n" + SPACE.format("LPS"))
    header = header.replace("dimension: 3", "dimension: 4").replace("sizes: ", "sizes: 1 ").replace("s: (", "s: none (")
    require_alike(write(tmp_path / "a.nrrd", header))
    with pytest.raises(RemnantError, match="holds 2 values a voxel, as of colours"):
        read_header(write(tmp_path / "a.nrrd", header.replace("sizes: 1 2", "sizes: 2 1")))


def test_the_sides_of_time_are_those_of_space(tmp_path):
    """Of right-anterior-superior-time ITK turns no axis."""
    fields = "space: right-anterior-superior-time\nspace directions: (1,0,0,0) (0,1,0,0) (0,0,1,0) (0,0,0,1)\n"
    header = NRRD.format("raw", fields).replace("dimension: 3", "dimension: 4").replace("3 4\n", "3 4 1\n")
    assert np.allclose(read_header(write(tmp_path / "a.nrrd", header)).affine, np.eye(4))


@pytest.mark.parametrize(
    "name", ["../a.raw", "sub/../../a.raw", "/etc/hostname", "C:\\scans\\a.raw", "..\\a.raw", "//host/a"]
)
@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_in_another_folder(tmp_path, ending, name):
    header = META.format("").replace("LOCAL", name) if ending == ".mhd" else NRRD.format("raw", f"data file: {name}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.raw").write_bytes(RAW)
    with pytest.raises(RemnantError, match="names a file of another folder for its voxels; put that beside it"):
        read_header(write(tmp_path / f"sub/a{ending}", header, b""))


@pytest.mark.parametrize("name", ["other.bin", "./sub/a b.raw"])
@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_voxels_by_any_name_in_the_folder(tmp_path, ending, name):
    header = META.format("").replace("LOCAL", name) if ending == ".mhd" else NRRD.format("raw", f"data file: {name}")
    path = write(tmp_path / f"a{ending}", header, b"")
    with pytest.raises(RemnantError, match=r"has no voxels beside it \((other.bin|a b.raw)\); copy the pair whole"):
        read_header(path)
    (tmp_path / "sub").mkdir()
    (tmp_path / name).write_bytes(RAW)
    require_alike(path)
    # What the cache is keyed by.
    assert volume_files(path) == (path, tmp_path / name)


def test_voxels_that_were_zipped_behind_the_header(tmp_path):
    path = write(tmp_path / "a.mhd", META.format("").replace("LOCAL", "a.raw"), b"")
    (tmp_path / "a.raw.gz").write_bytes(gzip.compress(RAW))
    assert np.array_equal(read_volume(path)[0].ravel(order="F"), VOXELS)


@pytest.mark.parametrize("name", ["LIST", "LIST 2", "a%03d.raw 1 4 1"])
def test_a_file_a_slice(tmp_path, name):
    for file, header in (
        ("a.mhd", META.format("").replace("LOCAL", name)),
        ("a.nhdr", NRRD.format("raw", f"data file: {name}\n")),
    ):
        with pytest.raises(RemnantError, match=r"lie in several files.*; save it as one \.(mha|nrrd) file"):
            read_header(write(tmp_path / file, header, b"a1.raw\na2.raw\n"))


def test_an_encoding_that_is_not_read(tmp_path):
    with pytest.raises(RemnantError, match="encoded in a way that is not read; save it with the encoding raw or gzip"):
        read_header(write(tmp_path / "a.nrrd", NRRD.format("hex", ""), RAW.hex().encode()))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("", "cannot be read as a volume"),
        (META.format("x" * 2**20 + " = 1\n"), "cannot be read as a volume"),
        (META.format("").replace("LOCAL\n", "LOCAL"), "cannot be read as a volume"),
        (META.format("").replace("NDims = 3", "NDims = 99999999"), "cannot be read as a volume"),
        (META.format("").replace("2 3 4", "2 3"), "cannot be read as a volume"),
        (META.format("").replace("2 3 4", "-2 3 4"), "must hold one 3D volume"),
        (META.format("").replace("2 3 4", "2 3 1e400"), "cannot be read as a volume"),
        (META.format("").replace("2 3 4", "2 3 5"), r"claims \d+ bytes, and"),
        (META.format("TransformMatrix = 1 0 0 1 0 0 0 0 1\n"), "its axes span no volume"),
        (META.format("Offset = 0 nan 0\n"), "its origin is no number"),
        (META.format("ElementSpacing = 0 1 1\n"), "voxel size of 0 x 1 x 1 mm"),
        (META.format("HeaderSize = 99999999999999999999\n"), "cut off or damaged"),
        (META.format("HeaderSize = 99999999999999999999\nCompressedData = True\n"), "cut off or damaged"),
        (META.format("HeaderSize = -1\nCompressedData = True\n"), "cut off or damaged"),
        (META.format("BinaryData = False\n"), "cut off or damaged"),
        (NRRD.format("raw", "key:=" + "x" * 2**20 + "\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "").replace("2 3 4", "2 3 9e30"), "must hold one 3D volume|cannot be read as a volume"),
        (
            NRRD.format("raw", "").replace("dimension: 3", f"dimension: {2**16}").replace("2 3 4", "2 " * 2**16),
            "cannot",
        ),
        (NRRD.format("raw", "byte skip: -7\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "byte skip: 7\n"), "claims"),
        (NRRD.format("raw", "line skip: 99999999999\n"), "cannot be read as a volume"),
        (NRRD.format("gzip", "byte skip: -1\n"), "cut off or damaged"),
        (NRRD.format("raw", "space: elsewhere\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "space: LPS\nspace directions: (1,0) (0,1) (1,1)\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "space: LPS\nspacings: 1 1 1\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "sizes: 2 3 4\n"), "cannot be read as a volume"),
        (NRRD.format("raw", "").replace("endian: little\n", ""), "cannot be read as a volume"),
        (NRRD.format("raw", "").replace("short", "block"), "cannot be read as a volume"),
    ],
    ids=count(),
)
def test_a_header_that_nobody_can_believe(tmp_path, header, said, capfd):
    with pytest.raises(RemnantError, match=said):
        read_volume(write(tmp_path / ("a.nrrd" if header.startswith("NRRD") else "a.mha"), header))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_a_small_file_that_unpacks_to_far_more_than_its_header_says(tmp_path, name):
    header = NRRD.format("gzip", "") if name == "a.nrrd" else META.format("CompressedData = True\n")
    with pytest.raises(RemnantError, match="cut off or damaged"):
        read_volume(write(tmp_path / name, header, gzip.compress(bytes(2**26))))


def test_axes_in_one_plane_are_refused_of_nifti_too(tmp_path, save_volume):
    flat = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), None)
    image.header.set_sform(flat, code=1)
    nib.save(nib.Nifti1Image(image.dataobj, None, image.header), tmp_path / "a.nii")
    with pytest.raises(RemnantError, match="its axes span no volume"):
        read_header(tmp_path / "a.nii")


def test_what_a_header_says_in_words(tmp_path):
    fields = (
        "Comment = Ada: hers\nName = Prentice\nAcquisitionDate = 20190321\nModality = MET_MOD_OTHER\nsite = A = B\n"
    )
    assert read_text_header(write(tmp_path / "a.mha", META.format(fields))).texts == {
        "Comment": "Ada: hers",
        "Name": "Prentice",
        "AcquisitionDate": "20190321",
        "site": "A = B",
    }
    fields = "content: Ada\nPatient: Prentice\nlabels: x y z\n# of 2019\nkey:1:=a: b\\nc\n"
    assert read_text_header(write(tmp_path / "a.nrrd", NRRD.format("raw", fields))).texts == {
        "content": "Ada",
        "Patient": "Prentice",
        "comment": "of 2019",
        "key:1": "a: b\nc",
    }
