"""Which cells the study has, and which waits for which."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from remnant.base.run import Run
from remnant.cohort.scans import Scans
from remnant.engine.cells import Cell
from remnant.studies.kim2019.attacking import IDENTITY, INVERSION, identity_cell, inversion_cell
from remnant.studies.kim2019.membership import BLIND, blind_cell
from remnant.studies.kim2019.querying import AVERAGED, REGISTERED_MEAN, averaged_cell, registered_cell
from remnant.studies.kim2019.reading import PEOPLE, people_cell, people_known
from remnant.studies.kim2019.records import RAW, VIEWS
from remnant.studies.kim2019.seeing import SEE, see_cell
from remnant.studies.kim2019.settings import AttackSettings, StudySettings
from remnant.studies.kim2019.training import TRAIN, cell_name, folder_of, pretrain_cell, pretraining, train_cell
from remnant.studies.kim2019.transfer import TRANSFER, transfer_cell
from remnant.studies.kim2019.variants import Variant


def cells_of(
    run: Run, settings: StudySettings, variants: Mapping[str, Variant], scans: Scans, second: tuple[str, ...]
) -> list[Cell]:
    """Every cell of a study: a pre-training of each recipe, a training of each variant, and all that is measured of it."""
    # Where visits are simulated, `roles.deal` does not spread the patients with several.
    cells = [blind_baseline(settings.seed, spread=settings.net.revisits is None)]
    # A variant after the other: the first is the control, and a stopped study has whole variants to show.
    begun = set()
    for name, variant in variants.items():
        training, before = cell_name(TRAIN, name), pretraining(variant.recipe)
        if before not in begun:
            cells.append(Cell(before, pretrain_cell, {"recipe": variant.recipe, "settings": settings}))
            begun.add(before)
        cells.append(Cell(training, train_cell, {"variant": name, "settings": settings}, (before,)))
        folder = folder_of(run, name)
        measured = measuring_cells(
            name, variant, folder, settings.attack, settings.seed, scans, second, needs=(training,)
        )
        # The scans themselves are attacked as `raw`: of another recipe only discriminator and segmenter are others.
        own = {cell_name(SEE, name), cell_name(IDENTITY, name, "code")}
        cells += [cell for cell in measured if name == RAW or not variant.control or cell.name in own]
    return cells


def blind_baseline(seed: int, *, spread: bool) -> Cell:
    """The cell that holds training patients against test patients without any network; `spread` as `blind_cell` takes it."""
    return Cell(BLIND, blind_cell, {"seed": seed, "spread": spread})


def measuring_cells(
    name: str,
    variant: Variant,
    folder: Path,
    attack: AttackSettings,
    seed: int,
    scans: Scans,
    second: tuple[str, ...],
    *,
    needs: tuple[str, ...] = (),
) -> list[Cell]:
    """What is measured of one variant, whose networks lie in `folder`, once the cells in `needs` are done."""
    given: dict[str, Any] = {"variant": name, "folder": folder, "attack": attack, "seed": seed}
    see = cell_name(SEE, name)
    attacks: dict[str, Callable[..., dict[str, Any]]] = {IDENTITY: identity_cell, INVERSION: inversion_cell}
    return [
        Cell(see, see_cell, given, needs),
        *(
            Cell(cell_name(kind, name, view), work, {"view": view, **given}, (see,))
            for kind, work in attacks.items()
            for view in VIEWS
        ),
        *([Cell(cell_name(PEOPLE, name), people_cell, given, (see,))] if any(people_known(scans)) else []),
        *(
            [
                Cell(cell_name(AVERAGED, name), averaged_cell, given, needs),
                Cell(cell_name(REGISTERED_MEAN, name), registered_cell, given, needs),
            ]
            if variant.secret
            else []
        ),
        *([Cell(cell_name(TRANSFER, name), transfer_cell, {"cohorts": second, **given}, needs)] if second else []),
    ]
