import logging
import warnings
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_windowing
from pydicom.uid import HTJ2KLossless, generate_uid

from remnant.base.errors import RemnantError
from remnant.cohort.files.radiograph import read_radiograph

STORED = np.arange(12 * 16, dtype=np.uint16).reshape(12, 16) * 20 + 100


def test_without_a_window_the_range_of_values_is_shown(dicom):
    np.testing.assert_allclose(read_radiograph(dicom(STORED)).pixels, (STORED - 100) / (191 * 20), atol=1e-6)


def test_monochrome1_is_the_negative(dicom):
    plain = read_radiograph(dicom(STORED)).pixels
    negative = read_radiograph(dicom(STORED, PhotometricInterpretation="MONOCHROME1")).pixels
    np.testing.assert_allclose(negative, 1 - plain, atol=1e-6)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.5, -300), (2, 40)])
def test_windows_as_pydicom_applies_them(dicom, function, slope, intercept):
    path = dicom(
        STORED,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=900 * slope + intercept,
        WindowWidth=700,
        VOILUTFunction=function,
    )
    header = pydicom.dcmread(path)
    values = apply_windowing(apply_modality_lut(header.pixel_array, header), header)
    low, high = intercept, (2**16 - 1) * slope + intercept
    np.testing.assert_allclose(read_radiograph(path).pixels, (values - low) / (high - low), atol=1e-6)


def test_the_first_of_several_windows(dicom):
    one = read_radiograph(dicom(STORED, "a.dcm", WindowCenter=900, WindowWidth=700)).pixels
    both = read_radiograph(dicom(STORED, "b.dcm", WindowCenter=[900, 2000], WindowWidth=[700, 10])).pixels
    np.testing.assert_array_equal(one, both)


def test_a_window_of_no_width_and_the_narrowest(dicom):
    plain = read_radiograph(dicom(STORED)).pixels
    np.testing.assert_allclose(read_radiograph(dicom(STORED, WindowCenter=900, WindowWidth=0)).pixels, plain)
    step = read_radiograph(dicom(STORED, WindowCenter=900.5, WindowWidth=1)).pixels
    np.testing.assert_array_equal(step, STORED > 900)


def test_a_table_in_place_of_a_window(dicom):
    item = pydicom.Dataset()
    item.LUTDescriptor = [4, 100, 10]
    item.add_new("LUTData", "US", [0, 512, 1023, 256])
    stored = np.tile(np.uint16([90, 100, 101, 102, 103, 900]), (4, 1))
    path = dicom(stored, VOILUTSequence=[item], WindowCenter=100, WindowWidth=3)
    np.testing.assert_allclose(read_radiograph(path).pixels[0], np.array([0, 0, 512, 1023, 256, 256]) / 1023, atol=1e-6)


def test_signed_values_and_fewer_bits_than_allocated(dicom):
    signed = np.tile(np.int16([-500, 0, 250, 500]), (4, 1))
    np.testing.assert_allclose(read_radiograph(dicom(signed)).pixels[0], [0, 0.5, 0.75, 1])
    twelve = np.tile(np.uint16([0, 1024, 4095]), (4, 1))
    pixels = read_radiograph(dicom(twelve, BitsStored=12, HighBit=11)).pixels[0]
    np.testing.assert_allclose(pixels, np.array([0, 1024, 4095]) / 4095, atol=1e-6)
    eight = np.tile(np.uint8([0, 51, 255, 255]), (4, 1))
    np.testing.assert_allclose(read_radiograph(dicom(eight)).pixels[0], [0, 0.2, 1, 1], atol=1e-6)


