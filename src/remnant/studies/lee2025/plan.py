"""Which cells an audit has, and which waits for which."""

from pathlib import Path

from remnant.base.run import Run
from remnant.engine.cells import Cell
from remnant.studies.lee2025.cells import (
    DEMOGRAPHICS,
    Aim,
    attack_cell,
    attack_cell_name,
    by_stage1,
    demographics_cell,
    target_cell,
    target_cell_name,
    target_file,
)
from remnant.studies.lee2025.oracles import ceiling_of, identifiability_of
from remnant.studies.lee2025.outputs import output_cell, output_cell_name
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import CONTROLS, TARGETS


def cells_of(run: Run, settings: StudySettings, prior: Path) -> list[Cell]:
    """Every cell of a study; the attacks with the most methods first, since the last to start decides when the study ends."""
    targets = [
        Cell(target_cell_name(name), target_cell, {"target": name, "settings": settings}, needs=_trained_before(name))
        for name in settings.targets
    ]
    attacks, after = [], []
    for name in settings.targets:
        aim = Aim(target_file(run, name), settings.classifier(name).input_range, prior, TARGETS[name].source)
        methods = settings.methods_on(name)
        own = attack_cells(name, aim, methods, settings, needs=(DEMOGRAPHICS, target_cell_name(name)))
        attacks += own
        after += identifiability_of(name, aim, methods, settings, needs=tuple(cell.name for cell in own))
    sources = dict.fromkeys(TARGETS[name].source for name in settings.targets if name not in CONTROLS)
    after += [ceiling_of(source, prior, settings, needs=(DEMOGRAPHICS,)) for source in sources]
    attacks.sort(key=lambda cell: -len(cell.arguments["methods"]))
    outputs = [
        Cell(
            output_cell_name(name),
            output_cell,
            {
                "target": name,
                "checkpoint": target_file(run, name),
                "input_range": settings.classifier(name).input_range,
                "source": TARGETS[name].source,
            },
            needs=(target_cell_name(name),),
        )
        for name in settings.targets
    ]
    return [demographics_of(settings), *targets, *outputs, *attacks, *after]


def _trained_before(target: str) -> tuple[str, ...]:
    """The cells that a target's own waits for."""
    swapped = TARGETS[target].swapped
    return (target_cell_name(swapped),) if swapped else ()


def demographics_of(settings: StudySettings) -> Cell:
    """The cell of the reader of age and sex."""
    return Cell(DEMOGRAPHICS, demographics_cell, {"settings": settings})


def attack_cells(
    target: str, aim: Aim, methods: tuple[str, ...], settings: StudySettings, *, needs: tuple[str, ...]
) -> list[Cell]:
    """The attacks on one target, a cell for each stage 1 that methods share."""
    shared = {"target": target, "aim": aim, "settings": settings}
    return [
        Cell(attack_cell_name(target, together[0]), attack_cell, {"methods": together, **shared}, needs)
        for together in by_stage1(methods)
    ]
