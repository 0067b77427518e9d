"""What each cell will take: a training step of each network, and the audit's pieces for networks that nobody trained."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch

from remnant.attacks.checkpoint.audited import GMI
from remnant.attacks.checkpoint.oracles import SETS
from remnant.attacks.demographics import training_seconds
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.beyond import drawing_piece
from remnant.audit.cells.blind import BLIND, blind_seconds
from remnant.audit.cells.code_cells import concatenated
from remnant.audit.cells.model_cells import score_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.reader import READER, WORDS
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.engine.cells import Cell
from remnant.studies.lee2025.ceiling import ceiling_cell
from remnant.studies.lee2025.cells import attack_cell, blind_cell, output_cell, reader_cell
from remnant.studies.lee2025.groups import OWN, ROLES, groups_file, read_groups
from remnant.studies.lee2025.identifiability import identifiability_cell
from remnant.studies.lee2025.settings import ATTACKS, StudySettings
from remnant.studies.lee2025.subject import material_of
from remnant.studies.lee2025.targets import TARGETS, Network
from remnant.studies.lee2025.training import step_seconds, target_cell, untrained

# What an image through the generator and back costs, against one through a target.
BESIDE = 1.3
# Of an image that is only looked at, against one that is trained on.
LOOK = 0.3


def groups_piece(run: Run) -> Piece:
    """What the cells read."""
    size = sum(file.stat().st_size for file in groups_file(run, OWN).parent.glob("*"))
    return Piece("images", "what all cells read, while they run", 0.0, size)


def costs_of(run: Run, settings: StudySettings, prior: Path) -> Callable[[Cell], Piece]:
    """Of a cell of the study, what it takes here. Networks of one kind are timed once, on the patients of the first source."""

    @cache
    def step(network: Network) -> float:
        return step_seconds(getattr(settings, network))

    @cache
    def begun(network: Network) -> Material:
        target = next(name for name in settings.targets if TARGETS[name].network == network)
        return material_of(run, target, settings, prior, untrained(getattr(settings, network)))

    @cache
    def scored(network: Network) -> Piece:
        return score_piece(begun(network), OUTPUT, AuditConfig())

    @cache
    def drawn(network: Network, attack: str, known: bool) -> Piece:
        controls = dict.fromkeys(("prior", GMI.name), torch.empty(0)) if known else {}
        return drawing_piece(begun(network), ATTACKS[attack], 0, controls)

    def piece_of(cell: Cell) -> Piece:
        target = cell.arguments.get("target", "")
        if cell.work is reader_cell:
            learns = len(read_groups(run, OWN)["training"])
            return Piece(READER, WORDS, training_seconds(settings.demographic, learns))
        if cell.work is blind_cell:
            groups = read_groups(run, cell.arguments["source"])
            parts = [groups[name] for name in ROLES]
            roles = np.repeat(list(ROLES.values()), [len(set(part.patients)) for part in parts])
            return Piece(BLIND, "a classifier that never sees a target", blind_seconds(concatenated(parts), roles))
        if cell.work is ceiling_cell:
            passing = settings.ceiling.images * settings.ceiling.steps
            dearest = max(step(TARGETS[name].network) for name in settings.targets)
            return Piece("ceiling", "members' own images, sought in the prior", BESIDE * dearest * passing)
        network, source = TARGETS[target].network, TARGETS[target].source
        if cell.work is target_cell:
            epochs = 0 if TARGETS[target].swapped else settings.classifier(target).epochs
            members = len(read_groups(run, source)["members"])
            return Piece("targets", "trainings", step(network) * members * epochs)
        if cell.work is identifiability_cell:
            passing = 3 * SETS * settings.attack.manifold.batch
            return Piece("identifiability", "what sets of images of patients come to", LOOK * step(network) * passing)
        if cell.work is output_cell:
            return scored(network)
        assert cell.work is attack_cell
        # What is searched by class is a control of the others, and drawn once.
        attack = cell.arguments["attack"]
        return drawn(network, attack, attack != GMI.name and GMI.name in settings.methods_on(target))

    return piece_of
