"""The cells that ask a target of the study about everybody, and the blind baseline beside them."""

from typing import Any

import numpy as np

from remnant.attacks.membership.output import OUTPUT
from remnant.audit.cells.blind import blind_of
from remnant.audit.cells.kept import keep_scores
from remnant.audit.cells.model_cells import work_of
from remnant.base.run import Run
from remnant.studies.subbanna2021.experiments import TARGETS
from remnant.studies.subbanna2021.folds import first_scans, load_target, part_of, read_fold, seen_by
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.seen import seen_outputs


def membership_cell(run: Run, network: str, fold: int, target: str, settings: StudySettings) -> dict[str, Any]:
    """The audit's attack by the model's own output, of everybody who has a role in some fold: the pooled test deals them anew."""
    data = seen_by(read_fold(run, fold), TARGETS[target])
    scans, roles = first_scans(data, settings.few_of(target), everybody=settings.design != "swap")
    head = OutputHead("segmentation", "softmax", len(data.classes), probabilities=False)
    audited = Audited(load_target(run, network, fold, target), head, batch=2)
    part = part_of(run, network, fold, target)
    claims = OUTPUT.run(seen_outputs(audited, scans), None, OUTPUT.settings(), work_of(part, OUTPUT, settings.seed))
    keep_scores(part, OUTPUT.name, claims)
    return {
        "network": network,
        "fold": fold,
        "output_of": target,
        "patients": scans.patients,
        "roles": roles.tolist(),
    }


def blind_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """The blind baseline for the patients of one kind of target, in all folds together."""
    few, roles = settings.few_of(target), []
    for fold in range(settings.dealt):
        data = seen_by(read_fold(run, fold), TARGETS[target])
        scans, own = first_scans(data, few, everybody=settings.design != "swap")
        roles.append(own)
    return {"blind_of": target, "controls": [blind_of(scans, np.stack(roles), settings.seed).model_dump(mode="json")]}
