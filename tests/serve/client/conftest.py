"""Phantoms as DICOM series, the way scanners write them, and a server that a test plays."""

import functools
import hashlib
import shutil
from pathlib import Path

import httpx
import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from tests.serve.client.played import CLASSES, GRID, SECRETS, Played, by_brightness
from tests.serve.processes import Process

from remnant.base.seeds import Seeds
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.placing import place_scan
from remnant.cohort.prepare.rigid import register
from remnant.defenses.privacynet.networks import Networks, save_pair
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.serve.client.remote import Remote

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"


POSES = {}  # of heads that this process registered: a hundred scans here are of the same few


@pytest.fixture(scope="module", autouse=True)
def registered_once():
    def once(fixed, moving, grid):
        key = grid, *(hashlib.sha256(image.tobytes()).digest() for image in (fixed, moving))
        if key not in POSES:
            POSES[key] = register(fixed, moving, grid)
        return POSES[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("remnant.cohort.prepare.placing.register", once)
        yield


def mr_slice(plane, place, number, series, study, frame):
    """A header with pixels of one slice (rows, columns) of an MR series, complete by the standard."""
    header = pydicom.Dataset()
    header.file_meta = pydicom.dataset.FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID = MR
    header.SOPInstanceUID = header.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    header.StudyInstanceUID, header.SeriesInstanceUID, header.FrameOfReferenceUID = study, series, frame
    for keyword, value in SECRETS.items():
        setattr(header, keyword, value)
    header.Modality, header.ImageType = "MR", ["ORIGINAL", "PRIMARY", "M"]
    header.SpecificCharacterSet = "ISO_IR 100"
    header.SeriesNumber, header.AcquisitionNumber, header.InstanceNumber = 4, 1, number + 1
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "GR", "SP", ""
    header.MRAcquisitionType, header.EchoTrainLength, header.EchoTime, header.RepetitionTime = "3D", 1, 2.98, 2300.0
    header.PositionReferenceIndicator, header.PatientPosition, header.Laterality = "", "HFS", ""
    header.ImageOrientationPatient, header.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [float(v) for v in place]
    header.Rows, header.Columns = plane.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 0
    header.PixelData = np.ascontiguousarray(plane.astype(np.uint16)).tobytes()
    return header


@pytest.fixture
def write_dicom(tmp_path):
    """`write_dicom(image, spacing, change, folder, step)`: an image (x, y, z) whose axes point left, to the back and up as one
    MR series, its files named otherwise than ordered; `change(header, number)` before each is written, which may return False
    to leave it out; `step` (3,) mm from a slice to the next in LPS. The folder.
    """

    def write(image, spacing=(3.0, 3.0, 4.0), change=None, folder="zq-scan", step=None) -> Path:
        out = tmp_path / folder
        out.mkdir(parents=True, exist_ok=True)
        study, series, frame = generate_uid(), generate_uid(), generate_uid()
        step = np.array([0, 0, spacing[2]] if step is None else step, float)
        for number in range(image.shape[2]):
            place = np.array([-40.0, -45.0, -35.0]) + number * step
            header = mr_slice(image[:, :, number].T, place, number, series, study, frame)
            header.PixelSpacing, header.SliceThickness = [spacing[1], spacing[0]], spacing[2]
            if change is None or change(header, number) is not False:
                header.save_as(out / f"zqfile{(7 * number) % image.shape[2]:03d}.dcm", enforce_file_format=True)
        return out

    return write


def drawn(shape, affine):
    """A head that any slices may see, uint16: an egg of tissue with two unlike balls in it, places in mm, RAS."""
    at = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]

    def blob(middle, radii):
        return 1 / (1 + np.exp(30 * (np.linalg.norm((at - middle) / radii, axis=-1) - 1)))

    head = blob((0, 0, 0), (58, 72, 54))
    return (
        700 * head * (1 + 0.5 * blob((20, 25, 15), (18, 22, 16)) - 0.4 * blob((-20, -20, -10), (20, 25, 18)))
    ).astype("u2")


@pytest.fixture
def head(write_dicom):
    """`head(step, folder, change)`: the drawn head as a series of slices of 4 mm by 4 mm, `step` (3,) mm apart in LPS."""

    def make(step=(0.0, 0.0, 4.0), folder="zq-head", change=None):
        count = round(160 / step[2])
        first = np.array([-78.0, -78.0, -80.0]) - np.array([0, step[1], 0]) * (count - 1) / 2
        affine = np.eye(4)
        affine[:3] = np.column_stack([[-4, 0, 0], [0, -4, 0], np.array(step) * [-1, -1, 1], first * [-1, -1, 1]])

        def place(header, n):
            header.ImagePositionPatient = [float(value) for value in first + n * np.array(step)]
            return change(header, n) if change else None

        return write_dicom(drawn((40, 40, count), affine), (4.0, 4.0, 4.0), place, folder)

    return make


