"""Files with bytes changed, cut or doubled, by the readers of strangers' files: an answer in time, or one `RemnantError`.

They are read in a process of their own, whose allocator looks for what was written past the end of a buffer: that ends no test of
itself, but any later one. `python -m tests.test_fuzz KIND FOLDER` is that process.
"""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from remnant.attacks.prior import prior_settings
from remnant.base.errors import RemnantError
from remnant.cohort.check import check_directory
from remnant.cohort.files.radiograph import read_radiograph
from remnant.cohort.files.volume import read_volume
from remnant.cohort.layouts.read import read_cohort

pytestmark = pytest.mark.slow

LONGEST_S = 20.0
MOST_MB = 2000
# Of glibc from 2.34 on; before, the allocator itself heeds the second.
CHECKED = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3"}
# Values that are special where a number is expected, and letters where a text is.
PIECES = (
    b"\xff" * 4,
    b"\0" * 4,
    b"\x7f\xff",
    b"\xff\x7f",
    b"\0\0\x80\x7f",
    b"\0\0\xc0\x7f",
    b"[[[[",
    b"{",
    b'"',
    b"\xed\xa0\x80",
    b"9" * 30,
)


def mutated(raw, rng):
    """`raw` after one to four changes of a bit, a value, a stretch that is gone or doubled, or an end that is cut off."""
    raw = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        # Headers matter most.
        place = int(rng.integers(max(1, len(raw) if rng.random() < 0.4 else min(len(raw), 600))))
        kind = rng.integers(5)
        if kind == 0 and raw:
            raw[place % len(raw)] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            piece = PIECES[rng.integers(len(PIECES))]
            raw[place : place + len(piece)] = piece
        elif kind == 2:
            del raw[place : place + int(rng.integers(1, 9))]
        elif kind == 3:
            raw[place:place] = raw[place : place + int(rng.integers(1, 200))]
        elif rng.random() < 0.3:
            del raw[place:]
    return bytes(raw)


def volumes(folder):
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, 200, (12, 10, 8)).astype(np.int16)
    for name, kind in (("a.nii", nib.Nifti1Image), ("second.nii", nib.Nifti2Image), ("pair.hdr", nib.Nifti1Pair)):
        nib.save(kind(voxels, np.eye(4)), folder / name)
    nib.save(nib.MGHImage(voxels.astype(np.float32), np.eye(4)), folder / "a.mgz")
    (folder / "a.nii.gz").write_bytes(gzip.compress((folder / "a.nii").read_bytes()))
    for name in ("a.mha", "a.nrrd"):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(folder / name), useCompression=True)


