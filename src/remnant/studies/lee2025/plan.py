"""Which cells the study has, and which waits for which."""

from pathlib import Path

from remnant.attacks.checkpoint.audited import GMI
from remnant.attacks.checkpoint.methods import METHODS
from remnant.audit.cells.reader import READER
from remnant.base.run import Run
from remnant.engine.cells import Cell
from remnant.studies.lee2025.ceiling import ceiling_of
from remnant.studies.lee2025.cells import (
    attack_cell,
    attack_cell_name,
    blind_cell,
    output_cell,
    output_cell_name,
    reader_cell,
)
from remnant.studies.lee2025.identifiability import identifiability_of
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import CONTROLS, TARGETS
from remnant.studies.lee2025.training import target_cell, target_cell_name


def cells_of(run: Run, settings: StudySettings, prior: Path) -> list[Cell]:
    """Every cell of a study; the attacks that have a stage 1 first, since the last to start decides when the study ends."""
    common = {"settings": settings}
    trained = [
        Cell(target_cell_name(name), target_cell, {"target": name, **common}, needs=_trained_before(name))
        for name in settings.targets
    ]
    asked = [
        Cell(output_cell_name(name), output_cell, {"target": name, **common}, (target_cell_name(name),))
        for name in settings.targets
    ]
    sources = dict.fromkeys(TARGETS[name].source for name in settings.targets)
    blind = [Cell(f"blind-{source}", blind_cell, {"source": source, **common}) for source in sources]
    attacks, after = [], []
    for name in settings.targets:
        needs, methods = (READER, target_cell_name(name)), settings.methods_on(name)
        # What is searched by class is a control of the others, and drawn once.
        by_class = (attack_cell_name(name, GMI.name),) if GMI.name in methods else ()
        own = [
            Cell(
                attack_cell_name(name, method),
                attack_cell,
                {"target": name, "attack": method, "prior": prior, **common},
                needs if method == GMI.name else (*needs, *by_class),
            )
            for method in methods
        ]
        attacks += own
        after += identifiability_of(name, methods, settings, needs=tuple(cell.name for cell in own))
    attacks.sort(key=lambda cell: not METHODS[cell.arguments["attack"]].tunes)
    judged = dict.fromkeys(TARGETS[name].source for name in settings.targets if name not in CONTROLS)
    after += [ceiling_of(source, prior, settings, needs=(READER,)) for source in judged]
    return [Cell(READER, reader_cell, common), *trained, *asked, *blind, *attacks, *after]


def _trained_before(target: str) -> tuple[str, ...]:
    """The cells that a target's own waits for."""
    swapped = TARGETS[target].swapped
    return (target_cell_name(swapped),) if swapped else ()
