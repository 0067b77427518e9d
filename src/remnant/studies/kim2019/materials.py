"""What the audit of one variant works on: the study's scans, and the networks that send and segment them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from remnant.audit.materials.code_material import material_of
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import OwnLooks, SentBefore
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import kept
from remnant.cohort.images import Images, first_visits
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.concealing import law_of
from remnant.defenses.privacynet.networks import Networks, load_discriminator
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.training import step_seconds
from remnant.defenses.privacynet.view import View
from remnant.studies.kim2019.settings import StudySettings

# The cohort that networks are trained and attacked on.
STUDY_COHORT = "study"
SENT = "sent"


def scans_file(run: Run, cohort: str = STUDY_COHORT) -> Path:
    """Where the prepared scans of a cohort lie."""
    return run.private / "scans" / f"{cohort}-images.npz"


def kept_scans(run: Run, cohort: str = STUDY_COHORT) -> Images:
    """They; raises `RemnantError` where they are missing or damaged."""
    return kept(scans_file(run, cohort), Images)


def sent_file(run: Run, variant: str) -> Path:
    """Where lies what a variant sends of the study's scans, and its server makes of it, while the study runs."""
    return run.private / SENT / f"{variant}.npz"


def looks_file(run: Run, variant: str) -> Path:
    """Where lies what an attacker sees of his own scans that he sends to a variant with a secret, while the study runs."""
    return run.private / SENT / f"{variant}-own.npz"


def material(
    run: Run, variant: str, settings: StudySettings, second: Sequence[str] = (), *, looks: bool = False
) -> Material:
    """What an audit of the networks in RUN/checkpoints/<variant> works on, with the scans of `second` cohorts; with `looks`
    for attacks that learn on the attacker's own scans."""
    folder = run.checkpoints / variant
    own = material_of(
        View.load(folder),
        load_discriminator(folder),
        kept_scans(run),
        settings.attack,
        settings.attack.worth,
        settings.seed,
        second={name: kept_scans(run, name) for name in second},
        model={"name": variant},
    )
    if own.sent and sent_file(run, variant).exists():
        own.sent.recall(kept(sent_file(run, variant), SentBefore))
    if own.sent and looks and looks_file(run, variant).exists():
        own.sent.recall_looks(kept(looks_file(run, variant), OwnLooks))
    return own


def at_first_visits(material: Material) -> Material:
    """The same of the first scan of each patient: his others are much alike, and to ask about each several times takes long."""
    images = material.images
    return replace(material, images=images.take(first_visits(images, range(len(images)))))


def untrained(
    settings: StudySettings, net: PrivacyNetSettings, scans: Images, second: Mapping[str, Images]
) -> tuple[float, Material]:
    """Seconds that a step of the training by `net` takes here, and the material of an audit of networks as it begins with."""
    networks = Networks.untrained(net, len(scans.classes), Seeds(0))
    seconds = step_seconds(networks, net, tuple(scans.images[0].shape[1:]))
    for network in vars(networks).values():
        network.eval()
    encoder = networks.encoder if net.encodes else None
    view = View(encoder, networks.segmenter, law_of(scans, net), net.patch, Grid.of(scans).spacing)
    given = settings.attack, settings.attack.worth, 0
    return seconds, material_of(view, networks.discriminator, scans, *given, second=second, model={})
