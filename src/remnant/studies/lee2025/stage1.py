"""What an attack tells of its losses on the way, thinned to what a curve needs."""

import math
from typing import Any

from remnant.attacks.checkpoint.methods import Tuned
from remnant.base.results import Row
from remnant.base.run import Run

ROWS = 200  # of each term of a part, at most
LOGGED = 100  # steps between two lines of the log
TOTAL = "total"


class Stage1:
    """The losses of the methods of one cell; `method` is the one at work. What they share is told under the first."""

    def __init__(self, run: Run, cell: str, method: str) -> None:
        self._run, self._cell, self.method = run, cell, method
        self._told: dict[tuple[str, str], list[tuple[int, dict[str, float]]]] = {}

    def report(self, part: str, step: int, loss: float, terms: dict[str, float]) -> None:
        """Of one step of a part: its loss, and each term without its weight."""
        self._told.setdefault((self.method, part), []).append((step, {TOTAL: loss, **terms}))
        if step % LOGGED == 0:
            self._run.log(self._cell, "step", method=self.method, part=part, step=step + 1, loss=loss)

    def rows(self) -> list[Row]:
        """Flat rows {method, part, term, step, value}, steps counted from 1; the first and the last are always there."""
        rows: list[Row] = []
        for (method, part), told in self._told.items():
            every = math.ceil(len(told) / (ROWS - 1))
            for step, terms in [*told[:-1:every], told[-1]]:
                key: Row = {"method": method, "part": part}
                rows += [key | {"term": term, "step": step + 1, "value": value} for term, value in terms.items()]
        return rows

    def ends(self, tuned: Tuned) -> dict[str, dict[str, Any]]:
        """By part of stage 1, its `steps` and whether its loss had `levelled_off`; None where nobody asked whether."""
        parts = [part for _, part in self._told][: len(tuned)]
        return {
            "steps": {part: each.steps for part, each in zip(parts, tuned, strict=True)},
            "levelled_off": {part: each.levelled_off for part, each in zip(parts, tuned, strict=True)},
        }
