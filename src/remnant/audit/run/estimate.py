"""What an audit takes on this machine: every attack and control, and the shadow models, of which one is trained."""

from remnant.audit.cells.doses import TRAININGS
from remnant.audit.cells.forecast import forecast
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.shadow_time import shadow_piece
from remnant.audit.cells.shadows import alone_of, with_shadows
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.run.attacks import attacks_of


def estimated(material: Material, config: AuditConfig, *, quiet: bool) -> tuple[list[Piece], dict[str, str]]:
    """A piece each, and why attacks are not run, by name."""
    material = with_shadows(material, config)
    attacks = attacks_of(material, config)
    chosen = [attack for attack, why in attacks if not why]
    pieces = forecast(material, config, chosen, quiet=quiet)
    if material.target.shadows:
        alone = {attack.name for attack in alone_of(chosen)}
        each = sum(piece.seconds for piece in pieces if piece.name in alone)
        more = TRAININGS if config.shadows.doses else 0.0
        pieces.append(shadow_piece(material, config.seed, each, more))
    return pieces, {attack.name: why for attack, why in attacks if why}