@pytest.fixture(scope="session")
def block():
    """uint16 (x, y, z) of three unlike sides, no voxel as its neighbour."""
    return np.random.default_rng(4).integers(1, 900, (12, 15, 9)).astype(np.uint16)


@pytest.fixture(scope="session")
def labelled():
    """uint8 (12, 15, 9) with the labels 0, 1 and 3 of four classes, some slices without any."""
    labels = np.zeros((12, 15, 9), np.uint8)
    labels[2:7, 3:9, 1:6], labels[5:10, 8:14, 4:8] = 1, 3
    return labels


@pytest.fixture
def as_enhanced():
    """`as_enhanced(folder)`: the slices of a folder as one enhanced MR file of several frames, in an order of its own."""

    def convert(folder: Path) -> Path:
        slices = sorted((pydicom.dcmread(file) for file in folder.iterdir()), key=lambda one: one.InstanceNumber)
        order = np.random.default_rng(0).permutation(len(slices))
        made = pydicom.dcmread(next(iter(folder.iterdir())))
        made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
        made.NumberOfFrames, made.ImageType = len(slices), ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
        made.PixelData = b"".join(slices[i].PixelData for i in order)
        shared = pydicom.Dataset()
        shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [pydicom.Dataset()], [pydicom.Dataset()]
        shared.PlaneOrientationSequence[0].ImageOrientationPatient = made.ImageOrientationPatient
        shared.PixelMeasuresSequence[0].PixelSpacing = made.PixelSpacing
        shared.PixelMeasuresSequence[0].SliceThickness = made.SliceThickness
        made.SharedFunctionalGroupsSequence, frames = [shared], []
        for i in order:
            frame = pydicom.Dataset()
            frame.PlanePositionSequence, frame.FrameContentSequence = [pydicom.Dataset()], [pydicom.Dataset()]
            frame.PlanePositionSequence[0].ImagePositionPatient = slices[i].ImagePositionPatient
            frame.FrameContentSequence[0].DimensionIndexValues = [int(i) + 1]
            frames.append(frame)
        made.PerFrameFunctionalGroupsSequence = frames
        for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness"):
            delattr(made, keyword)
        shutil.rmtree(folder)
        folder.mkdir()
        made.save_as(folder / "all.dcm", enforce_file_format=True)
        return folder

    return convert


@pytest.fixture(scope="session")
def scans(tmp_path_factory):
    """Two NIfTI files of two people, unlike in shape, spacing and place."""
    folder, files = tmp_path_factory.mktemp("scans"), []
    for number, side in ((0, 32), (1, 40)):
        scan = BrainPhantoms(patients=2, side=side, seed=3).scan(number)
        affine = scan.affine.copy()
        affine[:3, 3] += [3.25, -7.5, 11.75 * number]
        files.append(folder / f"zqperson{number}.nii.gz")
        nib.save(nib.Nifti1Image(scan.image, affine), files[-1])
    return files


@pytest.fixture(scope="session")
def pair(scans, tmp_path_factory):
    """`pair(method)`: a folder of an untrained encoder and segmenter, with the first scan as the template."""

    def make(method="encoder"):
        folder = tmp_path_factory.mktemp(method)
        settings = privacynet_preset("smoke").changed(method=method)
        template, _ = place_scan(scans[0], GRID, settings.preparation)
        networks = Networks.untrained(settings, len(CLASSES), Seeds(1))
        save_pair(folder, networks, settings, GRID, CLASSES, 0.7, torch.from_numpy(template))
        return folder

    return functools.cache(make)


@pytest.fixture
def serving(pair):
    """`remnant serve` of the pair, as a process."""
    server = Process(pair())
    yield server
    server.kill()


@pytest.fixture
def play():
    """`play(mark, maps)`: a `Played` server and a `Remote` that talks to it, whose pauses are in `server.pauses`."""

    def make(mark, maps=by_brightness, token="tok_zq"):
        server = Played(mark, maps)
        server.pauses, server.told = [], []
        transport = httpx.MockTransport(server)
        remote = Remote(
            "http://127.0.0.1:1", token, transport=transport, wait=server.pauses.append, tell=server.told.append
        )
        return server, remote

    return make
