"""What each cell will take: a training step of each network, and the audit's pieces for networks that nobody trained."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from remnant.attacks.checkpoint.audited import GMI
from remnant.attacks.checkpoint.oracles import SETS
from remnant.attacks.demographics import training_seconds
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.beyond import drawing_piece
from remnant.audit.cells.blind import BLIND, blind_seconds
from remnant.audit.cells.code_cells import joined
from remnant.audit.cells.model_cells import score_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.reader import READER, WORDS
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.engine.cells import Cell
from remnant.engine.cost import timed
from remnant.engine.device import fabric, place
from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.cells import attack_cell, blind_cell, output_cell, reader_cell
from remnant.studies.lee2025.groups import OWN, ROLES, groups_file, read_groups
from remnant.studies.lee2025.oracles import ceiling_cell, identifiability_cell
from remnant.studies.lee2025.settings import ATTACKS, StudySettings
from remnant.studies.lee2025.subject import material_of
from remnant.studies.lee2025.targets import TARGETS, Network
from remnant.studies.lee2025.training import target_cell
from remnant.targets.inputs import InputRange

TRIED = 8  # images of the step that is timed, as many as a step of stage 1 has
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

    def module(network: Network) -> nn.Module:
        return place(build_classifier(**getattr(settings, network).build_arguments))

    @cache
    def step(network: Network) -> float:
        return _seconds_of(module(network), getattr(settings, network).input_range)

    @cache
    def untrained(network: Network) -> Material:
        target = next(name for name in settings.targets if TARGETS[name].network == network)
        return material_of(run, target, settings, prior, module(network).eval().requires_grad_(False))

    @cache
    def scored(network: Network) -> Piece:
        return score_piece(untrained(network), OUTPUT, AuditConfig())

    @cache
    def drawn(network: Network, attack: str, known: bool) -> Piece:
        controls = dict.fromkeys(("prior", GMI.name), torch.empty(0)) if known else {}
        return drawing_piece(untrained(network), ATTACKS[attack], 0, controls)

    def piece_of(cell: Cell) -> Piece:
        target = cell.arguments.get("target", "")
        if cell.work is reader_cell:
            learns = len(read_groups(run, OWN)["training"])
            return Piece(READER, WORDS, training_seconds(settings.demographic, learns))
        if cell.work is blind_cell:
            groups = read_groups(run, cell.arguments["source"])
            parts = [groups[name] for name in ROLES]
            roles = np.repeat(list(ROLES.values()), [len(set(part.patients)) for part in parts])
            return Piece(BLIND, "a classifier that never sees a target", blind_seconds(joined(parts), roles))
        if cell.work is ceiling_cell:
            passing = settings.ceiling.images * settings.ceiling.steps
            dearest = max(step(TARGETS[name].network) for name in settings.targets)
            return Piece("ceiling", "members' own images, sought in the prior", BESIDE * dearest * passing)
        network, source = TARGETS[target].network, TARGETS[target].source
        if cell.work is target_cell:
            epochs = 0 if TARGETS[target].swapped else settings.classifier(target).fit.epochs
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


def _seconds_of(model: nn.Module, taken: InputRange) -> float:
    """Seconds that a training step takes an image, or an attack's where the weights are frozen."""
    images = torch.rand(TRIED, taken.channels, taken.size, taken.size, device=fabric().device, requires_grad=True)

    def step() -> None:
        with fabric().autocast():
            loss = model(images).float().sum()
        loss.backward()
        loss.item()

    return timed(step, times=3) / TRIED
