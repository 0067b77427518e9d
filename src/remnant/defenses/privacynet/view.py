"""What leaves the house of whole scans, and what the server makes of it: what studies measure and attackers see."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.blurring import blurred
from remnant.defenses.privacynet.concealing import Drawn, Law, concealed, concealed_labels, draw_from, recovered
from remnant.defenses.privacynet.networks import load_client, load_server
from remnant.engine.stitch import stitched

Seen = Literal["code", "labels"]


@dataclass(frozen=True)
class View:
    """Client and server at work on scans that are prepared already, with voxels of `spacing_mm`.

    `encoder`: None where the code is the scan itself, or what is made of it by a secret. `secret`: the law by which each scan
    is deformed or mixed; None where none is. `segmenter`: from code to logits. Both networks in evaluation mode, for windows of
    `patch` voxels a side. `noise`: of its standard deviation on each code. Which secret and which noise a scan gets is decided
    by `seeds` and its place among the scans of a call: `undone` needs the same.
    """

    encoder: nn.Module | None
    segmenter: nn.Module
    secret: Law | None
    patch: int
    spacing_mm: float
    noise: float = 0.0

    @property
    def varies(self) -> bool:
        """Whether a scan has another code each time that it is sent."""
        return self.secret is not None or self.noise > 0

    @classmethod
    def load(cls, run: Path) -> Self:
        """Of the files of a run of `remnant protect train`; raises `RemnantError` as `load_client` and `load_server` do, and
        for an encoder and a segmenter that were not trained together.
        """
        client, server = load_client(run), load_server(run)
        if client.mark != server.mark:
            raise RemnantError(
                f"The encoder in {run} is {client.mark}, and its segmenter was trained with the encoder {server.mark}; give "
                f"the two of one run."
            )
        return cls(client.network, server.network, client.secret, server.patch, client.grid.spacing, client.noise)

    def code(self, scans: Tensor, seeds: Seeds) -> Tensor:
        """What leaves: codes float32 (n, 1, x, y, z) in [0, 1], on the CPU, of `scans` (n, 1, x, y, z) in [0, 1]."""
        codes = []
        for place, (scan, secret) in enumerate(zip(scans, self._secrets(scans.shape, seeds), strict=True)):
            code = concealed(scan, secret)
            code = (code if self.encoder is None else stitched(self.encoder, code, self.patch)).cpu()
            codes.append(blurred(code, self.noise, seeds.child("noise", place).torch()))
        return torch.stack(codes)

    def logits(self, codes: Tensor) -> Tensor:
        """What the server makes of codes (n, 1, x, y, z): float32 (n, classes, x, y, z), on the CPU, of what was sent."""
        return torch.stack([stitched(self.segmenter, code, self.patch).cpu() for code in codes])

    def undone(self, logits: Tensor, seeds: Seeds) -> Tensor:
        """The client's label maps of the scans themselves, uint8 (n, x, y, z): the server's `logits` (n, classes, x, y, z)
        with the secrets undone.

        `seeds`: those that the codes were made with.
        """
        return self.straight(logits, seeds).argmax(1).to(torch.uint8)

    def straight(self, logits: Tensor, seeds: Seeds) -> Tensor:
        """The server's `logits` (n, classes, x, y, z) of the scans themselves, by the same `seeds`."""
        pairs = zip(logits, self._secrets(logits.shape, seeds), strict=True)
        return torch.stack([recovered(each, secret) for each, secret in pairs])

    def moved(self, labels: Tensor, seeds: Seeds) -> Tensor:
        """Label maps uint8 (n, x, y, z) for the codes that were made with these `seeds`, of those (n, x, y, z) of the scans."""
        secrets = self._secrets(labels.unsqueeze(1).shape, seeds)
        pairs = zip(labels, secrets, strict=True)
        return torch.stack([concealed_labels(each, secret) for each, secret in pairs])

    def watched(self, seen: Seen, seeds: Seeds) -> Callable[[Tensor], Tensor]:
        """For `Codes.view`: from scans (n, 1, x, y, z) to their codes (n, 1, x, y, z), or to the server's label maps as one
        channel a class (n, classes, x, y, z) of 0 and 1; float32.

        Each call draws its secrets anew, as a client would; the calls of one function are the same in every run.
        """
        calls = count()

        def view(scans: Tensor) -> Tensor:
            codes = self.code(scans, seeds.child("look", next(calls)))
            return codes if seen == "code" else self.one_hot(self.logits(codes).argmax(1))

        return view

    def one_hot(self, labels: Tensor) -> Tensor:
        """Label maps (n, x, y, z) as float32 (n, classes, x, y, z) of 0 and 1."""
        classes = self.segmenter.out.out_channels
        return functional.one_hot(labels.long(), classes).movedim(-1, 1).float()

    def _secrets(self, shape: torch.Size, seeds: Seeds) -> list[Drawn | None]:
        """One a scan of a batch of `shape`."""
        n, _, *sides = shape
        if self.secret is None:
            return [None] * n
        return [_drawn(tuple(sides), self.spacing_mm, self.secret, seeds.child(i).integer) for i in range(n)]


@lru_cache(maxsize=16)
def _drawn(shape: tuple[int, ...], spacing_mm: float, law: Law, seed: int) -> Drawn:
    """Once for a code and for what is bent back of it: to draw and to follow a flow takes as long as to bend a scan."""
    return draw_from(law, shape, spacing_mm, np.random.default_rng(seed))
