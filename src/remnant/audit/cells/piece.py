"""A piece of an audit, in its forecast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """One attack or control: how many `seconds` it takes and `bytes` it leaves. `always`: it is run in however short a time."""

    name: str
    words: str
    seconds: float
    bytes: int = 0
    always: bool = False
