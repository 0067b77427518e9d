"""What each cell will take: the audit's pieces for networks that nobody trained, and a step of their training."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.blind import blind_piece
from remnant.audit.cells.code_cells import VIEW_COUNTS, code_attribute_cell
from remnant.audit.cells.codes import worth_cell, worth_piece
from remnant.audit.cells.kinds import kind_of
from remnant.audit.cells.model_cells import score_cell
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.cohort.images import Images
from remnant.engine.cells import Cell
from remnant.studies.kim2019.cells import blind_cell, inversion_cell, pairs_cell
from remnant.studies.kim2019.materials import at_first_visits, untrained
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import pretrain_cell, train_cell
from remnant.studies.kim2019.variants import VARIANTS, Recipe

BYTES_A_VOXEL = 5  # of a scan with its labels
# The attack of a cell, by its work.
ATTACKS = {
    pairs_cell: VERIFICATION,
    inversion_cell: CODE_INVERSION,
    code_attribute_cell: CODE_ATTRIBUTES,
    score_cell: OUTPUT,
}


def scans_piece(scans: Images) -> Piece:
    """What the cells read."""
    size = len(scans) * scans.images[0].numel() * BYTES_A_VOXEL
    return Piece("scans", "what all cells read, while they run", 0.0, size)


def costs_of(settings: StudySettings, scans: Images, second: Mapping[str, Images]) -> Callable[[Cell], Piece]:
    """Of a cell of the study, what it takes here. Variants of one recipe and method take as long."""

    @cache
    def begun(recipe: Recipe, method: str) -> tuple[float, Material]:
        return untrained(settings, settings.trained_by(recipe).changed(method=method), scans, second)

    @cache
    def piece(recipe: Recipe, method: str, work: Callable) -> Piece:
        _, own = begun(recipe, method)
        if work is worth_cell:
            return worth_piece(own)
        if work is blind_cell:
            return blind_piece(own)
        attack = ATTACKS[work]
        own = at_first_visits(own) if work is score_cell else own
        found = kind_of(attack).piece(own, attack, AuditConfig(scenario="codes"))
        # Age and sex are read in one cell; of pairs and reconstructions each view is one.
        views = VIEW_COUNTS[attack.claim] if work in (pairs_cell, inversion_cell) else 1
        return replace(found, seconds=found.seconds / views, bytes=found.bytes // 2 if views > 1 else found.bytes)

    def piece_of(cell: Cell) -> Piece:
        variant = VARIANTS.get(cell.arguments.get("variant", ""))
        recipe: Recipe = cell.arguments.get("recipe", "ours") if variant is None else variant.recipe
        given = recipe, "none" if variant is None else variant.method
        if cell.work is pretrain_cell:
            steps = settings.trained_by(recipe).pretraining.steps
            return Piece("pretraining", "each network alone, on raw scans", steps * begun(*given)[0])
        if cell.work is train_cell:
            steps = sum(steps for part, steps in settings.trained_by(recipe).parts.items() if part != "pretraining")
            return Piece("training", "networks against each other", steps * begun(*given)[0])
        return piece(*given, cell.arguments.get("work", cell.work))

    return piece_of
