"""Which cells a study has, and which waits for which."""

from typing import Any

from remnant.engine.cells import Cell
from remnant.studies.subbanna2021.bending import bending_cell
from remnant.studies.subbanna2021.cells import attack_cell, segmenter_cell
from remnant.studies.subbanna2021.damage import damage_cell
from remnant.studies.subbanna2021.experiments import (
    EXPERIMENTS,
    PAPER,
    attack_cell_name,
    checkpoint_name,
    membership_cell_name,
    target_cell_name,
)
from remnant.studies.subbanna2021.membership import blind_cell, membership_cell
from remnant.studies.subbanna2021.recovered import recovered_cell, recovered_cell_name
from remnant.studies.subbanna2021.settings import StudySettings


def cells_of(settings: StudySettings) -> list[Cell]:
    """Every cell; the attacks of the longest training first, since the last to start decides when the study ends."""
    shared = {"settings": settings}
    targets: dict[str, Cell] = {}
    looks: dict[str, Cell] = {}
    attacks, measures = [], []
    for network in settings.networks:
        for fold in range(settings.dealt):
            here = {"network": network, "fold": fold, **shared}
            for experiment in settings.on(network):
                chosen = EXPERIMENTS[experiment]
                name = attack_cell_name(network, fold, experiment)
                needs = []
                for target in filter(None, (chosen.target, chosen.encoder)):
                    needs.append(target_cell_name(network, fold, target))
                    targets[needs[-1]] = Cell(needs[-1], segmenter_cell, {"target": target, **here})
                outputs = membership_cell_name(network, fold, chosen.target)
                own = target_cell_name(network, fold, chosen.target)
                looks[outputs] = Cell(outputs, membership_cell, {"target": chosen.target, **here}, (own,))
                blind = f"blind-{chosen.target}"
                looks[blind] = Cell(blind, blind_cell, {"target": chosen.target, **shared})
                if chosen.trained_by:
                    needs.append(attack_cell_name(network, fold, chosen.trained_by))
                arguments: dict[str, Any] = {"experiment": experiment, **here}
                attacks.append(Cell(name, attack_cell, arguments, tuple(needs)))
                if settings.deformation and experiment in PAPER:
                    measures.append(Cell(name.replace("attack", "bending", 1), bending_cell, arguments, (name,)))
            if settings.latents == "recovered":
                name = recovered_cell_name(network, fold)
                decoder = attack_cell_name(network, fold, settings.experiments[0])
                arguments = {"decoder": settings.experiments[0], **here}
                measures.append(Cell(name, recovered_cell, arguments, (decoder,)))
    attacks.sort(key=lambda cell: EXPERIMENTS[cell.arguments["experiment"]].decoder == "published")
    if settings.damage:
        network, target = settings.networks[0], EXPERIMENTS[settings.experiments[0]].target
        arguments = {"target": checkpoint_name(network, 0, target), **shared}
        # First of the measures, as the longest: begun last, it kept one core at work and the other idle for ten minutes.
        measures.insert(0, Cell("damage", damage_cell, arguments, (target_cell_name(network, 0, target),)))
    return [*targets.values(), *attacks, *measures, *looks.values()]
