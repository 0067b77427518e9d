"""A piece of an audit or of a study, in its forecast, and which pieces fit a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

PLANTED = "planted"


@dataclass(frozen=True)
class Piece:
    """One attack, control or training: how many `seconds` it takes and `bytes` it leaves. `always`: it is run in however short a
    time."""

    name: str
    words: str
    seconds: float
    bytes: int = 0
    always: bool = False


def affordable(pieces: Sequence[Piece], minutes: float) -> list[str]:
    """The names of those that `minutes` leave out: beside what is always run, the planted leak and then the cheapest are kept."""
    left = 60 * minutes - sum(piece.seconds for piece in pieces if piece.always)
    out = []
    for piece in _in_turn(pieces):
        if piece.seconds > left:
            out.append(piece.name)
        else:
            left -= piece.seconds
    return out


def minutes_for(pieces: Sequence[Piece], name: str) -> int:
    """How many minutes would run the piece of this name: what is always run, and all whose turn is earlier, come before it."""
    order = _in_turn(pieces)
    before = order[: 1 + next(i for i, piece in enumerate(order) if piece.name == name)]
    return math.ceil(sum(piece.seconds for piece in (*before, *(one for one in pieces if one.always))) / 60)


def _in_turn(pieces: Sequence[Piece]) -> list[Piece]:
    # Without the planted no silence about members counts, however many attacks there are; with it that of one does.
    return sorted(
        (piece for piece in pieces if not piece.always), key=lambda piece: (piece.name != PLANTED, piece.seconds)
    )
