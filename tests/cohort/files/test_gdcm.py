"""Lossless JPEG and JPEG-LS, by a decoder that a damaged file may end."""

import os
import signal
import time

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames

from remnant.base.errors import RemnantError
from remnant.cohort.files import dicom, gdcm
from remnant.cohort.files.dicom import open_dicom, stored_pixels

LOSSLESS_JPEG = "1.2.840.10008.1.2.4.70"


@pytest.fixture
def lossless(tmp_path):
    """A file of lossless JPEG, its pixels (rows, columns), and `write(data)`, which puts other pixel data into it."""
    pixels = np.random.default_rng(0).integers(0, 4000, (24, 20)).astype(np.uint16)
    path = tmp_path / "a.dcm"
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.Execute(sitk.GetImageFromArray(pixels[None]))
    header = pydicom.dcmread(path)
    assert header.file_meta.TransferSyntaxUID == LOSSLESS_JPEG

    def write(data):
        header.PixelData = data
        header.save_as(path)

    return path, pixels, write


def read(path):
    return stored_pixels(path, open_dicom(path))


def test_what_was_packed_is_read_and_the_header_stays_as_it_was(lossless):
    path, pixels, _ = lossless
    header = open_dicom(path)
    packed = bytes(header.PixelData)
    assert np.array_equal(stored_pixels(path, header), pixels) and header.PixelData == packed


def test_jpeg_ls():
    files = [get_testdata_file(name, download=False) for name in ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm")]
    packed, plain = (pydicom.dcmread(file) for file in files)
    assert np.array_equal(stored_pixels("a.dcm", packed), plain.pixel_array)


@pytest.mark.parametrize("side", [(24, 21), (65535, 65535), (0, 20)])
def test_a_frame_that_claims_another_size(lossless, monkeypatch, side):
    """Before GDCM takes memory for it."""
    path, pixels, write = lossless
    monkeypatch.setattr(dicom, "decoded", lambda file: pixels[None])
    (frame,) = generate_frames(open_dicom(path).PixelData, number_of_frames=1)
    at = frame.index(b"\xff\xc3") + 5
    frame = frame[:at] + b"".join(length.to_bytes(2, "big") for length in side) + frame[at + 4 :]
    write(encapsulate([frame]))
    with pytest.raises(RemnantError, match="is damaged, or compressed in a way"):
        read(path)


def test_a_fragment_that_claims_gigabytes(lossless, monkeypatch):
    """GDCM would take them: it is handed what is there."""
    path, pixels, write = lossless
    data = bytearray(open_dicom(path).PixelData)
    # The length of the first fragment, behind an empty table of offsets.
    assert data[8:12] == b"\xfe\xff\x00\xe0"
    data[12:16] = (2**32 - 2**28).to_bytes(4, "little")
    write(bytes(data))

    def decoded(file):
        given = pydicom.dcmread(file).PixelData
        start = given.index(b"\xff\xd8") - 4
        assert int.from_bytes(given[start : start + 4], "little") < len(data)
        return pixels[None]

    monkeypatch.setattr(dicom, "decoded", decoded)
    assert np.array_equal(read(path), pixels)


def test_more_frames_than_there_are(lossless):
    path, _, _ = lossless
    header = open_dicom(path)
    header.NumberOfFrames = 2**20
    header.save_as(path)
    with pytest.raises(RemnantError, match="is damaged, or compressed in a way"):
        read(path)


def test_a_file_that_ends_its_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(gdcm, "_read", lambda file: os.kill(os.getpid(), signal.SIGKILL))
    assert not gdcm._read_apart(tmp_path / "a.dcm")
    monkeypatch.setattr(gdcm, "_read", lambda file: True)
    assert gdcm._read_apart(tmp_path / "a.dcm")


def test_a_helper_that_is_gone(lossless):
    path, pixels, _ = lossless
    read(path)
    gdcm._helper(os.getpid()).kill()
    time.sleep(0.1)
    with pytest.raises(RemnantError, match="is damaged, or compressed in a way"):
        read(path)
    assert np.array_equal(read(path), pixels)
