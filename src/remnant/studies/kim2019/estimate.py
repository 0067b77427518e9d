"""What each cell will take: the audit's pieces for networks that nobody trained, and a step of their training."""

from collections.abc import Callable, Mapping
from functools import cache

import torch

from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.code_inversion import CODE_INVERSION
from remnant.attacks.membership.output import OUTPUT
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.blind import blind_piece
from remnant.audit.cells.code_cells import ATTRIBUTE_VIEWS, Shown, code_attribute_cell, view_seconds
from remnant.audit.cells.codes import worth_cell, worth_piece
from remnant.audit.cells.model_cells import score_cell, score_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import OwnLooks, scan_key
from remnant.cohort.images import Images
from remnant.engine.cells import Cell
from remnant.engine.cost import timed
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.studies.kim2019.cells import blind_cell, inversion_cell, pairs_cell
from remnant.studies.kim2019.materials import at_first_visits, untrained
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import pretrain_cell, train_cell
from remnant.studies.kim2019.variants import VARIANTS, Recipe

BYTES_A_VOXEL = 5  # of a scan with its labels
BYTES_DRAWN = 2  # likewise, of what is reconstructed
TRIED = 20  # times, at most, that a forecast sends a scan of the attacker's own
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
        step, own = untrained(settings, settings.trained_by(recipe).changed(method=method), scans, second)
        _as_if_sent(own)
        return step, own

    @cache
    def sending(recipe: Recipe, method: str) -> float:
        """Seconds of all that is sent once, and answered, for every cell that attacks it."""
        _, own = begun(recipe, method)
        assert own.sent
        view, seeds, scan = own.sent.view, own.sent.seeds, own.images.images[0]
        looks = settings.attack.looks * len(own.images.of(own.group(MEMBER))) if view.varies else 0
        return (len(scans) + looks) * timed(lambda: view.logits(view.code(scan[None], seeds)))

    @cache
    def view(recipe: Recipe, method: str, work: Callable, shown: Shown) -> float:
        return view_seconds(begun(recipe, method)[1], ATTACKS[work], shown, settings.seed)

    @cache
    def piece(recipe: Recipe, method: str, work: Callable, views: tuple[Shown, ...]) -> Piece:
        _, own = begun(recipe, method)
        if work is worth_cell:
            return worth_piece(own)
        if work is blind_cell:
            return blind_piece(own)
        attack = ATTACKS[work]
        if work is score_cell:
            return score_piece(at_first_visits(own), attack, AuditConfig(scenario="codes"))
        others = own.images.of(own.group(NON_MEMBER))
        drawn = BYTES_DRAWN * len(others) * others.images[0].numel() if work is inversion_cell else 0
        return Piece(attack.name, attack.words, sum(view(recipe, method, work, shown) for shown in views), drawn)

    def piece_of(cell: Cell) -> Piece:
        variant = VARIANTS.get(cell.arguments.get("variant", ""))
        recipe: Recipe = cell.arguments.get("recipe", "ours") if variant is None else variant.recipe
        # All networks of a recipe are pre-trained together.
        given = recipe, settings.trained_by(recipe).method if variant is None else variant.method
        if cell.work is pretrain_cell:
            steps = settings.trained_by(recipe).pretraining.steps
            return Piece("pretraining", "each network alone, on raw scans", steps * begun(*given)[0])
        if cell.work is train_cell:
            steps = sum(steps for part, steps in settings.trained_by(recipe).parts.items() if part != "pretraining")
            words = "networks against each other, and what they send of each scan"
            return Piece("training", words, steps * begun(*given)[0] + sending(*given))
        work, views = cell.arguments.get("work", cell.work), (cell.arguments.get("shown"),)
        if work is code_attribute_cell:
            views = ATTRIBUTE_VIEWS[: None if cell.arguments["planted"] else -1]
        return piece(*given, work, views)

    return piece_of


def _as_if_sent(own: Material) -> None:
    """Let what the attacker sees of his own scans be there, as it is once a variant was trained."""
    assert own.sent
    images = own.images.of(own.group(MEMBER))
    codes = torch.stack(images.images)
    maps = torch.zeros(codes[:, 0].shape, dtype=torch.uint8)
    keys = tuple(map(scan_key, images.images))
    own.sent.recall_looks(OwnLooks(keys, *(each.expand(TRIED, *each.shape) for each in (codes, maps))))
