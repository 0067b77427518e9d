"""A target as an audit takes it."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from remnant.attacks.prior import load_discriminator, load_prior
from remnant.attacks.prior.brought import BroughtPrior
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.device import place
from remnant.measure.roles import OTHER
from remnant.studies.lee2025.groups import OWN, ROLES, read_groups, roles_in
from remnant.studies.lee2025.settings import ATTACKS, StudySettings
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_file
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead
from remnant.targets.loading import load_target

HEAD = OutputHead("classification", "sigmoid", 1, probabilities=False)
BATCH = 64  # images that pass together


def material_of(
    run: Run, target: str, settings: StudySettings, prior: Path | None = None, module: nn.Module | None = None
) -> Material:
    """The target as it was trained, or another `module` in its place, with members and non-members of its source; with the file
    of a `prior` what draws images, too."""
    chosen, taken = TARGETS[target], settings.classifier(target).input_range
    groups = read_groups(run, chosen.source)
    parts = [groups[name] for name in ROLES]
    roles = roles_in(groups)
    if prior and settings.attack.likely.mahalanobis == "public":
        own = list(read_groups(run, OWN).values())
        parts, roles = [*parts, *own], roles | {patient: OTHER for part in own for patient in part.patients}
    labels = torch.cat([torch.as_tensor(part.labels) for part in parts]).float()
    images = Images(
        tuple(torch.cat([taken(part.images) for part in parts])),
        tuple(labels.where(labels >= 0, torch.nan)[:, None]),
        tuple(patient for part in parts for patient in part.patients),
        {name: np.concatenate([part.details[name] for part in parts]) for name in (AGE, SEX)},
    )
    brought = prior and BroughtPrior(load_prior(prior).generator, taken, load_discriminator(prior))
    if module is None:
        module = place(load_target(target_file(run, target))).eval().requires_grad_(False)
    return Material(
        Audited(module, HEAD, batch=BATCH),
        images,
        roles,
        {"name": target},
        prior=brought,
        settings=dict.fromkeys(ATTACKS, settings.attack),
    )
