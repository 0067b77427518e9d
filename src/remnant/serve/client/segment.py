"""One scan segmented by a server: encoded here, its code sent, the answer brought back onto the scan's own voxels."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.files import write_json
from remnant.base.progress import Task
from remnant.base.provenance import sha256
from remnant.base.texts import short
from remnant.cohort.files.nifti import write_volume
from remnant.cohort.files.series import is_series
from remnant.defenses.privacynet.deploy import Ticket
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.connection import ServerError
from remnant.serve.client.encode import SentCode, encoded
from remnant.serve.client.remote import Remote, Segmented
from remnant.serve.client.series import Series, read_series
from remnant.serve.protocol import Metadata

LABELS, SEG, MANIFEST = "labels.nii.gz", "segmentation.dcm", "manifest.json"
STEPS = 4


def segment_scan(
    scan: Path,
    out: Path,
    client: Client,
    remote: Remote,
    model: str,
    *,
    measured: str = "",
    quiet: bool = False,
    key: str = "",
    edition: int = 1,
) -> dict[str, Any]:
    """Segment `scan`, a volume or a DICOM series, into the new or empty folder `out`; return what its manifest says.

    Written are the label map as NIfTI on the scan's grid and, of a DICOM series, a DICOM SEG: all of them or, on any error,
    nothing. `measured` is what is known of the encoder's codes. Of one `key` the SEG has the same identifiers each time; its
    description tells the `edition` but the first.

    Raises `RemnantError` for a scan that is unfit, before anything is sent, `ServerError` for a model of another encoder and as
    `Remote` does.
    """
    scan, out, started = Path(scan), Path(out), time.monotonic()
    require_room(out)
    with Task("segmenting", STEPS, quiet=quiet) as task:
        series = read_series(scan) if is_series(scan) else None
        described = remote.describe(model)
        if described.mark != client.mark:
            raise ServerError(
                f"The model {model} of {remote.url} was trained with the encoder {short(described.mark)}, and this one is "
                f"{client.mark}; give the encoder of the same training, or another --model."
            )
        task.advance("read")
        out.parent.mkdir(parents=True, exist_ok=True)
        # In the end it becomes `out` as a whole; what lies in it meanwhile is the patient's.
        with tempfile.TemporaryDirectory(prefix=".tmp-", dir=out.parent) as name:
            folder = Path(name) / "made"
            folder.mkdir(mode=0o700)
            sent = encoded(client, scan, folder)
            task.advance("encoded")
            found = remote.segment(described, sent.code)
            task.advance("answered")
            labels = sent.ticket.undo(torch.from_numpy(found.maps.astype(np.float32)))
            _write(folder, labels, sent.ticket, series, described, found, key, edition)
            manifest = _manifest(folder, labels, sent, series, described, found, remote.url, measured)
            manifest["seconds"] = round(time.monotonic() - started, 2)
            write_json(folder / MANIFEST, manifest)
            _publish(folder, out)
        task.advance("written")
    return manifest


def require_room(out: Path) -> None:
    """Raise `RemnantError` unless `out` is new or an empty folder."""
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise RemnantError(f"{out} exists already and is no empty folder; give another name.")


def _write(
    folder: Path,
    labels: np.ndarray,
    ticket: Ticket,
    series: Series | None,
    described: Metadata,
    found: Segmented,
    key: str,
    edition: int,
) -> None:
    write_volume(folder / LABELS, labels, ticket.placing.affine, geometry=ticket.placing.geometry)
    if series is not None:
        from remnant.serve.client.seg import write_segmentation

        version = f"{described.name} {found.version}"
        write_segmentation(folder / SEG, labels, described.classes, series, described.mark, version, key, edition)


def _manifest(
    folder: Path,
    labels: np.ndarray,
    sent: SentCode,
    series: Series | None,
    described: Metadata,
    found: Segmented,
    url: str,
    measured: str,
) -> dict[str, Any]:
    """What was done, without a word of the patient's."""
    voxel_ml = float(abs(np.linalg.det(sent.ticket.placing.affine[:3, :3]))) / 1000
    return {
        "remnant": __version__,
        "input": "volume" if series is None else "enhanced DICOM" if series.enhanced else "DICOM series",
        "encoder": described.mark,
        "server": url,
        "model": described.name,
        "version": found.version,
        "request": found.request,
        "bytes_sent": found.sent,
        "bytes_received": found.received,
        "ml": _volumes(labels, described.classes, voxel_ml),
        "measured": measured,
        "notes": list(sent.notes),
        "sha256": {path.name: sha256(path) for path in sorted(folder.iterdir())},
    }


def _volumes(labels: np.ndarray, classes: Sequence[str], voxel_ml: float) -> dict[str, float]:
    """How much of each class there is but the background, in ml."""
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    return {name: round(float(counts[index]) * voxel_ml, 3) for index, name in enumerate(classes) if index}


def _publish(folder: Path, out: Path) -> None:
    """`folder` becomes `out`, durable before it is visible."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    folder.rename(out)
