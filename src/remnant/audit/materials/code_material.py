"""The material of an audit of codes, made of prepared scans and of the networks that send and segment them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from remnant.attacks.code_attacks import CodeAttacks
from remnant.audit.findings.worth import WorthSettings
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import Sent, Served
from remnant.base.results import Value
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.cohort.scans import Scans
from remnant.defenses.privacynet.view import View
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.siamese import Siamese
from remnant.targets.audited import Audited
from remnant.targets.head import Head

ROLES = {"training": MEMBER, "test": NON_MEMBER}
TOGETHER = 2  # whole scans that are answered together


def material_of(
    view: View,
    discriminator: Siamese | None,
    scans: Scans,
    attacks: CodeAttacks,
    worth: WorthSettings,
    seed: int,
    *,
    second: Mapping[str, Scans],
    model: Mapping[str, Value],
) -> Material:
    """Both networks as one target, and what they send of `scans`, whose training patients the attacker is taken to own.

    `discriminator`: whom the encoder was trained against. `worth` is measured on `second` cohorts as well. `model` as in
    `Material`, and how many parameters there are.
    """
    images = images_of(scans, [*scans.where("training"), *scans.where("test")])
    real = scans.where("test", "real") if scans.kind == "simulated" else np.array([], int)
    # Pairs take two people.
    beside = images_of(scans, real) if len({scans.patients[i] for i in real}) > 1 else None
    sent = Sent(view, Seeds(seed).child("audit", "sent"), images, discriminator, beside, scans.classes, second, worth)
    served = Served(sent).eval()
    target = Audited(
        served, Head("segmentation", "softmax", len(scans.classes), False), lambda batch: served(batch), batch=TOGETHER
    )
    return Material(
        target,
        images,
        roles_of(scans),
        {**model, "parameters": sum(weight.numel() for weight in served.parameters()), "visits": scans.kind},
        sent=sent,
        settings=attacks.by_name(),
    )


def roles_of(scans: Scans) -> dict[str, int]:
    """The role of each patient in an audit."""
    return {patient: ROLES[role] for patient, role in zip(scans.patients, scans.roles, strict=True)}


def images_of(scans: Scans, chosen: Sequence[int] | np.ndarray) -> Images:
    """The chosen scans with their label maps, ages and sexes (1 for a man)."""
    sexes = np.array([{"M": 1.0, "F": 0.0}.get(scans.sexes[i], np.nan) for i in chosen])
    return Images(
        tuple(torch.from_numpy(scans.images[i]) for i in chosen),
        tuple(torch.from_numpy(scans.labels[i]) for i in chosen),
        tuple(scans.patients[i] for i in chosen),
        {AGE: scans.ages[np.asarray(chosen, int)], SEX: sexes},
    )
