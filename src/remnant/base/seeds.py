"""One tree of random generators a run: each piece of work draws from the branch with its own name.

Named branches make a piece's numbers independent of which pieces ran before it, so that a resumed run repeats an
undisturbed one.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


class Seeds:
    """A node of the tree. `Seeds(0).child("fold0", "unet")` is the same wherever and whenever it is asked for."""

    def __init__(self, seed: int, path: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.path = path

    def child(self, *names: str | int) -> "Seeds":
        """The branch below this node that these names lead to."""
        return Seeds(self.seed, self.path + tuple(str(name) for name in names))

    @property
    def integer(self) -> int:
        """A 63-bit seed for libraries that take a number."""
        text = "/".join((str(self.seed), *self.path))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def numpy(self) -> np.random.Generator:
        """A fresh NumPy generator at the start of this branch."""
        return np.random.default_rng(self.integer)

    def torch(self) -> "torch.Generator":
        """A fresh CPU torch generator at the start of this branch."""
        import torch

        return torch.Generator().manual_seed(self.integer)
