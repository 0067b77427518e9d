"""Which cells the study has, and which waits for which."""

from collections.abc import Mapping
from typing import Any

from remnant.attacks.code_attributes import CODE_ATTRIBUTES
from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.code_cells import code_attribute_cell
from remnant.audit.cells.codes import worth_cell
from remnant.audit.cells.model_cells import score_cell
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.cells import Cell
from remnant.studies.kim2019.cells import audit_cell, blind_cell, inversion_cell, pairs_cell
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import TRAIN, cell_name, pretrain_cell, pretraining, train_cell
from remnant.studies.kim2019.variants import RAW, Variant

BLIND, PAIRS, INVERSION, ATTRIBUTES, MEMBERSHIP, WORTH = (
    "blind",
    "pairs",
    "inversion",
    "people",
    "membership",
    "worth",
)
VIEWS = ("code", "labels")


def cells_of(
    settings: StudySettings, variants: Mapping[str, Variant], scans: Images, second: tuple[str, ...]
) -> list[Cell]:
    """Every cell of a study: a pre-training of each recipe, a training of each variant, and the audit of what it sends."""
    cells = [Cell(BLIND, blind_cell, {"settings": settings})]
    # A variant after the other: the first is the control, and a stopped study has whole variants to show.
    begun = set()
    for name, variant in variants.items():
        training, before = cell_name(TRAIN, name), pretraining(variant.recipe)
        if before not in begun:
            cells.append(Cell(before, pretrain_cell, {"recipe": variant.recipe, "settings": settings}))
            begun.add(before)
        cells.append(Cell(training, train_cell, {"variant": name, "settings": settings}, (before,)))
        audit = audit_cells(name, variant, settings, scans, second)
        # The scans themselves are attacked as `raw`: of another recipe only discriminator and segmenter are others.
        own = {cell_name(PAIRS, name, "code"), cell_name(MEMBERSHIP, name), cell_name(WORTH, name)}
        cells += [cell for cell in audit if name == RAW or not variant.control or cell.name in own]
    return cells


def audit_cells(
    name: str, variant: Variant, settings: StudySettings, scans: Images, second: tuple[str, ...]
) -> list[Cell]:
    """The audit of what one variant sends, once it is trained."""
    given: dict[str, Any] = {"variant": name, "settings": settings}
    needs = (cell_name(TRAIN, name),)
    asked = (*VIEWS, "repeated") if variant.secret else VIEWS
    listed: dict[str, dict[str, Any]] = {
        WORTH: {"work": worth_cell, "second": second},
        MEMBERSHIP: {"work": score_cell, "attack": OUTPUT.name, "first": True},
        # What is planted in the scans themselves is the same for all variants.
        **(
            {ATTRIBUTES: {"work": code_attribute_cell, "attack": CODE_ATTRIBUTES.name, "planted": name == RAW}}
            if any(people_known(scans))
            else {}
        ),
    }
    # Who is asked about scans that are sent many times has learnt before, of scans that are sent once.
    before = {"repeated": (*needs, cell_name(PAIRS, name, "code"))}
    return [
        *(
            Cell(cell_name(PAIRS, name, shown), pairs_cell, {**given, "shown": shown}, before.get(shown, needs))
            for shown in asked
        ),
        *(Cell(cell_name(INVERSION, name, shown), inversion_cell, {**given, "shown": shown}, needs) for shown in VIEWS),
        *(Cell(cell_name(kind, name), audit_cell, {**given, **more}, needs) for kind, more in listed.items()),
    ]


def people_known(scans: Images) -> tuple[bool, bool]:
    """Whether age and sex can be learnt: two different ages, and both sexes, among the training patients."""
    ages, sexes = (scans.details[name][scans.where("training")] for name in (AGE, SEX))
    return len({*ages[ages >= 0].tolist()}) > 1, {0.0, 1.0} <= {*sexes.tolist()}
