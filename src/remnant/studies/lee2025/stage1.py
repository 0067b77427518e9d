"""What an attack tells of its losses on the way, thinned to what a curve needs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.store import keep
from remnant.studies.lee2025.drawn import as_bytes

ROWS = 200  # of each term of a part, at most
LOGGED = 100  # steps between two lines of the log
TOTAL = "total"


@dataclass(frozen=True)
class Progression:
    """Stage 1 at work: the images uint8 (s, k, N, N) of the same k latents after each of `steps` int64 (s,)."""

    steps: np.ndarray
    images: np.ndarray


class Stage1:
    """The losses of one attack, the `step` of its `Work`, and the generators that it `tuned`."""

    def __init__(self, run: Run, attack: str) -> None:
        self._run, self._attack = run, attack
        self._losses: dict[str, list[tuple[int, dict[str, float]]]] = {}
        self._shown: list[Mapping[int, Tensor]] = []
        self._levelled_off: list[bool | None] = []

    def step(self, part: str, step: int, loss: float, terms: dict[str, float]) -> None:
        """Hear of one step of a part: its loss, and each term without its weight."""
        self._losses.setdefault(part, []).append((step, {TOTAL: loss, **terms}))
        if step % LOGGED == 0:
            self._run.log(f"attack-{self._attack}", "step", part=part, step=step + 1, loss=loss)

    def tuned(self, images: Mapping[int, Tensor], levelled_off: bool | None) -> None:
        """Hear of a generator that was tuned."""
        self._shown.append(images)
        self._levelled_off.append(levelled_off)

    def told(self) -> dict[str, Any]:
        """The rows `stage1`, {part, term, step, value}, steps counted from 1, the first and the last always among them; by part
        of stage 1, its `steps` and whether its loss had `levelled_off`, None where nobody asked whether."""
        rows: list[Row] = []
        for part, told in self._losses.items():
            every = math.ceil(len(told) / (ROWS - 1))
            for step, terms in [*told[:-1:every], told[-1]]:
                rows += [
                    {"part": part, "term": term, "step": step + 1, "value": value} for term, value in terms.items()
                ]
        parts = list(self._losses)[: len(self._shown)]
        return {
            "stage1": rows,
            "steps": {part: len(self._losses[part]) for part in parts},
            "levelled_off": dict(zip(parts, self._levelled_off, strict=True)),
        }

    def keep_progression(self, run: Run, target: str) -> None:
        """Keep the first generator's as private/progressions/<target>-<attack>.npz, atomically; of none, nothing."""
        if self._shown:
            shown = self._shown[0]
            images = np.stack([as_bytes(strip.clamp(0, 1)) for strip in shown.values()])
            path = run.private / "progressions" / f"{target}-{self._attack}.npz"
            keep(path, Progression(np.array(list(shown)), images))
