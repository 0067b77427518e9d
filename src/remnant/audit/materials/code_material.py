"""The material of an audit of codes, made of prepared scans and of the networks that send and segment them."""

from collections.abc import Mapping

from remnant.attacks.code_attacks import CodeAttacks
from remnant.audit.findings.worth import WorthSettings
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import Sent, ServedNetwork
from remnant.base.results import Value
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.defenses.privacynet.view import View
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.nets.siamese import Siamese
from remnant.targets.audited import Audited
from remnant.targets.head import OutputHead

ROLES = {"training": MEMBER, "test": NON_MEMBER}
TOGETHER = 2  # whole scans that are answered together


def material_of(
    view: View,
    discriminator: Siamese | None,
    scans: Images,
    attacks: CodeAttacks,
    worth: WorthSettings,
    seed: int,
    *,
    second: Mapping[str, Images],
    model: Mapping[str, Value],
) -> Material:
    """Both networks as one target, and what they send of `scans`, whose training patients the attacker is taken to own.

    `discriminator`: whom the encoder was trained against. `worth` is measured on `second` cohorts as well. `model` as in
    `Material`, and how many parameters there are.
    """
    images = attacked_of(scans)
    real = scans.where("test", kind="real") if scans.kind == "simulated" else []
    # Pairs take two people.
    beside = scans.apart().take(real) if len({scans.patients[i] for i in real}) > 1 else None
    sent = Sent(view, Seeds(seed).child("audit", "sent"), images, discriminator, beside, scans.classes, second, worth)
    served = ServedNetwork(sent).eval()
    target = Audited(
        served,
        OutputHead("segmentation", "softmax", len(scans.classes), False),
        lambda batch: served(batch),
        batch=TOGETHER,
    )
    return Material(
        target,
        images,
        roles_of(scans),
        {**model, "parameters": sum(weight.numel() for weight in served.parameters()), "visits": scans.kind},
        sent=sent,
        settings=attacks.by_name(),
    )


def roles_of(scans: Images) -> dict[str, int]:
    """The role of each patient in an audit."""
    return {patient: ROLES[role] for patient, role in zip(scans.patients, scans.roles, strict=True)}


def attacked_of(scans: Images) -> Images:
    """The scans of training patients, and then of test patients."""
    return scans.apart().take([*scans.where("training"), *scans.where("test")])
