"""A cohort of phantoms on disk, as BIDS."""

import itertools
import os
import shutil
from pathlib import Path

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import write_json, write_text
from remnant.base.processes import worker_pool
from remnant.base.progress import Task
from remnant.cohort.nifti import write_volume
from remnant.cohort.phantoms.cohort import BrainPhantoms
from remnant.cohort.phantoms.labels import STRUCTURES
from remnant.cohort.workers import start_worker

README = """Phantom brains

{patients} people who never lived, {sessions} scan(s) each, drawn by Remnant {version} from seed {seed}.
Images are T1-like ({side} voxels a side, {skull} skull); dseg.tsv names the values of the label maps.
Age and sex change the anatomy in a known way; see remnant.cohort.phantoms.anatomy.
"""


def write_bids(phantoms: BrainPhantoms, out: Path, workers: int = 1, quiet: bool = False) -> None:
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


def _write_scans(phantoms: BrainPhantoms, root: Path, workers: int, quiet: bool) -> None:
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


def _write_patient(phantoms: BrainPhantoms, root: Path, patient: int) -> None:
    for session in range(phantoms.sessions):
        scan = phantoms.scan(patient, session)
        subject, visit = f"sub-{patient + 1:04d}", f"ses-{session + 1:02d}"
        stem = root / subject / visit / "anat" / f"{subject}_{visit}"
        # Whole numbers: int16 holds them all, in half the space.
        write_volume(Path(f"{stem}_T1w.nii.gz"), scan.image.astype("int16"), scan.affine)
        write_volume(Path(f"{stem}_dseg.nii.gz"), scan.labels, scan.affine)


def _write_tables(phantoms: BrainPhantoms, root: Path) -> None:
    people = [phantoms.patient(patient) for patient in range(phantoms.patients)]
    rows = [f"sub-{number + 1:04d}\t{person.age}\t{person.sex}" for number, person in enumerate(people)]
    write_text(root / "participants.tsv", "\n".join(["participant_id\tage\tsex", *rows]) + "\n")
    rows = ["\t".join(map(str, structure[:4])) for structure in STRUCTURES]
    write_text(root / "dseg.tsv", "\n".join(["index\tname\ttissue5\tlpba3", *rows]) + "\n")
    description = {
        "Name": "Phantom brains",
        "BIDSVersion": "1.9.0",
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "Remnant", "Version": __version__}],
    }
    write_json(root / "dataset_description.json", description)
    settings = phantoms.resolved() | {
        "version": __version__,
        "skull": "with" if phantoms.skull else "without",
    }
    write_text(root / "README", README.format(**settings))
