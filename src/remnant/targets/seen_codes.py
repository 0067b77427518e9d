"""What an attack is handed of what a client sends in place of scans: codes, or what a server makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from remnant.nets.siamese import Siamese
from remnant.targets.access import Codes


@dataclass(frozen=True)
class SeenCodes:
    """Somebody sees `codes` of scans that he does not have, and may run the client on scans of his own.

    `what` is seen, in words. `codes` (n, c, x, y, z), float32 on the CPU, of `patients` (n), by names that claims take over.
    `view`: from scans (m, 1, x, y, z) in [0, 1] to the like of `codes`. `spacing_mm` of the voxels. `anatomical`: the codes show
    a head. `secret`: the client draws one for each scan, so that each call of `view` gives others. `times`: of each scan so many
    codes, one after another. `pairs` (p, 2): scans, by their places, of which is asked whether they are of one patient.
    `discriminator`: whom the encoder was trained against, and the voxels a side of its patches; None where there is none.
    """

    what: str
    codes: Tensor
    patients: tuple[str, ...]
    view: Callable[[Tensor], Tensor]
    spacing_mm: float
    anatomical: bool = False
    secret: bool = False
    times: int = 1
    pairs: np.ndarray | None = None
    discriminator: tuple[Siamese, int] | None = None

    @property
    def given(self) -> Codes:
        """The codes and the view alone."""
        return Codes(self.view, self.codes)
