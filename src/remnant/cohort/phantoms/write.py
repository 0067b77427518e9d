"""A cohort of phantoms on disk: brains and heads as BIDS, chests as PNG with a manifest."""

import contextlib
import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from PIL import Image

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import write_json, write_text
from remnant.base.processes import worker_pool
from remnant.base.progress import Task
from remnant.cohort.case import PHANTOMS
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.phantoms.chest import ChestPhantoms
from remnant.cohort.phantoms.cohort import PhantomScan
from remnant.cohort.prepare.workers import start_worker

Written = TypeVar("Written")
# The file by which a cohort says that its patients were drawn: reports say so, too.
MANIFEST = "image,label,subject_id,session_id,age,sex,finding,view"


class PhantomCohort(Protocol):
    """What can be written: `patients` people of `sessions` scans each, and what there is to say about them.

    `participant`: id (letters and digits), age and sex of one, from 0; `structures`: value, name, class of tissue5 and
    of lpba3 of each label; `title` and `readme`: the name of the data set and what its README says.
    """

    patients: int
    sessions: int

    @property
    def structures(self) -> list[tuple[int, str, str, str]]: ...
    @property
    def title(self) -> str: ...
    @property
    def readme(self) -> str: ...
    def participant(self, number: int) -> tuple[str, str, str]: ...
    def scan(self, patient: int, session_number: int) -> PhantomScan: ...


def write_bids(phantoms: PhantomCohort, out: Path, workers: int = 1, quiet: bool = False) -> None:
    """Write every scan with its label map to the new directory `out`, in `workers` processes.

    The directory appears when it is complete; the same phantoms give the same bytes whatever `workers` is.
    Raises `RemnantError` when `out` exists and is not an empty directory, or cannot be written.
    """
    with _new_directory(Path(out)) as partial:
        _write_tables(phantoms, partial)
        _write_note(partial)
        _write_patients(_write_scans, phantoms, partial, workers, quiet)


def write_manifest(phantoms: ChestPhantoms, out: Path, workers: int = 1, quiet: bool = False) -> None:
    """Write every radiograph as 8-bit PNG with manifest.csv to the new directory `out`, in `workers` processes.

    The directory appears when it is complete; the same phantoms give the same bytes whatever `workers` is.
    Raises `RemnantError` when `out` exists and is not an empty directory, or cannot be written.
    """
    with _new_directory(Path(out)) as partial:
        rows = _write_patients(_write_radiographs, phantoms, partial, workers, quiet)
        lines = [MANIFEST, *(line for lines in rows for line in lines)]
        write_text(partial / "manifest.csv", "\n".join(lines) + "\n")
        write_text(partial / "README", phantoms.readme)
        _write_note(partial)


@contextlib.contextmanager
def _new_directory(out: Path) -> Iterator[Path]:
    """A directory beside `out` that becomes `out` when all went well, and is removed otherwise."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise RemnantError(f"{out} exists and is not an empty directory; choose another or remove it first.")
    if out.resolve() == Path.cwd():
        raise RemnantError(f"{out} is the folder that the command was given in and would be replaced; name a new one.")
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.replace(out)
    except OSError as error:
        raise RemnantError(f"{out} could not be written ({error.strerror or error}); nothing was left there.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_patients(
    write: Callable[[Any, Path, int], Written], phantoms: Any, root: Path, workers: int, quiet: bool
) -> list[Written]:
    """What `write(phantoms, root, patient)` returns for every patient, in their order."""
    people = range(phantoms.patients)
    with Task("phantoms", phantoms.patients, quiet=quiet) as task:
        written = []
        if workers <= 1:
            for patient in people:
                written.append(write(phantoms, root, patient))
                task.advance()
            return written
        with worker_pool(workers, start_worker) as pool:
            try:
                for one in pool.map(write, itertools.repeat(phantoms), itertools.repeat(root), people):
                    written.append(one)
                    task.advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return written


def _write_scans(phantoms: PhantomCohort, root: Path, patient: int) -> None:
    name, _, _ = phantoms.participant(patient)
    for session in range(phantoms.sessions):
        scan = phantoms.scan(patient, session)
        subject, visit = f"sub-{name}", f"ses-{session + 1:02d}"
        stem = root / subject / visit / "anat" / f"{subject}_{visit}"
        # Whole numbers: int16 holds them all, in half the space.
        write_volume(Path(f"{stem}_T1w.nii.gz"), scan.image.astype("int16"), scan.affine)
        write_volume(Path(f"{stem}_dseg.nii.gz"), scan.labels, scan.affine)


def _write_radiographs(phantoms: ChestPhantoms, root: Path, patient: int) -> list[str]:
    """The manifest's lines of one patient."""
    lines = []
    (root / "images").mkdir(exist_ok=True)
    for session in range(phantoms.sessions):
        one = phantoms.scan(patient, session)
        name, visit = f"chest{patient + 1:05d}", f"visit{session + 1:02d}"
        path = Path("images") / f"{name}_{visit}.png"
        Image.fromarray(np.round(one.image * 255).astype(np.uint8)).save(root / path)
        lines.append(f"{path},,{name},{visit},{one.age},{one.sex},{one.finding},{one.view}")
    return lines


def _write_note(root: Path) -> None:
    write_json(
        root / PHANTOMS,
        {"phantoms": "Nobody's images: every patient here was drawn by Remnant.", "version": __version__},
    )


def _write_tables(phantoms: PhantomCohort, root: Path) -> None:
    rows = ["sub-" + "\t".join(phantoms.participant(number)) for number in range(phantoms.patients)]
    write_text(root / "participants.tsv", "\n".join(["participant_id\tage\tsex", *rows]) + "\n")
    rows = ["\t".join(map(str, structure)) for structure in phantoms.structures]
    write_text(root / "dseg.tsv", "\n".join(["index\tname\ttissue5\tlpba3", *rows]) + "\n")
    description = {
        "Name": phantoms.title,
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "Remnant", "Version": __version__}],
    }
    write_json(root / "dataset_description.json", description)
    write_text(root / "README", phantoms.readme)
