"""What the study will take, said before it starts: the audit's forecast on networks that nobody trained, and their step."""

from collections.abc import Mapping, Sequence

import torch

from remnant.attacks.people import PEOPLE
from remnant.attacks.redraw import REDRAW
from remnant.attacks.verification import VERIFICATION
from remnant.audit.cells.code_costs import VIEWS, code_piece, worth_piece
from remnant.audit.materials.code_material import material_of
from remnant.audit.materials.material import Material
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.images import Images
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.view import View
from remnant.engine.cells import Cell, unfinished
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, fabric, place
from remnant.studies.kim2019.plan import ATTRIBUTES, BLIND, INVERSION, MEMBERSHIP, PAIRS, WORTH
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.training import PRETRAIN, TRAIN
from remnant.studies.kim2019.variants import Recipe, Variant

BLIND_SECONDS = 10.0  # of small regressions, whatever the scans
MEMBERSHIP_LOOKS = 5  # at each scan: as it is, and in four places
BYTES_A_VOXEL = (
    5,
    4,
)  # of a scan with its labels, and of what is reconstructed of it from a code and from its segmentation
ATTACKS = {PAIRS: VERIFICATION, INVERSION: REDRAW, ATTRIBUTES: PEOPLE}


def foretell(
    run: Run,
    settings: StudySettings,
    variants: Mapping[str, Variant],
    cells: Sequence[Cell],
    scans: Images,
    second: Mapping[str, Images],
    workers: int,
) -> None:
    """Say how long the cells that are left will take, the longest of them too, and how much disk; of none, nothing."""
    waiting = unfinished(run, cells)
    if not waiting:
        return
    costs: dict[tuple[Recipe, str], dict[str, float]] = {}
    each = {}
    for cell in waiting:
        variant = variants.get(cell.arguments.get("variant", ""))
        recipe: Recipe = cell.arguments.get("recipe", "ours") if variant is None else variant.recipe
        method = "none" if variant is None else variant.method
        if (recipe, method) not in costs:
            costs[recipe, method] = costs_of(
                settings, settings.trained_by(recipe).changed(method=method), scans, second
            )
        each[cell.name] = costs[recipe, method][cell.name.partition("-")[0]]
    longest = max(each, key=lambda name: each[name])
    total = sum(each.values()) / min(workers, len(waiting))
    disk = len(scans) * scans.images[0].numel() * (BYTES_A_VOXEL[0] + BYTES_A_VOXEL[1] * len(variants))
    say(
        f"{counted(len(variants), 'way')} to send a scan, {counted(len(waiting), 'cell')}: about "
        f"{max(1, round(total / 60))} min with {counted(workers, 'worker')}, "
        f"{max(1, round(each[longest] / 60))} min the longest ({longest}), and {max(1, round(disk / 1e6))} MB in "
        f"{run.path} while they run."
    )


def costs_of(
    settings: StudySettings, net: PrivacyNetSettings, scans: Images, second: Mapping[str, Images]
) -> dict[str, float]:
    """Seconds of a cell on this machine by its kind, of a variant that is trained by `net`."""
    networks = Networks.untrained(net, len(scans.classes), Seeds(0))
    step = _step_of(networks, net)
    for network in vars(networks).values():
        network.eval()
    encoder = networks.encoder if net.method in ("encoder", "both") else None
    secret = net.secret if net.method in ("deformation", "both") else None
    view = View(encoder, networks.segmenter, secret, net.patch, Grid.of(scans).spacing)
    own = material_of(
        view, networks.discriminator, scans, settings.attack, settings.attack.worth, 0, second=second, model={}
    )
    looked = timed(lambda: own.target.forward(own.images.images[0][None]))
    return {
        PRETRAIN: net.pretraining.steps * step,
        TRAIN: net.adversarial.steps * step,
        BLIND: BLIND_SECONDS,
        MEMBERSHIP: MEMBERSHIP_LOOKS * looked * len(own.candidates),
        WORTH: worth_piece(own).seconds,
        **{kind: _cell(own, kind) for kind in ATTACKS},
    }


def _cell(own: Material, kind: str) -> float:
    attack = ATTACKS[kind]
    seconds = code_piece(own, attack, 0).seconds
    # Age and sex are read in one cell; of the others each view is one.
    return seconds if attack is PEOPLE else seconds / VIEWS[attack.claim]


def _step_of(networks: Networks, net: PrivacyNetSettings) -> float:
    """Seconds of a step of the game."""
    for network in vars(networks).values():
        place(network)
    patch = as_batch(torch.rand(2 * net.batch, 1, *(net.patch,) * 3))

    def step() -> None:
        with fabric().autocast():
            drawn = networks.encoder(patch)
            logits = networks.segmenter(drawn).float().sum() + networks.discriminator(*drawn.chunk(2)).float().sum()
        logits.backward()

    # The discriminator has a step of its own.
    return 1.3 * timed(step)
