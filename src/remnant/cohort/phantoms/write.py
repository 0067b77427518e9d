"""A cohort of phantoms on disk, as BIDS."""

import itertools
import os
import shutil
from pathlib import Path
from typing import Protocol

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import write_json, write_text
from remnant.base.processes import worker_pool
from remnant.base.progress import Task
from remnant.cohort.nifti import write_volume
from remnant.cohort.phantoms.cohort import Scan
from remnant.cohort.workers import start_worker


class Drawn(Protocol):
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
    def scan(self, patient: int, session_number: int) -> Scan: ...


def write_bids(phantoms: Drawn, out: Path, workers: int = 1, quiet: bool = False) -> None:
    """Write every scan with its label map to the new directory `out`, in `workers` processes.

    The directory appears when it is complete; the same phantoms give the same bytes whatever `workers` is.
    Raises `RemnantError` when `out` exists and is not an empty directory, or cannot be written.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise RemnantError(f"{out} exists and is not an empty directory; choose another or remove it first.")
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        _write_tables(phantoms, partial)
        _write_scans(phantoms, partial, workers, quiet)
        partial.replace(out)
    except OSError as error:
        raise RemnantError(f"{out} could not be written ({error.strerror or error}); nothing was left there.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_scans(phantoms: Drawn, root: Path, workers: int, quiet: bool) -> None:
    people = range(phantoms.patients)
    with Task("phantoms", phantoms.patients, quiet=quiet) as task:
        if workers <= 1:
            for patient in people:
                _write_patient(phantoms, root, patient)
                task.advance()
            return
        with worker_pool(workers, start_worker) as pool:
            try:
                for _ in pool.map(_write_patient, itertools.repeat(phantoms), itertools.repeat(root), people):
                    task.advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


def _write_patient(phantoms: Drawn, root: Path, patient: int) -> None:
    name, _, _ = phantoms.participant(patient)
    for session in range(phantoms.sessions):
        scan = phantoms.scan(patient, session)
        subject, visit = f"sub-{name}", f"ses-{session + 1:02d}"
        stem = root / subject / visit / "anat" / f"{subject}_{visit}"
        # Whole numbers: int16 holds them all, in half the space.
        write_volume(Path(f"{stem}_T1w.nii.gz"), scan.image.astype("int16"), scan.affine)
        write_volume(Path(f"{stem}_dseg.nii.gz"), scan.labels, scan.affine)


def _write_tables(phantoms: Drawn, root: Path) -> None:
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