def radiographs(folder):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 4000, (24, 20)).astype(np.uint16)
    Image.fromarray((pixels // 16).astype(np.uint8)).save(folder / "a.jpg")
    Image.fromarray(pixels).save(folder / "a.png")
    for name, syntax in (("e", ExplicitVRLittleEndian), ("i", ImplicitVRLittleEndian), ("r", RLELossless)):
        header = pydicom.Dataset()
        header.file_meta = pydicom.dataset.FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if name == "i" else ExplicitVRLittleEndian
        header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
        header.PatientID, header.Modality, header.WindowCenter, header.WindowWidth = "p", "CR", 2000, 1000
        header.Rows, header.Columns = pixels.shape
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 0
        header.PixelSpacing = [0.2, 0.2]
        inner = pydicom.Dataset()
        inner.CodeValue = "1"
        header.AnatomicRegionSequence = [inner]
        header.PixelData = pixels.tobytes()
        if name == "r":
            header.compress(syntax)
        header.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    for name, compressor in (("j", "JPEG"), ("k", "JPEG2000")):
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(folder / "packed.dcm"))
        writer.UseCompressionOn()
        writer.SetCompressor(compressor)
        writer.Execute(sitk.GetImageFromArray(pixels[None]))
        packed = pydicom.dcmread(folder / "packed.dcm")
        (folder / "packed.dcm").unlink()
        header = pydicom.dcmread(folder / "e.dcm")
        header.file_meta.TransferSyntaxUID = packed.file_meta.TransferSyntaxUID
        header.PixelData, header["PixelData"].VR = packed.PixelData, "OB"
        header["PixelData"].is_undefined_length = True
        header.save_as(folder / f"{name}.dcm", enforce_file_format=True)


def tables(folder):
    names = ("image", "label", "subject_id", "session_id", "age", "sex")
    rows = [",".join(names), *(f"i{n}.nii,l{n}.nii,p{n},1,6{n},F" for n in range(4))]
    (folder / "manifest.csv").write_text("\n".join(rows))
    about = {"labels": {"background": 0, "a": 1}, "channel_names": {"0": "T1"}, "file_ending": ".nii", "numTraining": 1}
    (folder / "dataset.json").write_text(json.dumps(about))
    (folder / "settings.toml").write_text("latent = 16\nseed = 3\n[gan]\nbatch = 4\nbetas = [0.0, 0.9]\n")


def read_alone(path):
    """A table as its layout reads it, from a folder where it is alone."""
    if path.suffix == ".toml":
        return prior_settings("smoke", 16).with_toml(path)
    folder = path.parent / f"alone-{path.stem}"
    for below in ("imagesTr", "labelsTr"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    (folder / "imagesTr" / "a_0000.nii").touch()
    (folder / "labelsTr" / "a.nii").touch()
    for number in range(4):
        (folder / f"i{number}.nii").touch()
        (folder / f"l{number}.nii").touch()
    (folder / path.name).write_bytes(path.read_bytes())
    return read_cohort(folder, tell=lambda note: None)


def checked(path):
    """A radiograph as a reader and as `cohort check` sees it."""
    folder = path.parent / f"alone-{path.stem}"
    folder.mkdir(exist_ok=True)
    (folder / path.name).write_bytes(path.read_bytes())
    check_directory(folder, quiet=True)
    return read_radiograph(path)


def memory_mb(kind):
    """One of the kernel's figures of this process, such as its peak `VmHWM`; None where there are none (not Linux)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:")), None)


def peak_starts_anew():
    """Whether the peak was set back to what the process holds now; earlier tests may have held gigabytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


# How often each file is changed: about two minutes in all on one idle core. ITK's reader of MetaImage spoilt the heap at one of
# 3,500 changes.
KINDS = {
    "volumes": (volumes, read_volume, 4000),
    "radiographs": (radiographs, checked, 700),
    "tables": (tables, read_alone, 1500),
}


def fuzz(kind, folder):
    """Read every file of a kind, over and over, each time changed; its name is said before."""
    write, read, tries = KINDS[kind]
    write(folder)
    for path in sorted(folder.iterdir()):
        print(path.name, flush=True)
        sound, rng = path.read_bytes(), np.random.default_rng(sum(path.name.encode()))
        for attempt in range(tries):
            path.write_bytes(mutated(sound, rng))
            measured, before, started = peak_starts_anew(), memory_mb("VmRSS"), time.monotonic()
            try:
                read(path)
            except RemnantError as error:
                assert "\n" not in str(error)
            except Exception as error:
                raise AssertionError(f"{path.name}, change {attempt}: {type(error).__name__}") from error
            assert time.monotonic() - started < LONGEST_S, (path.name, attempt)
            if measured and before is not None:
                assert memory_mb("VmHWM") - before < MOST_MB, (path.name, attempt)
        path.write_bytes(sound)


@pytest.fixture(scope="module")
def environment():
    """That of a process with a watchful allocator, where there is one."""
    checked = {**os.environ, **CHECKED}
    said = subprocess.run([sys.executable, "-c", ""], env=checked, capture_output=True, check=True).stderr
    return dict(os.environ) if said else checked


def ended(environment, *command):
    """How a process that is to end well ends: its signal or status, what it said last, and its last error."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=Path(__file__).parents[1],
    )
    how = signal.Signals(-done.returncode).name if done.returncode < 0 else done.returncode
    return how, *((lines := text.strip().splitlines()) and lines[-1] for text in (done.stdout, done.stderr))


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_read_or_refused(tmp_path, environment, kind):
    how, name, error = ended(environment, "-m", "tests.test_fuzz", kind, str(tmp_path))
    assert how == 0, f"{how} at {tmp_path / name}: {error}"


def test_a_write_past_the_end_of_a_buffer_ends_the_process_where_it_happens(environment):
    if environment.get("LD_PRELOAD") != CHECKED["LD_PRELOAD"]:
        pytest.skip("no allocator that looks")
    spoil = "import ctypes as c; b = c.create_string_buffer(4000); c.memset(b, 1, 4040); del b; print('unseen')"
    how, said, _ = ended(environment, "-c", spoil)
    assert how == "SIGABRT" and not said


if __name__ == "__main__":
    fuzz(sys.argv[1], Path(sys.argv[2]))
