import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from remnant.base.errors import RemnantError
from remnant.cohort.files.nifti import read_mark, write_volume
from remnant.cohort.files.volume import read_header, read_labels, read_volume, volume_files

AFFINE = np.array([[-1.5, 0, 0, 10], [0, 0, 2, -20], [0, 1, 0, 30], [0, 0, 0, 1.0]])


@pytest.fixture
def ramp():
    return np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


def test_what_is_written_is_read_with_its_affine(tmp_path, ramp):
    write_volume(tmp_path / "a.nii.gz", ramp, AFFINE)
    array, affine = read_volume(tmp_path / "a.nii.gz")
    assert np.array_equal(array, ramp) and np.allclose(affine, AFFINE)
    assert read_header(tmp_path / "a.nii.gz").spacing == pytest.approx((1.5, 1, 2))


def test_the_header_says_nothing_but_the_grid(tmp_path, ramp):
    write_volume(tmp_path / "Jane_Doe.nii.gz", ramp, AFFINE)
    header = nib.load(tmp_path / "Jane_Doe.nii.gz").header
    for name in ("descrip", "aux_file", "db_name", "intent_name"):
        assert header[name].item() == b""
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert np.allclose(header.get_qform(), AFFINE, atol=1e-5)
    raw = (tmp_path / "Jane_Doe.nii.gz").read_bytes()
    assert raw[3] == 0 and raw[4:8] == bytes(4)  # gzip: no file name, no time
    assert b"Jane" not in gzip.decompress(raw)


def test_a_volume_of_one_time_point_is_3d(tmp_path, ramp, save_volume):
    path = save_volume(tmp_path / "a.nii.gz", ramp[..., None], AFFINE)
    assert read_volume(path)[0].shape == (4, 5, 6)


def test_a_missing_file(tmp_path):
    with pytest.raises(RemnantError, match=r"a\.nii\.gz does not exist"):
        read_volume(tmp_path / "a.nii.gz")


def test_a_file_that_is_not_nifti(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"no scan at all")
    with pytest.raises(RemnantError, match="cannot be read as a volume"):
        read_volume(tmp_path / "a.nii.gz")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_that_is_cut_off(tmp_path, save_volume, name):
    noise = np.random.default_rng(0).standard_normal((20, 20, 20)).astype(np.float32)
    path = save_volume(tmp_path / name, noise, AFFINE)
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(RemnantError, match="cut off or damaged"):
        read_volume(path)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mgz", "a.hdr", "a.mha", "a.mhd", "a.nrrd", "a.nhdr"])
def test_one_bit_of_compressed_voxels_is_missed(tmp_path, name):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 200, (12, 12, 12)).astype(np.int16)
    if name == "a.mgz":
        nib.save(nib.MGHImage(noise.astype(np.float32), np.eye(4)), tmp_path / name)
    elif name in ("a.nii.gz", "a.hdr"):
        nib.save((nib.Nifti1Image if name == "a.nii.gz" else nib.Nifti1Pair)(noise, np.eye(4)), tmp_path / name)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(noise.T), str(tmp_path / name), useCompression=True)
    if name == "a.hdr":
        voxels = tmp_path / "a.img.gz"
        voxels.write_bytes(gzip.compress((tmp_path / "a.img").read_bytes()))
        (tmp_path / "a.img").unlink()
    else:
        voxels = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    assert np.array_equal(read_volume(tmp_path / name)[0], noise)
    sound = voxels.read_bytes()
    for place in rng.integers(len(sound) // 2, len(sound), 20):
        damaged = bytearray(sound)
        damaged[place] ^= 4
        voxels.write_bytes(damaged)
        with pytest.raises(RemnantError, match=r"cut off or damaged|cannot be read"):
            read_volume(tmp_path / name)
    for lost in (1, 4, 9):
        voxels.write_bytes(sound[:-lost])
        with pytest.raises(RemnantError, match=r"cut off or damaged|cannot be read"):
            read_volume(tmp_path / name)


@pytest.mark.parametrize("shape", [(1200, 1200, 1200), (1000, 1000, 1000), (32767, 32767, 2)])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd"])
def test_a_small_file_that_claims_a_large_volume(tmp_path, name, shape):
    if name == "a.nrrd":
        sides = " ".join(map(str, shape))
        raw = f"NRRD0004\ntype: float\ndimension: 3\nsizes: {sides}\nencoding: raw\nendian: little\n\n".encode()
    else:
        header = nib.Nifti1Header()
        header.set_data_dtype(np.float32)
        header["dim"] = [3, *shape, 1, 1, 1, 1]
        header["pixdim"][1:4] = 1
        header["magic"], header["vox_offset"] = b"n+1", 352
        raw = header.binaryblock
    raw += bytes(3000)
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    with pytest.raises(RemnantError, match=r"claims [\d,]+ (voxels, which no scan has|bytes, and)"):
        read_header(tmp_path / name)


@pytest.mark.parametrize("offset", [np.inf, np.nan, -5, 1e30])
def test_voxels_at_an_impossible_place(tmp_path, save_volume, ramp, offset):
    path = save_volume(tmp_path / "a.nii", ramp, AFFINE)
    raw = bytearray(path.read_bytes())
    raw[108:112] = np.float32(offset).tobytes()
    path.write_bytes(raw)
    with pytest.raises(RemnantError, match=r"cannot be read as a volume|cut off or damaged"):
        read_volume(path)


def test_a_small_file_that_unpacks_to_far_more_than_its_header_says(tmp_path, save_volume, ramp):
    path = save_volume(tmp_path / "a.nii.gz", ramp, AFFINE)
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(2**23)))
    with pytest.raises(RemnantError, match="holds far more than its header says"):
        read_volume(path)


