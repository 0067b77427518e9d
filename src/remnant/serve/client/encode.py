"""One scan encoded at the client, tilted though its axes be: what leaves the house, and what brings the answer back."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.cohort.files.volume import read_header
from remnant.cohort.prepare.placing import Placing
from remnant.cohort.prepare.space import geometry_of
from remnant.defenses.privacynet.deploy import Ticket, encode_scan
from remnant.defenses.privacynet.networks import Client
from remnant.serve.client.tilt import straight, tilt_degrees


@dataclass(frozen=True)
class SentCode:
    """What is known of a code at the client: `notes` are for whoever reads the result."""

    code: np.ndarray
    ticket: Ticket
    notes: tuple[str, ...]


def encoded(client: Client, scan: Path, folder: Path) -> SentCode:
    """The code of a scan, float16 (1, x, y, z), and what brings labels back onto its own voxels, tilted though they be.

    Raises `RemnantError` as `encode_scan` does; `folder` is for what is needed meanwhile.
    """
    with straight(scan, folder) as other:
        if other is None:
            code, ticket = encode_scan(client, scan)
            return SentCode(code[None].astype(np.float16), ticket, ())
        header = read_header(scan)
        note = f"its axes are {tilt_degrees(header.affine):.1f} degrees off square, as of a tilted gantry, and it was resampled"
        say(f"remnant: {scan}: {note} for the encoder; the label map lies on the scan's own slices.")
        try:
            code, ticket = encode_scan(client, other.path)
        except RemnantError as error:
            raise RemnantError(str(error).replace(str(other.path), str(scan))) from None
    placing = Placing(ticket.placing.matrix @ other.back, header.shape, header.affine, geometry_of(scan))
    return SentCode(code[None].astype(np.float16), replace(ticket, placing=placing), (f"Of the scan, {note}.",))
