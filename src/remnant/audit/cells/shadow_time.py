"""What shadow models take, and how many of them fit a time."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from remnant.attacks.membership.references import queries_of
from remnant.attacks.membership.signals import shifts
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.shadows import files_of, shadow_of
from remnant.audit.materials.material import Material
from remnant.audit.owner.training import TimeUpError, at_most
from remnant.base.files import read_json
from remnant.base.run import Run
from remnant.engine.cells import Cell, run_cells

WORDS = "networks that train() makes of known halves of the patients"
PIECE = "shadows"  # of a forecast
FEWEST = 4  # networks: for no network is that of the other half a reference
LONGEST_TRIAL_S = 300.0  # of the training that an estimate times


def affordable_shadows(run: Run, cells: Sequence[Cell], seconds: float, *, workers: int, quiet: bool) -> int:
    """How many of the `cells` fit into so many seconds of `workers` at a time, none where fewer than `FEWEST` would: the first of
    each worker are done, and say."""
    limit = workers * max(0.0, seconds) / FEWEST
    # What another audit shares costs nothing.
    waiting = [cell for cell in cells if not ((shared := files_of(run, **cell.arguments)) and shared.there)]
    if not waiting:
        return len(cells)
    first = [replace(cell, arguments={**cell.arguments, "limit": limit}) for cell in waiting[:workers]]
    found = run_cells(run, first, workers=workers, quiet=quiet).values()
    if not all(one["trained"] for one in found):
        return 0
    # Beside each other they take longer than alone, and the others will too.
    longest = max(max(one["seconds"] for one in found), 0.01)
    fitting = len(cells) - len(waiting) + int(workers * seconds / longest)
    count = min(len(cells), fitting // 2 * 2)
    return count if count >= FEWEST else 0


def fit_beside(run: Run, cells: Sequence[Cell], trainings: float, seconds: float, *, workers: int) -> bool:
    """Whether so many more `trainings` fit into so many seconds beside the `cells`, by those that are done."""
    paths = (run.path / "cells" / f"{cell.name}.json" for cell in cells)
    longest = max((read_json(path)["seconds"] for path in paths if path.exists()), default=math.inf)
    return (len(cells) + trainings) * longest <= workers * seconds


def untrained(material: Material, asked: int) -> list[str]:
    """Why fewer shadow models were trained than the `asked`."""
    count = material.target.shadows
    return [f"Of {asked} shadow models {count or 'none'} fit into --minutes."] if count < asked else []


def shadow_piece(material: Material, seed: int, each: float, more: float = 0.0) -> Piece:
    """What all shadow models take, of whom one is trained and asked to time it, and as many trainings `more`; `each`: seconds
    that attacks take on one of them."""
    training, candidates, count = material.training, material.candidates, material.target.shadows
    assert training
    began, words = time.monotonic(), WORDS
    try:
        with at_most(LONGEST_TRIAL_S):
            shadow = shadow_of(material, seed, 0)
            queries_of(shadow.head, candidates, shadow.answers)
    except TimeUpError:
        words += "; at least so long"
    seconds = count * (time.monotonic() - began + each) + more * (time.monotonic() - began)
    queries = len(list(shifts(candidates.spatial)))
    return Piece(PIECE, words, seconds, count * _bytes(candidates.patients, queries))


def _bytes(patients: Sequence[str], queries: int) -> int:
    """Of one: names, two signals of each query, whether each trained it, and some scores."""
    return len(patients) * (np.array(patients).itemsize + 8 * (2 * queries + 6))