def test_a_4d_file(tmp_path, ramp, save_volume):
    path = save_volume(tmp_path / "a.nii.gz", np.stack([ramp, ramp], axis=-1), AFFINE)
    with pytest.raises(RemnantError, match=r"must hold one 3D volume. Got 4D \(4 x 5 x 6 x 2\)"):
        read_volume(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_without_a_value(tmp_path, ramp, save_volume, value):
    ramp[1, 2, 3] = value
    with pytest.raises(RemnantError, match="holds 1 voxel that is NaN or infinite"):
        read_volume(save_volume(tmp_path / "a.nii.gz", ramp, AFFINE))


def test_a_constant_image(tmp_path, ramp, save_volume):
    with pytest.raises(RemnantError, match="holds 7 in every voxel"):
        read_volume(save_volume(tmp_path / "a.nii.gz", np.full_like(ramp, 7), AFFINE))


@pytest.mark.parametrize("size", [0.0, -1.0, 11.0])
def test_an_implausible_voxel_size(tmp_path, ramp, size, caplog):
    data = bytearray(nib.Nifti1Image(ramp, np.eye(4)).to_bytes())
    data[88:92] = np.array(size, "<f4").tobytes()  # pixdim[3]; the affine stays as it was.
    path = tmp_path / "a.nii"
    path.write_bytes(data)
    with pytest.raises(RemnantError, match=f"voxel size of 1 x 1 x {size:g} mm"):
        read_header(path)
    assert not caplog.records


@pytest.mark.parametrize("name", ["a.mgz", "a.mha", "a.mhd", "a.nrrd", "a.nhdr", "second.nii"])
def test_other_formats_lie_where_nifti_does(tmp_path, ramp, name):
    if name == "second.nii":
        nib.save(nib.Nifti2Image(ramp, AFFINE), tmp_path / name)
    elif name == "a.mgz":
        nib.save(nib.MGHImage(ramp, AFFINE), tmp_path / name)
    else:
        nib.save(nib.Nifti1Image(ramp, AFFINE), tmp_path / "a.nii")
        sitk.WriteImage(sitk.ReadImage(str(tmp_path / "a.nii")), str(tmp_path / name))
    array, affine = read_volume(tmp_path / name)
    assert np.array_equal(array, ramp) and np.allclose(affine, AFFINE, atol=1e-5)
    header = read_header(tmp_path / name)
    assert header.shape == (4, 5, 6) and header.spacing == pytest.approx((1.5, 1, 2))
    # What the cache is keyed by: the voxels, too, where they lie in a file of their own.
    assert len(volume_files(tmp_path / name)) == (2 if name in ("a.mhd", "a.nhdr") else 1)


@pytest.mark.parametrize("name", ["a.mha", "a.nrrd"])
def test_other_formats_that_are_damaged(tmp_path, ramp, name):
    (tmp_path / name).write_bytes(b"no scan at all")
    with pytest.raises(RemnantError, match="cannot be read as a volume"):
        read_header(tmp_path / name)
    sitk.WriteImage(sitk.GetImageFromArray(np.random.default_rng(0).random((20, 20, 20))), str(tmp_path / name))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:9000])
    with pytest.raises(RemnantError, match="cut off or damaged"):
        read_volume(tmp_path / name)


