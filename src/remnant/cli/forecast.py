"""How a forecast is told: what each piece of an audit or of a study takes, a line each."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

import typer

from remnant.audit.cells.piece import Piece

if TYPE_CHECKING:
    from remnant.audit.config import AuditConfig
    from remnant.audit.materials.material import Material


def print_forecast(material: "Material", config: "AuditConfig", *, quiet: bool) -> NoReturn:
    """Time one step of each attack on the material, print what all of them take, and end."""
    from remnant.audit.inputs.trained import forecast_trained

    for line in forecast_lines(*forecast_trained(material, config, quiet=quiet)):
        print(line)
    raise typer.Exit


def say_forecast(pieces: Sequence[Piece], workers: int) -> None:
    """Say what the pieces of a study take on so many processes."""
    from remnant.base.progress import say

    for line in forecast_lines(pieces, workers=workers):
        say(line)


def forecast_lines(
    pieces: Sequence[Piece], not_run: Mapping[str, str] = MappingProxyType({}), *, workers: int = 1
) -> Iterator[str]:
    """What each attack and control takes, a line each, and all together on so many processes; then what is not run."""
    names = [*(piece.name for piece in pieces), *not_run, "together"]
    width = max(map(len, names))
    seconds, size = (sum(getattr(piece, name) for piece in pieces) for name in ("seconds", "bytes"))
    beside = f"on {workers} processes" if workers > 1 else ""
    for piece in (*pieces, Piece("together", beside, seconds / workers, size)):
        amount = f"{_told(piece.seconds / 60)} min {_told(piece.bytes / 2**20)} MiB"
        yield f"{piece.name:<{width}} {amount}  {piece.words}".rstrip()
    for name, why in not_run.items():
        yield f"{name:<{width}} is not run: {why}"


def _told(amount: float) -> str:
    """In eight letters: of what takes a moment "0.0" would say that it takes nothing."""
    return f"{'< 0.1' if 0 < amount < 0.1 else f'{amount:.1f}':>8}"
