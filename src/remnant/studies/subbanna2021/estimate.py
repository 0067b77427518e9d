"""What each cell will take: a training of each network on two scans, and the audit's pieces for attacks on what it made."""

from collections.abc import Callable
from functools import cache

import numpy as np

from remnant.attacks.decoder import SAMPLED, decoder_attack
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.blind import BLIND, blind_seconds
from remnant.audit.cells.model_cells import score_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import attack_seconds
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.engine.cost import timed
from remnant.studies.subbanna2021.cells import attack_cell, seen, segmenter_cell
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
from remnant.studies.subbanna2021.folds import attacked_in, first_scans, read_fold
from remnant.studies.subbanna2021.membership import blind_cell, membership_cell
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

# Per scan and attack, in float16: the original and the reconstruction.
BYTES_A_VOXEL = 4


def scans_piece(run: Run, settings: StudySettings) -> Piece:
    """What the cells read, while they run."""
    data = read_fold(run, 0)
    size = settings.dealt * len(data) * data.images[0].numel() * BYTES_A_VOXEL
    return Piece("scans", "what all cells read, while they run", 0.0, size)


def costs_of(run: Run, settings: StudySettings) -> Callable[[Cell], Piece]:
    """Of a cell of the study, what it takes here; what only measures takes little beside, and is not counted."""
    data = read_fold(run, 0)
    few = data.take(range(SAMPLED))

    @cache
    def tried(network: str) -> tuple[float, Material]:
        """Seconds of an epoch of a segmenter, a scan, and the material of an attack on what that made."""
        recipe = settings.segmenter.changed(fit=settings.segmenter.fit.changed(epochs=1))
        given, models = (few.images, few.labels, len(data.classes), recipe, Seeds(0), _unheard), []
        seconds = timed(lambda: models.append(train_segmenter(network, *given))) / SAMPLED
        head = OutputHead("segmentation", "softmax", len(data.classes), probabilities=False)
        scans, roles = first_scans(data, None, everybody=True)
        known = dict(zip(scans.patients, roles.tolist(), strict=True))
        decoders = {name: getattr(settings, name) for name in {one.decoder for one in EXPERIMENTS.values()}}
        return seconds, Material(Audited(models[-1], head, batch=2), scans, known, {}, settings=decoders)

    @cache
    def decoded(network: str, decoder: str) -> float:
        _, material = tried(network)
        own = data.take(data.where("attacker"))
        return attack_seconds(decoder_attack(decoder), material, seen(material.target.module, few), own, 0)

    def piece_of(cell: Cell) -> Piece:
        network, given = cell.arguments.get("network", ""), cell.arguments
        if cell.work is segmenter_cell:
            kind = TARGETS[given["target"]]
            chosen: SegmenterSettings = getattr(settings, kind.settings)
            own = data.where(kind.group, visit=1)[: settings.few_of(given["target"])]
            return Piece("segmenters", "trainings", tried(network)[0] * len(own) * chosen.fit.epochs)
        if cell.work is attack_cell:
            chosen = EXPERIMENTS[given["experiment"]]
            size = len(attacked_in(data)) * data.images[0].numel() * BYTES_A_VOXEL
            seconds = 0.0 if chosen.trained_by else decoded(network, chosen.decoder)
            return Piece("attacks", "trainings of decoders", seconds, size)
        if cell.work is membership_cell:
            return score_piece(tried(network)[1], OUTPUT, AuditConfig())
        if cell.work is blind_cell:
            scans, roles = first_scans(data, None, everybody=True)
            return Piece(BLIND, "a classifier that never sees a network", blind_seconds(scans, np.array(roles)))
        return Piece("measures", "what is measured beside, not counted", 0.0)

    return piece_of


def _unheard(epoch: int, loss: float, validation: float | None) -> None:
    """Nobody is told of a training that is only timed."""
