"""Privacy-Net at work: a scan becomes a code at the client, a code becomes a label map at the server."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.base.progress import say
from remnant.cohort.case import Case, LabelScheme
from remnant.cohort.files.nifti import read_mark, write_volume
from remnant.cohort.files.volume import read_volume
from remnant.cohort.prepare.placing import Placing, place_case, place_scan
from remnant.cohort.prepare.space import PLACING_FIELDS, WORDS, sides_of
from remnant.defenses.privacynet.blurring import blurred
from remnant.defenses.privacynet.concealing import Drawn, concealed, concealed_labels, draw_from, drawn_of, recovered
from remnant.defenses.privacynet.mixing import References
from remnant.defenses.privacynet.networks import Client, Server
from remnant.engine.stitch import stitched
from remnant.measure.correlation import ncc_matrix

# Below the training scan that is least like the template, a head may be by this much: people vary.
MARGIN = 0.1
# Letters of nibabel's for where an axis points.
POINTS = {"L": "left", "R": "right", "A": "to the front", "P": "to the back", "S": "up", "I": "down"}


@dataclass(frozen=True)
class Ticket:
    """What stays at the client when a code leaves: where the scan lies on the grid, which encoder made the code, and what was
    done to the scan by a secret, if anything was.
    """

    placing: Placing
    mark: str
    secret: Drawn | None

    def undo(self, maps: torch.Tensor) -> np.ndarray:
        """Maps of classes (c, x, y, z), such as their logits, that a server made of the code: a label map uint8 (x, y, z) on
        the scan's own voxels.
        """
        return self.placing.back(labels_of(recovered(maps.cpu(), self.secret)))

    def write(self, path: Path) -> None:
        """As JSON, readable by its owner alone: the scan's own grid betrays whose file it is, and the secret undoes the code."""
        placing = self.placing
        value = {"matrix": placing.matrix.tolist(), "shape": placing.shape, "affine": placing.affine.tolist()}
        value["geometry"] = placing.geometry
        secret = None if self.secret is None else self.secret.plain()
        write_json(path, value | {"mark": self.mark, "secret": secret})
        path.chmod(0o600)

    @classmethod
    def read(cls, path: Path) -> "Ticket":
        """What `write` wrote; raises `RemnantError` for another file."""
        value = read_json(path)
        try:
            matrix, affine = (np.array(value[name], float).reshape(4, 4) for name in ("matrix", "affine"))
            x, y, z = (int(side) for side in value["shape"])
            secret = None if value["secret"] is None else drawn_of(value["secret"])
            geometry = value.get("geometry")
            if geometry is not None:
                geometry = {name: [float(number) for number in geometry[name]] for name in PLACING_FIELDS}
            return cls(Placing(matrix, (x, y, z), affine, geometry), str(value["mark"]), secret)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RemnantError(
                f"{path} is not what `remnant protect encode` left at the client; encode again."
            ) from None


def ticket_file(code: Path) -> Path:
    """Where a code's ticket lies: beside it, for the client alone."""
    return code.with_name(re.sub(r"\.nii(\.gz)?$", "", code.name) + ".client.json")


def encode_scan(client: Client, scan: Path) -> tuple[np.ndarray, Ticket]:
    """The code of a scan, float32 (x, y, z) in [0, 1] on the client's grid, and what stays with whoever holds the scan.

    A client with a secret or with noise draws them afresh each time, from the system's entropy: the same scan never makes the
    same code twice.

    Raises `RemnantError` where the scan is unfit, and where it does not look like those that the encoder was trained on, as one
    of another contrast, of another part of the body or with a wrong orientation in its header.
    """
    image, placing = place_scan(scan, client.grid, client.preparation, _template(client))
    if (sides := sides_of(Case("scan", "1", scan))) != "said":
        axes = ", ".join(POINTS[letter] for letter in nib.aff2axcodes(placing.affine))
        say(f"remnant: {scan}: the header {WORDS[sides]}; it is assumed that its axes point {axes}. See where left is.")
    code, secret = _code_of(client, image, scan)
    return code, Ticket(placing, client.mark, secret)


