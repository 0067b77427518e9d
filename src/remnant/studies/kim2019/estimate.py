"""What the study will take, said before it starts: every network tried once here, on a scan of the study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from remnant.attacks.adversaries import MARGIN
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.scans import Scans
from remnant.cohort.spoilt import CONDITIONS
from remnant.defenses.privacynet.networks import Networks
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.engine.cells import Cell, unfinished
from remnant.engine.cost import timed
from remnant.engine.device import as_batch, fabric, place
from remnant.engine.stitch import stitched
from remnant.measure.images import union_box
from remnant.nets.inversion import CodeDecoder
from remnant.nets.siamese import build_trunk
from remnant.studies.kim2019.attacking import IDENTITY, INVERSION
from remnant.studies.kim2019.membership import BLIND
from remnant.studies.kim2019.querying import AVERAGED, QUERIES
from remnant.studies.kim2019.reading import PEOPLE
from remnant.studies.kim2019.records import VIEWS
from remnant.studies.kim2019.seeing import SEE
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import PRETRAIN, TRAIN
from remnant.studies.kim2019.transfer import TRANSFER
from remnant.studies.kim2019.variants import Recipe, Variant

BLIND_SECONDS = 10.0  # of small regressions, whatever the scans
# Seconds of a pair of scans, measured on one core of an EPYC.
SSIM_A_VOXEL = 1.3e-8
REGISTRATION_A_VOXEL = 2e-6
BYTES_A_VOXEL = (5, 3)  # of a scan with its labels, and of a code with its map


@dataclass(frozen=True)
class Costs:
    """Seconds on this machine: a `step` of the game, to `encode` and to `segment` a scan, a training step of a fresh adversary
    on one code by `trunk`, of the inversion decoder on one, and of a segmenter on one patch.
    """

    step: float
    encode: float
    segment: float
    trunk: Mapping[str, float]
    decoder: float
    patch: float


def foretell(
    run: Run,
    nets: Mapping[Recipe, PrivacyNetSettings],
    attack: AttackSettings,
    variants: Mapping[str, Variant],
    cells: Sequence[Cell],
    scans: Scans,
    second: int,
    workers: int,
) -> None:
    """Say how long the cells that are left will take, the longest of them too, and how much disk; of none, nothing.

    `nets`: by recipe; `second`: patients of second cohorts.
    """
    waiting = unfinished(run, cells)
    if not waiting:
        return
    costs = {recipe: costs_of(net, attack, scans) for recipe, net in nets.items()}
    each = {
        cell.name: seconds_of(cell, costs[recipe], nets[recipe], attack, variants, scans, second)
        for cell in waiting
        for recipe in [_recipe(cell, variants)]
    }
    longest = max(each, key=lambda name: each[name])
    total = sum(each.values()) / min(workers, len(waiting))
    disk = scans.images.size * (BYTES_A_VOXEL[0] + BYTES_A_VOXEL[1] * len(variants))
    say(
        f"{counted(len(variants), 'way')} to send a scan, {counted(len(waiting), 'cell')}: about "
        f"{max(1, round(total / 60))} min with {counted(workers, 'worker')}, "
        f"{max(1, round(each[longest] / 60))} min the longest ({longest}), and {max(1, round(disk / 1e6))} MB in "
        f"{run.path} while they run."
    )


def seconds_of(
    cell: Cell,
    costs: Costs,
    net: PrivacyNetSettings,
    attack: AttackSettings,
    variants: Mapping[str, Variant],
    scans: Scans,
    second: int,
) -> float:
    """About how long a cell takes, by what it does most."""
    kind = cell.name.partition("-")[0]
    if kind == PRETRAIN:
        return net.pretraining.steps * costs.step
    if kind == TRAIN:
        return net.adversarial.steps * costs.step
    if kind == BLIND:
        return BLIND_SECONDS
    encodes = variants[cell.arguments["variant"]].encodes
    registration = scans.images[0].size * REGISTRATION_A_VOXEL
    # Of codes that show a head, shapes are compared too.
    encode, shape = (costs.encode, 0.0) if encodes else (0.0, registration)
    own, test = len(scans.where("training")), len(scans.where("test"))
    secret = variants[cell.arguments["variant"]].secret
    looks = attack.looks if secret else 1
    # Without a secret an attacker has what the server saw of its own scans.
    made = looks * own if secret else 0
    if kind == SEE:
        spoilt = min(attack.degraded, test) * len(CONDITIONS)
        return (len(scans.patients) + spoilt) * (encode + costs.segment)
    if kind == TRANSFER:
        retraining = 2 * attack.retraining.steps * attack.retraining_batch * costs.patch
        return 2 * second * (encode + costs.segment) + retraining
    if kind == PEOPLE:
        trained = len(VIEWS) * own * attack.people.fit.epochs * costs.trunk[attack.people.trunk]
        return made * (2 * encode + costs.segment) + trained
    if kind == QUERIES:
        seen = 2 * attack.queried * attack.queries.queries
        if cell.name.startswith(AVERAGED):
            return (seen + made) * (encode + shape) + _adversaries(costs, attack)
        registered = 2 * seen * (attack.queries.rounds + 1) + 4 * attack.queried * (1 + attack.negatives)
        adversaries = _adversaries(costs, attack) / attack.adversaries.seeds
        return 2 * seen * encode + registered * registration + adversaries
    look = encode + (costs.segment if cell.arguments["view"] == "labels" else 0.0)
    if kind == IDENTITY:
        return made * look + (looks * own + test) * shape + _adversaries(costs, attack)
    if kind == INVERSION:
        epoch = own * (look + (1 + attack.redraw.replays) * costs.decoder)
        return attack.redraw.fit.epochs * epoch + 2 * test**2 * scans.images[0].size * SSIM_A_VOXEL
    return test * look


def _recipe(cell: Cell, variants: Mapping[str, Variant]) -> Recipe:
    """By what recipe the networks of a cell are; that of the study for what has none."""
    variant = variants.get(cell.arguments.get("variant", ""))
    return cell.arguments.get("recipe", "ours") if variant is None else variant.recipe


def _adversaries(costs: Costs, attack: AttackSettings) -> float:
    """Seconds that the fresh adversaries of one view are trained."""
    chosen = attack.adversaries
    shown = 2 * chosen.reidentifier.pairs * chosen.reidentifier.fit.epochs * chosen.seeds
    return shown * sum(costs.trunk[name] for name in chosen.trunks)


def costs_of(net: PrivacyNetSettings, attack: AttackSettings, scans: Scans) -> Costs:
    """Every network tried on the first scan."""
    networks = Networks.untrained(net, len(scans.classes), Seeds(0))
    scan = torch.from_numpy(scans.images[0])
    code = as_batch(scan[None])
    patch = as_batch(torch.rand(2 * net.batch, 1, *(net.patch,) * 3))
    # As many as a step has: a volume alone takes several times as long.
    side, together = attack.adversaries.reidentifier.patch, 2 * attack.adversaries.reidentifier.batch
    heads = [part.stop - part.start for part in union_box(scans.images[:, 0], margin=MARGIN)]
    seen = as_batch(torch.rand(together, 1, *(heads if side is None else (side,) * 3)))
    names = {*attack.adversaries.trunks, attack.people.trunk}

    def step() -> None:
        with fabric().autocast():
            drawn = networks.encoder(patch)
            logits = networks.segmenter(drawn).float().sum() + networks.discriminator(*drawn.chunk(2)).float().sum()
        logits.backward()

    for network in vars(networks).values():
        place(network)
    played = timed(step)
    single = timed(lambda: _step(networks.segmenter, patch)) / len(patch)
    trunks = {name: timed(lambda name=name: _step(place(build_trunk(name)), seen)) / together for name in names}
    decoder = place(CodeDecoder(tuple(scan.shape[1:]), 1, attack.redraw.widths))
    drawn = timed(lambda: _step(decoder, code))
    for network in vars(networks).values():
        network.eval()
    encode = timed(lambda: stitched(networks.encoder, scan, net.patch))
    segment = timed(lambda: stitched(networks.segmenter, scan, net.patch))
    # The discriminator has a step of its own.
    return Costs(1.3 * played, encode, segment, trunks, drawn, single)


def _step(network: nn.Module, batch: torch.Tensor) -> None:
    with fabric().autocast():
        loss = network(batch).float().sum()
    loss.backward()