def test_colours(tmp_path, save_volume):
    colours = np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(RemnantError, match="holds colours"):
        read_header(save_volume(tmp_path / "a.nii.gz", colours, AFFINE))
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((6, 5, 4, 3), np.uint8), isVector=True), str(tmp_path / "a.mha"))
    with pytest.raises(RemnantError, match="holds 3 values a voxel, as of colours"):
        read_header(tmp_path / "a.mha")


def test_nan_around_the_head_is_background(tmp_path, ramp, save_volume):
    ramp += 5
    masked = ramp.copy()
    masked[0], masked[1, 2, 3:] = np.nan, np.nan
    array, _ = read_volume(save_volume(tmp_path / "a.nii.gz", masked, AFFINE))
    assert np.array_equal(array, np.where(np.isnan(masked), 0, ramp))
    array, _ = read_volume(save_volume(tmp_path / "b.nii.gz", masked - 1000, AFFINE))
    assert array[0, 0, 0] == np.nanmin(masked) - 1000


def test_a_name_that_is_not_a_volume_s(tmp_path, ramp):
    with pytest.raises(RemnantError, match=r"must end in \.nii"):
        write_volume(tmp_path / "a.png", ramp, AFFINE)
    assert not list(tmp_path.iterdir())


def test_a_mark_is_all_that_is_told_beside_the_image(tmp_path):
    array = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    write_volume(tmp_path / "a.nii.gz", array, np.eye(4), "0123456789ab")
    write_volume(tmp_path / "b.nii.gz", array, np.eye(4))
    assert read_mark(tmp_path / "a.nii.gz") == "0123456789ab" and read_mark(tmp_path / "b.nii.gz") == ""


def test_labels_are_whole_numbers_of_any_size(tmp_path, save_volume):
    atlas = np.array([0, 312782546, 312782550, 312782560] * 30, np.int32).reshape(4, 5, 6)
    labels, affine = read_labels(save_volume(tmp_path / "a.nii", atlas, AFFINE))
    assert np.array_equal(labels, atlas) and labels.dtype == np.int64 and np.allclose(affine, AFFINE)
    near = np.where(atlas > 0, [[[1.0000001, 2.9999998, 0, 1, 1, 1]]], 0)
    assert set(np.unique(read_labels(save_volume(tmp_path / "b.nii", near, AFFINE))[0])) == {0, 1, 3}


@pytest.mark.parametrize(("odd", "shown"), [(0.5, "0.5"), (np.nan, "nan"), (np.inf, "inf"), (1e300, r"1e\+300")])
def test_labels_that_are_none(tmp_path, save_volume, odd, shown):
    labels = np.zeros((4, 5, 6))
    labels[1] = 1
    labels[2, 2, 2] = odd
    with pytest.raises(
        RemnantError, match=rf"a.nii holds the label {shown}; every label must be a whole number, so resample"
    ):
        read_labels(save_volume(tmp_path / "a.nii", labels, AFFINE))


def test_one_label_everywhere(tmp_path, save_volume):
    with pytest.raises(RemnantError, match="holds 1 in every voxel; give the label map"):
        read_labels(save_volume(tmp_path / "one.nii", np.ones((4, 5, 6), np.uint8), AFFINE))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.nii", gzip.compress, "is compressed, though its name does not end in .gz; rename it to end in .nii.gz"),
        ("a.nii.gz", bytes, "is not compressed, though its name ends in .gz; rename it to end in .nii"),
        (
            "a.nii",
            lambda raw: b"/annex/objects/MD5E-s1896--0123.nii",
            r"is a pointer to a file that is not here; fetch it",
        ),
        ("a.nii.gz", lambda raw: b"version https://git-lfs.github.com/spec/v1\n", "is a pointer to a file"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(tmp_path, ramp, save_volume, name, content, said):
    raw = save_volume(tmp_path / "sound.nii", ramp, AFFINE).read_bytes()
    (tmp_path / name).write_bytes(content(raw))
    with pytest.raises(RemnantError, match=said):
        read_volume(tmp_path / name)


def test_a_header_in_metres(tmp_path):
    image = nib.Nifti1Image(np.arange(64, dtype=np.int16).reshape(4, 4, 4), np.diag([0.001, 0.001, 0.001, 1]))
    image.header.set_xyzt_units("meter")
    nib.save(image, tmp_path / "a.nii")
    with pytest.raises(
        RemnantError, match=r"0\.001 x 0\.001 x 0\.001 mm, which no scan has .*; mend the header, in millimetres"
    ):
        read_volume(tmp_path / "a.nii")
