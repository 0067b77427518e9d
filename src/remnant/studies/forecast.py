"""What a study will take, told before it starts: pieces of the audit for its cells, and what the paper alone has beside them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from remnant.audit.cells.piece import Piece
from remnant.base.run import Run
from remnant.base.texts import counted
from remnant.engine.cells import Cell, unfinished
from remnant.studies.frame import RunOptions


def foretell(
    run: Run, cells: Sequence[Cell], options: RunOptions, costs: Callable[[], Callable[[Cell], Piece]], data: Piece
) -> None:
    """Tell who asks what the cells take that are left, with the `data` that they read; of none, nothing.

    `costs()` says of a cell what it takes, by the name of its kind. Nothing is timed where nobody hears of it.
    """
    waiting = unfinished(run, cells)
    if waiting and options.foretold:
        pieces = [*together(map(costs(), waiting)), data]
        options.foretold(pieces, min(options.workers, len(waiting)))


def together(pieces: Iterable[Piece]) -> list[Piece]:
    """One piece for all of one name, in whose words it stands how many they are."""
    found: dict[str, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.name, []).append(piece)
    return [
        replace(
            own[0],
            words=f"{counted(len(own), 'cell')}: {own[0].words}",
            seconds=sum(one.seconds for one in own),
            bytes=sum(one.bytes for one in own),
        )
        for own in found.values()
    ]
