import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from remnant.base.errors import RemnantError
from remnant.cohort.files.radiograph import read_radiograph


def test_eight_bits_grey_palette_colour_and_jpeg_are_one_picture(ramp, save):
    expected = ramp / np.float32(255)
    for mode, name in ((None, "l.png"), ("RGB", "rgb.png"), ("P", "p.png"), ("LA", "la.png"), ("RGBA", "rgba.png")):
        pixels = read_radiograph(save(ramp, name, mode)).pixels
        assert pixels.dtype == np.float32 and pixels.shape == (12, 16)
        np.testing.assert_allclose(pixels, expected, atol=1e-6, err_msg=name)
    for mode in (None, "RGB", "CMYK"):
        pixels = read_radiograph(save(ramp, f"{mode}.jpg", mode, quality=95)).pixels
        np.testing.assert_allclose(pixels, expected, atol=0.02, err_msg=str(mode))


def test_sixteen_bits_keep_their_levels(save):
    deep = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 300
    np.testing.assert_allclose(read_radiograph(save(deep)).pixels, deep / 65535, atol=1e-7)


def test_one_bit(save, ramp):
    assert set(np.unique(read_radiograph(save(ramp > 128)).pixels)) == {0, 1}


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_transparent_lies_on_black(tmp_path, ramp, mode):
    image = Image.fromarray(np.full_like(ramp, 200)).convert(mode)
    image.putalpha(Image.fromarray(np.where(ramp > 128, 255, 0).astype(np.uint8)))
    image.save(tmp_path / "a.png")
    pixels = read_radiograph(tmp_path / "a.png").pixels
    np.testing.assert_allclose(pixels, np.where(ramp > 128, 200 / 255, 0), atol=1e-6)


def test_a_transparent_palette_entry_is_black(tmp_path):
    image = Image.fromarray(np.tile(np.uint8([0, 1, 2]), (4, 1)), mode=None).convert("L")
    image.putpalette([250, 250, 250, 90, 90, 90, 10, 10, 10])
    image.save(tmp_path / "a.png", transparency=0)
    np.testing.assert_allclose(read_radiograph(tmp_path / "a.png").pixels[0] * 255, [0, 90, 10], atol=1e-3)


def test_a_turned_photograph_is_turned_back(tmp_path, ramp):
    image = Image.fromarray(ramp)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned clockwise for display
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_radiograph(tmp_path / "a.jpg").pixels.shape == (16, 12)


def test_real_colour_is_refused_and_jpeg_s_own_tint_is_not(ramp, save):
    red = np.stack([ramp, ramp // 2, ramp // 2], -1)
    for name in ("a.png", "a.jpg"):
        with pytest.raises(RemnantError, match=r"is in colour \(\d+% of its pixels\)"):
            read_radiograph(save(red, name))
    tinted = np.stack([ramp, np.maximum(ramp, 8) - 8, ramp], -1)
    assert read_radiograph(save(tinted)).pixels.shape == ramp.shape


@pytest.mark.parametrize(("name", "cut"), [("a.png", 60), ("a.jpg", 300), ("b.png", 20), ("b.jpg", 5)])
def test_a_file_cut_off(ramp, save, name, cut):
    path = save(ramp, name)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RemnantError, match="is cut off or damaged"):
        read_radiograph(path)


def test_a_damaged_file(ramp, save):
    path = save(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8] = b"\0" * 8
    path.write_bytes(data)
    with pytest.raises(RemnantError, match="is cut off or damaged"):
        read_radiograph(path)


def test_other_files(tmp_path, save, ramp):
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(RemnantError, match=r"notes.png is no PNG, JPEG or DICOM"):
        read_radiograph(tmp_path / "notes.png")
    with pytest.raises(RemnantError, match="cannot be opened"):
        read_radiograph(tmp_path / "nowhere.png")
    with pytest.raises(RemnantError, match="is no PNG, JPEG or DICOM"):
        read_radiograph(save(ramp, "a.bmp"))
    with pytest.raises(RemnantError, match="one grey in every pixel"):
        read_radiograph(save(np.full((8, 8), 9, np.uint8)))
    with pytest.raises(RemnantError, match="1 x 12 pixels, which no radiograph has"):
        read_radiograph(save(ramp[:, :1]))
    frames = [Image.fromarray(ramp), Image.fromarray(ramp[::-1] // 2)]
    frames[0].save(tmp_path / "film.png", save_all=True, append_images=frames[1:])
    with pytest.raises(RemnantError, match="holds 2 frames"):
        read_radiograph(tmp_path / "film.png")


def test_a_bomb_is_refused_before_it_is_unpacked(save, ramp):
    path = save(ramp)
    for side in (12_000, 60_000):
        data = bytearray(path.read_bytes())
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        path.write_bytes(data)
        with pytest.raises(RemnantError, match=r"no radiograph has|than any radiograph has"):
            read_radiograph(path)
