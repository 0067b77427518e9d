"""What an audit will take on this machine: a piece for each attack and control."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from remnant.attacks.attack import Attack
from remnant.audit.cells import blind, codes, fits, planted_leak, reader, recipe
from remnant.audit.cells.kinds import kind_of
from remnant.audit.cells.piece import PLANTED, Piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.base.progress import Task
from remnant.base.run import Run


def forecast(material: Material, config: AuditConfig, attacks: Sequence[Attack], *, quiet: bool = True) -> list[Piece]:
    """A piece for each of the `attacks`, which apply, and for each control, in the order in which they run."""
    scored = any(attack.claim == "patient_scores" for attack in attacks)
    others = len(material.planting[1]) / max(1, len(material.roles))
    pieces, looks = [], 0.0
    controls: dict[str, Callable[[], Piece]] = {
        blind.BLIND: lambda: blind.blind_piece(material),
        fits.FIT: lambda: fits.fit_piece(material),
        PLANTED: lambda: planted_leak.planted_piece(material, config.target.planted_steps, looks),
    }
    with Task("timing", len(attacks) + scored * len(controls), quiet=quiet) as progress:
        for attack in attacks:
            progress.tell(attack.name)
            pieces.append(kind_of(attack).piece(material, attack, config))
            looks += others * pieces[-1].seconds * (attack.claim == "patient_scores")
            progress.advance(attack.name)
        if material.target.shadows:
            pieces.append(recipe.recipe_piece(material, attacks))
        if reader.is_asked(material, attacks):
            pieces.append(reader.reader_piece(material))
        if material.sent:
            # Nothing is planted in a segmenter of codes.
            del controls[PLANTED]
            pieces.append(codes.worth_piece(material))
        for name, piece in controls.items() if scored else ():
            progress.tell(name)
            pieces.append(piece())
            progress.advance(name)
    return pieces


def forecast_cell(run: Run, material: Material, config: AuditConfig, attacks: Sequence[Attack]) -> dict[str, Any]:
    """What each piece takes, as a cell: a run goes on with what it began with, however fast the machine is by then."""
    return {"pieces": [asdict(piece) for piece in forecast(material, config, attacks)]}
