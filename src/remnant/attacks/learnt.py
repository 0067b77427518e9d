"""What an attack learnt before of the same codes in the same way: kept in its folder, since several questions rest on it.

Of scans that are sent many times the same adversaries are asked as of those that are sent once. To train these twice took as long
as all else that was asked of them.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from remnant.base.store import keep, kept


@dataclass(frozen=True)
class Learnt:
    """Tensors by name, in files of a `folder`; None keeps nothing."""

    folder: Path | None = None

    def once(
        self, what: str, given: Iterable[Tensor | str], make: Callable[[], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """What `make()` gives or, where it was made before of the same `given`, gave; `what` it is begins its file's name."""
        if self.folder is None:
            return make()
        digest = hashlib.sha256()
        for one in given:
            digest.update(one.encode() if isinstance(one, str) else np.ascontiguousarray(one.cpu().numpy()))
        file = self.folder / f"{what}-{digest.hexdigest()[:32]}.npz"
        if not file.exists():
            keep(file, make())
        return kept(file, dict[str, Tensor])