def encode_case(client: Client, case: Case, scheme: LabelScheme) -> tuple[np.ndarray, np.ndarray]:
    """The code of a scan as `encode_scan` makes it, float32 (x, y, z), and its label map as it lies on the code: uint8 (x, y, z),
    deformed as the scan was by a client with a secret.

    Nothing else stays: the pair is for training, and no answer is undone. Raises `RemnantError` likewise, where the label map
    does not fit the scan or the scheme, and for a client that mixes scans, of whose mixtures there is no label map.
    """
    if isinstance(client.secret, References):
        raise RemnantError(
            f"The client {client.mark} mixes a reference into each scan, and a mixture has no label map to learn from; "
            "contribute by a client of another method."
        )
    image, labels = place_case(case, scheme, client.grid, client.preparation, _template(client))
    code, secret = _code_of(client, image, case.image)
    return code, concealed_labels(torch.from_numpy(labels), secret).numpy()


def _template(client: Client) -> np.ndarray | None:
    return None if client.template is None else client.template.numpy()


def _code_of(client: Client, image: np.ndarray, scan: Path) -> tuple[np.ndarray, Drawn | None]:
    """The code (x, y, z) of a prepared scan, and the secret that it was made by; raises where it is unlike the template."""
    template = _template(client)
    if template is not None:
        found = float(ncc_matrix(image[None], template[None])[0, 0])
        if found < client.likeness - MARGIN:
            raise RemnantError(
                f"{scan} does not look like the scans that the encoder was trained on (correlation with their mean "
                f"{found:.2f}, theirs at least {client.likeness:.2f}); check its contrast and the orientation in its header."
            )
    code, secret = torch.from_numpy(image)[None], None
    if client.secret is not None:
        secret = draw_from(client.secret, client.grid.shape, client.grid.spacing, np.random.default_rng())
        code = concealed(code, secret)
    if client.network is not None:
        code = stitched(client.network, code, client.patch)
    # From the system's entropy, as the secret: nobody can take off what nobody can draw again.
    drawing = torch.Generator().manual_seed(secrets.randbits(63))
    return blurred(code.cpu(), client.noise, drawing)[0].numpy(), secret


def write_code(path: Path, code: np.ndarray, client: Client) -> None:
    """The code as NIfTI on the client's grid, the same for everybody; the encoder's mark is all that the header tells."""
    write_volume(path, code, client.grid.affine, client.mark)


def segment_code(server: Server, code: Path) -> tuple[torch.Tensor, np.ndarray]:
    """The logits of the classes in a code's file, float32 (classes, x, y, z) on the code's grid, and its affine (4, 4).

    Not yet labels: what a secret deformed is undone on logits with less loss.

    Raises `RemnantError` for a code of another encoder than the segmenter was trained with, and for what is no code.
    """
    mark = read_mark(code)
    if mark != server.mark:
        whose = f"by the encoder {mark}" if mark else "by no encoder of Privacy-Net"
        raise RemnantError(
            f"{code} was made {whose}, and this segmenter was trained with the encoder {server.mark}; give the segmenter of the "
            "same run."
        )
    image, affine = read_volume(code)
    return stitched(server.network, torch.from_numpy(image)[None], server.patch).cpu(), affine


def ticket_of(code: Path, server: Server) -> Ticket | None:
    """The ticket that lies beside a code which `server` segments, None where there is none: then a label map stays on the code's
    grid.

    Raises `RemnantError` as `Ticket.read` does, for a ticket of another encoder, and without any where nothing but the ticket
    makes an answer a label map.
    """
    kept = ticket_file(code)
    if not kept.exists():
        if server.keyed:
            raise RemnantError(
                f"{kept} is missing, without which nobody can tell the scan from the reference that is mixed into {code}; put "
                "it back beside the code, or encode the scan again."
            )
        return None
    ticket = Ticket.read(kept)
    if ticket.mark != server.mark:
        raise RemnantError(
            f"{kept} is of a code of the encoder {ticket.mark}, and {code} is of the encoder {server.mark}; put the file beside "
            "it that was written with it, or encode the scan again."
        )
    return ticket


def labels_of(maps: torch.Tensor) -> np.ndarray:
    """The likeliest class of each voxel, uint8 (x, y, z), of maps (c, x, y, z)."""
    return maps.argmax(0).to(torch.uint8).numpy()
