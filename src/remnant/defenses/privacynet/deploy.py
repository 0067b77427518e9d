"""Privacy-Net at work: a scan becomes a code at the client, a code becomes a label map at the server."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.base.files import read_json, write_json
from remnant.cohort.nifti import read_mark, read_volume, write_volume
from remnant.cohort.placing import Placing, place_scan
from remnant.defenses.privacynet.networks import Client, Server
from remnant.engine.stitch import stitched
from remnant.measure.correlation import ncc_matrix

# Below the training scan that is least like the template, a head may be by this much: people vary.
MARGIN = 0.1


@dataclass(frozen=True)
class Ticket:
    """What stays at the client when a code leaves: where the scan lies on the grid, and which encoder made the code."""

    placing: Placing
    mark: str

    def write(self, path: Path) -> None:
        """As JSON, readable by its owner alone: the scan's own grid betrays whose file it is."""
        placing = self.placing
        value = {"matrix": placing.matrix.tolist(), "shape": placing.shape, "affine": placing.affine.tolist()}
        write_json(path, value | {"mark": self.mark})
        path.chmod(0o600)

    @classmethod
    def read(cls, path: Path) -> "Ticket":
        """What `write` wrote; raises `RemnantError` for another file."""
        value = read_json(path)
        try:
            matrix, affine = (np.array(value[name], float).reshape(4, 4) for name in ("matrix", "affine"))
            x, y, z = (int(side) for side in value["shape"])
            return cls(Placing(matrix, (x, y, z), affine), str(value["mark"]))
        except (KeyError, TypeError, ValueError):
            raise RemnantError(
                f"{path} is not what `remnant protect encode` left at the client; encode again."
            ) from None


def ticket_file(code: Path) -> Path:
    """Where a code's ticket lies: beside it, for the client alone."""
    return code.with_name(code.name.split(".")[0] + ".client.json")


def encode_scan(client: Client, scan: Path) -> tuple[np.ndarray, Ticket]:
    """The code of a scan, float32 (x, y, z) in [0, 1] on the client's grid, and what stays with whoever holds the scan.

    Raises `RemnantError` where the scan is unfit, and where it does not look like those that the encoder was trained on, as one
    of another contrast, of another part of the body or with a wrong orientation in its header.
    """
    template = None if client.template is None else client.template.numpy()
    image, placing = place_scan(scan, client.grid, client.preparation, template)
    if template is not None:
        found = float(ncc_matrix(image[None], template[None])[0, 0])
        if found < client.likeness - MARGIN:
            raise RemnantError(
                f"{scan} does not look like the scans that the encoder was trained on (correlation with their mean "
                f"{found:.2f}, theirs at least {client.likeness:.2f}); check its contrast and the orientation in its header."
            )
    code = stitched(client.network, torch.from_numpy(image)[None], client.patch)[0]
    return code.cpu().numpy(), Ticket(placing, client.mark)


def write_code(path: Path, code: np.ndarray, client: Client) -> None:
    """The code as NIfTI on the client's grid, the same for everybody; the encoder's mark is all that the header tells."""
    write_volume(path, code, client.grid.affine, client.mark)


def segment_code(server: Server, code: Path) -> tuple[np.ndarray, np.ndarray]:
    """The label map of a code's file, uint8 (x, y, z) on the code's grid, and its affine (4, 4).

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
    logits = stitched(server.network, torch.from_numpy(image)[None], server.patch)
    return logits.argmax(0).to(torch.uint8).cpu().numpy(), affine
