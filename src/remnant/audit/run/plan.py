"""The cells of an audit: an attack each, its controls, and what is measured beside."""

from collections.abc import Sequence

from remnant.attacks.attack import Attack
from remnant.audit.cells import (
    blind,
    canary_cells,
    codes,
    doses,
    fits,
    planted_leak,
    reader,
    recipe,
    shadows,
    training_checks,
)
from remnant.audit.cells.kinds import kind_of
from remnant.audit.cells.piece import PLANTED
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.engine.cells import Cell


def cells_of(
    material: Material, config: AuditConfig, attacks: Sequence[Attack], left_out: Sequence[str] = ()
) -> list[Cell]:
    """The pieces of an audit: a cell an attack, and the controls that are not left out."""
    common = {"material": material, "seed": config.seed}
    scoring = [attack for attack in attacks if attack.claim == "patient_scores"]
    trained = shadows.shadow_cells(material, attacks, config.seed)
    names = tuple(cell.name for cell in trained)
    found = []
    for attack in attacks:
        kind, needs = kind_of(attack), names if attack.shadows else ()
        given = {**common, "attack": attack, **kind.arguments(config)}
        found.append(Cell(f"attack-{attack.name}", kind.cell, given, needs))
    if scoring:
        found += [Cell(blind.BLIND, blind.blind_cell, common), Cell(fits.FIT, fits.fit_cell, common)]
    if scoring and PLANTED not in left_out and not material.sent:
        steps = config.target.planted_steps
        # Of those who are planted every image trains the copy.
        looking = [attack for attack in scoring if attack.asks != "person"]
        found.append(Cell(PLANTED, planted_leak.planted_cell, {**common, "attacks": looking, "steps": steps}, names))
    if reader.READER not in left_out and reader.is_asked(material, attacks):
        found.append(Cell(reader.READER, reader.reader_cell, common))
    if trained:
        asked = shadows.of_training(scoring)
        found += [*trained, Cell(recipe.CELL, recipe.recipe_cell, {**common, "attacks": asked}, names)]
        found += canary_cells.canary_cells(material, asked, config.seed, names)
        found += doses.dose_cells(material, config.seed, asked=doses.DOSES not in left_out and config.shadows.doses)
        found += training_checks.repeated_cells(material, config.seed)
    return [*found, *codes.cells_of(material, config.seed)]
