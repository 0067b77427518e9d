import numpy as np
import pytest
import torch
from tests.radiographs import read_radiographs

from remnant.base.errors import RemnantError
from remnant.cohort.files.radiograph_image import Radiograph
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare import radiographs
from remnant.cohort.prepare.radiographs import (
    RadiographSettings,
    prepare_radiographs,
    square,
)

WHOLE = RadiographSettings(side=32, percentiles=(0, 100))


@pytest.fixture
def folder(tmp_path, save):
    rng = np.random.default_rng(0)
    rows = ["image,label,subject_id,session_id,age,sex"]
    for index in range(3):
        save(rng.integers(0, 255, (40, 50), np.uint8), f"data/{index}.png")
        rows.append(f"{index}.png,,p{index},day+0,{50 + index if index else ''},{'F' if index < 2 else ''}")
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    return tmp_path / "data"


def disc(rows, columns, radius, aspect=1.0):
    y, x = np.mgrid[:rows, :columns]
    inside = ((y - (rows - 1) / 2) * aspect) ** 2 + (x - (columns - 1) / 2) ** 2 < radius**2
    return Radiograph(np.where(inside, 1.0, 0.1).astype(np.float32), aspect=aspect)


def extents(image, level=0.55):
    return [int((image > level).any(axis=axis).sum()) for axis in (1, 0)]


def test_aspect_is_kept_and_the_rest_is_black():
    out = square(disc(100, 200, 40), WHOLE)
    assert out.shape == (32, 32) and out.dtype == np.float32
    assert (out[:8] == 0).all() and (out[24:] == 0).all() and out.min() == 0 and out.max() == 1
    height, width = extents(out)
    assert height == width == pytest.approx(80 * 32 / 200, abs=1)


def test_pixels_that_are_not_square_are_made_so():
    out = square(disc(50, 200, 80, aspect=4.0), WHOLE)
    height, width = extents(out)
    assert height == width == pytest.approx(160 * 32 / 200, abs=1)


def test_scaling_down_does_not_alias():
    stripes = np.zeros((256, 256), np.float32)
    stripes[:, ::2] = 1
    out = square(Radiograph(stripes), WHOLE)
    np.testing.assert_allclose(out[2:-2, 2:-2], 0.5, atol=0.01)


def test_small_pictures_are_enlarged():
    assert square(disc(9, 7, 3), WHOLE).shape == (32, 32)


def test_the_crop_keeps_the_middle_of_the_square():
    image = disc(100, 200, 40)
    whole = square(image, RadiographSettings(side=64, percentiles=(0, 100)))
    cropped = square(image, RadiographSettings(side=32, percentiles=(0, 100), crop=0.5))
    np.testing.assert_allclose(cropped, whole[16:48, 16:48], atol=0.12)


def test_greys_lie_between_the_percentiles_of_what_is_no_padding():
    ramp = np.tile(np.linspace(0.2, 0.6, 101, dtype=np.float32), (101, 1))
    settings = RadiographSettings(side=101, percentiles=(10, 90))
    out = square(Radiograph(ramp), settings)
    np.testing.assert_allclose(out[0, [0, 10, 50, 90, 100]], [0, 0, 0.5, 1, 1], atol=1e-4)
    padded = np.pad(ramp, ((30, 30), (0, 0)))
    middle = square(Radiograph(padded), RadiographSettings(side=161, percentiles=(10, 90)))[30:131, 30:131]
    np.testing.assert_allclose(middle[50], out[50], atol=1e-4)


def test_a_picture_of_almost_one_grey_is_not_divided_by_zero():
    pixels = np.full((40, 40), 0.5, np.float32)
    pixels[3, 4] = 0.6
    out = square(Radiograph(pixels), RadiographSettings(side=40))
    assert np.isfinite(out).all() and out[3, 4] == 1


def test_reading_twice_comes_from_the_cache(folder, tmp_path, monkeypatch):
    made = read_radiographs(folder, 16, cache=tmp_path / "cache", quiet=True)
    assert made.images.shape == (3, 1, 16, 16) and made.images.dtype == torch.float32
    assert made.patients == ("p0", "p1", "p2") and len(list((tmp_path / "cache").glob("*.npz"))) == 3

    def no(path):
        raise AssertionError("read again")

    monkeypatch.setattr("remnant.cohort.prepare.radiographs.read_radiograph", no)
    again = read_radiographs(folder, 16, cache=tmp_path / "cache", quiet=True)
    np.testing.assert_array_equal(again.images, made.images)
    # Another setting and another content are made anew.
    with pytest.raises(AssertionError, match="read again"):
        read_radiographs(folder, 17, cache=tmp_path / "cache", quiet=True)
    (folder / "1.png").write_bytes((folder / "2.png").read_bytes())
    again = read_radiographs(folder, 16, cache=tmp_path / "cache", quiet=True)
    np.testing.assert_array_equal(again.images[1], made.images[2])


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(radiographs, "A_WORKER", 1)
    one = read_radiographs(folder, 16, cache=tmp_path / "one", quiet=True)
    two = read_radiographs(folder, 16, cache=tmp_path / "two", workers=2, quiet=True)
    np.testing.assert_array_equal(one.images, two.images)


def test_for_few_radiographs_no_process_is_started(folder, tmp_path, monkeypatch):
    monkeypatch.delattr("remnant.cohort.prepare.workers.worker_pool")
    assert len(read_radiographs(folder, 16, cache=tmp_path, workers=8, quiet=True)) <= radiographs.A_WORKER


def test_the_cache_s_files_are_announced_before_they_are_made(folder, tmp_path):
    (folder / "2.png").write_text("no picture")
    announced = []
    with pytest.raises(RemnantError, match=r"2.png is no PNG"):
        read_radiographs(folder, 16, cache=tmp_path / "cache", quiet=True, announce=announced.extend)
    assert len(announced) == 3


def test_bad_settings_and_an_empty_cohort(folder, tmp_path):
    for values in ({"side": 4}, {"side": 16, "crop": 0.0}, {"side": 16, "percentiles": (90, 10)}):
        with pytest.raises(RemnantError):
            RadiographSettings.checked(**values)
    with pytest.raises(RemnantError, match="has no cases"):
        prepare_radiographs(read_cohort(folder).of(["nobody"]), WHOLE, cache=tmp_path / "cache")


def test_greys_as_the_file_has_them():
    pixels = np.linspace(0.2, 0.6, 64 * 64, dtype=np.float32).reshape(64, 64)
    kept = square(Radiograph(pixels), RadiographSettings(side=64, percentiles=None))
    np.testing.assert_allclose(kept, pixels, atol=1e-6)
    assert square(Radiograph(pixels), RadiographSettings(side=64)).max() == 1


def test_a_patient_is_never_taken_for_another_s_case(folder, tmp_path):
    rows = ["image,label,subject_id,session_id,age,sex", "0.png,,P1,1,50,F", "1.png,,P1_1,1,50,F", "2.png,,P1,1_1,50,F"]
    (folder / "manifest.csv").write_text("\n".join(rows))
    made = read_radiographs(folder, 16, cache=tmp_path / "cache", quiet=True)
    ids = [case.case_id for case in read_cohort(folder).cases]
    assert len(set(ids)) == 3 and not set(ids) & set(made.patients)
    assert torch.equal(made.of(["P1_1"]).images, made.images[[1]])
    assert torch.equal(made.of(["P1"]).images, made.images[[0, 2]])
