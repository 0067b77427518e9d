"""The cell of each attack, and its piece in a forecast, by what it claims and what it sees."""

from collections.abc import Callable
from typing import Any, NamedTuple

from remnant.attacks.attack import Attack
from remnant.audit.cells.beyond import candidate_cell, candidate_piece
from remnant.audit.cells.code_cells import cell_of, code_piece
from remnant.audit.cells.model_cells import reconstruction_cell, reconstruction_piece, score_cell, score_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.reading import attribute_cell, attribute_piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material


class CellKind(NamedTuple):
    """`cell(run, material, attack, seed, **arguments(config))` runs an attack, and `piece(material, attack, config)` says what
    that takes here."""

    cell: Callable[..., dict[str, Any]]
    piece: Callable[[Material, Attack, AuditConfig], Piece]
    arguments: Callable[[AuditConfig], dict[str, Any]] = lambda config: {}


KINDS: dict[str, CellKind] = {
    "patient_scores": CellKind(score_cell, score_piece),
    "reconstructions": CellKind(
        reconstruction_cell, reconstruction_piece, lambda config: {"module": config.target.latents}
    ),
    "attributes": CellKind(
        attribute_cell,
        attribute_piece,
        lambda config: {"scenario": config.scenario, "module": config.target.latents},
    ),
    "candidates": CellKind(candidate_cell, candidate_piece),
}


def kind_of(attack: Attack) -> CellKind:
    """How an attack is run and timed."""
    return CellKind(cell_of(attack), code_piece) if attack.access == "codes" else KINDS[attack.claim]