@pytest.mark.parametrize("colours", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_no_part_of_the_range(dicom, colours):
    stored = np.tile(np.uint16([4095, 4094, 200, 300, 400]), (4, 1))
    pixels = read_radiograph(
        dicom(stored, PixelPaddingValue=4095, PixelPaddingRangeLimit=4094, PhotometricInterpretation=colours)
    ).pixels[0]
    inside = [0, 0.5, 1] if colours == "MONOCHROME2" else [1, 0.5, 0]
    np.testing.assert_allclose(pixels, [0, 0, *inside], atol=1e-6)


def test_padding_is_meant_before_rescaling(dicom):
    stored = np.tile(np.uint16([0, 100, 200]), (4, 1))
    pixels = read_radiograph(dicom(stored, PixelPaddingValue=0, RescaleSlope=1, RescaleIntercept=-100)).pixels[0]
    np.testing.assert_allclose(pixels, [0, 0, 1])


def test_spacing_and_aspect(dicom):
    one = read_radiograph(dicom(STORED, PixelSpacing=[0.4, 0.2], ImagerPixelSpacing=[1, 1]))
    assert (one.spacing, one.aspect) == ((0.4, 0.2), 2.0)
    one = read_radiograph(dicom(STORED, ImagerPixelSpacing=[0.1, 0.1]))
    assert (one.spacing, one.aspect) == ((0.1, 0.1), 1.0)
    one = read_radiograph(dicom(STORED, PixelAspectRatio=[3, 1]))
    assert (one.spacing, one.aspect) == (None, 3.0)


def test_what_is_no_radiograph(dicom):
    for elements, message in (
        ({"Modality": "CT"}, r"is no radiograph \(modality CT\)"),
        ({"NumberOfFrames": 2, "PixelData": STORED.tobytes() * 2}, "holds 2 frames"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "is in colour"),
        ({"Rows": 1}, "16 x 1 pixels"),
        ({"PixelData": STORED.tobytes()[:100]}, "is cut off or damaged"),
        ({"RescaleSlope": 1, "RescaleIntercept": None}, "does not say how its pixels are shown"),
    ):
        with pytest.raises(RemnantError, match=message):
            read_radiograph(dicom(STORED, **elements))
    colour = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(RemnantError, match="is in colour; a radiograph is MONOCHROME1"):
        read_radiograph(dicom(colour, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0))


def test_without_pixels_and_without_a_description(dicom, tmp_path):
    header = pydicom.dcmread(dicom(STORED))
    del header.Columns
    header.save_as(tmp_path / "b.dcm")
    with pytest.raises(RemnantError, match="does not describe its pixels"):
        read_radiograph(tmp_path / "b.dcm")
    del header.PixelData
    header.save_as(tmp_path / "c.dcm")
    with pytest.raises(RemnantError, match="holds no pixels"):
        read_radiograph(tmp_path / "c.dcm")


def test_a_compression_that_is_not_installed_is_named(dicom, tmp_path):
    header = pydicom.dcmread(dicom(STORED))
    header.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xf7" + b"\0" * 60])
    header["PixelData"].VR = "OB"
    header.file_meta.TransferSyntaxUID = HTJ2KLossless
    header.save_as(tmp_path / "b.dcm")
    with pytest.raises(RemnantError, match=r"compressed in a way \(High-Throughput .*; decompress it"):
        read_radiograph(tmp_path / "b.dcm")


def test_garbage_behind_a_dicom_preamble(tmp_path):
    (tmp_path / "a").write_bytes(b"\0" * 128 + b"DICM" + b"\x99" * 400)
    with pytest.raises(RemnantError, match=r"cannot be read as DICOM|is no radiograph|holds no pixels"):
        read_radiograph(tmp_path / "a")
    (tmp_path / "b.dcm").write_text("not DICOM at all")
    with pytest.raises(RemnantError, match=r"b.dcm (cannot be read as DICOM|holds no pixels)"):
        read_radiograph(tmp_path / "b.dcm")


def test_no_text_of_the_header_gets_out(dicom, capfd, caplog):
    """Every way in which pydicom would quote a value: invalid values, wrong counts, unknown character sets."""
    caplog.set_level(logging.DEBUG, logger="pydicom")
    name = "MUSTERMANN ERIKA"
    bad = {
        "StudyInstanceUID": generate_uid(),
        "PatientAge": "061Y",
        "SpecificCharacterSet": "ISO_IR 6",
        "WindowCenter": 5.25,
        "WindowWidth": 300,
    }
    path = dicom(STORED, **bad)
    data = path.read_bytes()
    spoilt = [
        data,
        data.replace(b"061Y", b"ERIK"),
        data.replace(b"ISO_IR 6", b"MUSTERMA"),
        data.replace(b"MONOCHROME2", b"ERIKA MUSTE"),
        data.replace(b"5.25", b"ERIK"),
        data.replace(bad["StudyInstanceUID"].encode()[:16], b"MUSTERMANN ERIKA"),
        data[: len(data) - 200],
    ]
    assert [i for i, one in enumerate(spoilt) if one == data] == [0]
    said = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for one in spoilt:
            path.write_bytes(one)
            try:
                read_radiograph(path)
            except RemnantError as error:
                said += [str(error), repr(error.__cause__)]
                assert error.__suppress_context__ or error.__context__ is None
    said += [str(one.message) for one in caught] + [*capfd.readouterr(), caplog.text]
    assert said and not any(part in text.upper() for text in said for part in ("ERIK", "MUSTERMA", *name.split()))


def deflated(path, extra=b""):
    """The file once more in the deflated syntax (PS3.5 A.5), with `extra` behind its data set."""
    raw = path.read_bytes()
    start = raw.index(b"\x08\x00\x16\x00")
    meta = raw[:start].replace(b"\x14\x001.2.840.10008.1.2.1\0", b"\x16\x001.2.840.10008.1.2.1.99")
    meta = meta[:140] + (len(meta) - 144).to_bytes(4, "little") + meta[144:]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    path.write_bytes(meta + packer.compress(raw[start:] + extra) + packer.flush())
    return path


def test_a_deflated_file(dicom):
    plain = read_radiograph(dicom(STORED, "plain.dcm")).pixels
    np.testing.assert_array_equal(read_radiograph(deflated(dicom(STORED))).pixels, plain)


def test_a_small_deflated_file_that_unpacks_to_more_than_any_radiograph(dicom):
    path = deflated(dicom(STORED), bytes(2**28))
    assert path.stat().st_size < 2**19
    with pytest.raises(RemnantError, match="cannot be read as DICOM"):
        read_radiograph(path)
