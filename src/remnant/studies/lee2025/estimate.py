"""What the study will take, said before it starts."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from remnant.attacks.checkpoint.audited import AUTHOR, GMI, JOINT, PIXELS
from remnant.attacks.checkpoint.oracles import SETS
from remnant.attacks.demographics import NETWORK
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.base.texts import counted
from remnant.engine.cells import Cell, unfinished
from remnant.engine.cost import timed
from remnant.engine.device import fabric, place
from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.cells import attack_cell, blind_cell, output_cell, reader_cell
from remnant.studies.lee2025.groups import OWN, groups_file, read_groups
from remnant.studies.lee2025.oracles import ceiling_cell, identifiability_cell
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_cell

TRIED = 8  # images of the step that is timed, as many as a step of stage 1 has
# What a step of an attack costs beside the target's own: the generator, hooks, and both directions through all of it.
BESIDE = 1.3
# Of an image that is only looked at, against one that is trained on.
LOOK = 0.3
BLIND = 2  # seconds of the blind baseline of a source, about
SPACES = 3  # in which candidates are held against patients
# How often a target is asked about each image: at nine places, and once of its members for its task.
SHIFTS = 10


@dataclass(frozen=True)
class Load:
    """What a target costs: `seconds` that one image takes through a training step, `members` that candidates are compared
    with, as many of others, and the `epochs` of its own training on them."""

    seconds: float
    members: int
    epochs: int


def loads_of(run: Run, settings: StudySettings) -> dict[str, Load]:
    """The load of every target of a study; networks of one kind are timed once."""
    networks = {name: TARGETS[name].network for name in settings.targets}
    chosen = {network: getattr(settings, network) for network in set(networks.values())}
    once = {
        network: _seconds_of(build_classifier(**own.build_arguments), own.input_range.channels, own.input_range.size)
        for network, own in chosen.items()
    }
    sources = {TARGETS[name].source for name in networks}
    members = {source: len(read_groups(run, source)["members"].patients) for source in sources}
    return {
        name: Load(once[network], members[TARGETS[name].source], _epochs(settings, name))
        for name, network in networks.items()
    }


def _epochs(settings: StudySettings, target: str) -> int:
    """How many epochs a target is trained for itself: none where it takes over another's weights."""
    return 0 if TARGETS[target].swapped else settings.classifier(target).fit.epochs


def foretell(
    run: Run, settings: StudySettings, cells: list[Cell], workers: int, *, loads: Mapping[str, Load], side: int
) -> None:
    """Say how long the cells that are left will take, by one step of each network here, and how much disk; of none, nothing.

    `loads` by the name of the target; candidates have `side` pixels a side.
    """
    waiting = unfinished(run, cells)
    if not waiting:
        return
    reading = _seconds_of(build_classifier(NETWORK, channels=1, classes=2), 1, settings.demographic.input_range.size)
    seconds = disk = 0.0
    for cell in waiting:
        if cell.work is reader_cell:
            seconds += reading * len(read_groups(run, OWN)["training"].patients) * settings.demographic.fit.epochs
            continue
        if cell.work is blind_cell:
            seconds += BLIND
            continue
        if cell.work is ceiling_cell:
            # A generator's step is cheaper than a target's with it.
            seconds += BESIDE * max(load.seconds for load in loads.values()) * _inverted(settings)
            continue
        load = loads[cell.arguments["target"]]
        if cell.work is identifiability_cell:
            seconds += LOOK * load.seconds * 3 * SETS * settings.attack.manifold.batch
            continue
        if cell.work is output_cell:
            seconds += LOOK * load.seconds * 2 * load.members * SHIFTS
            continue
        if cell.work is target_cell:
            seconds += load.seconds * load.members * load.epochs
            continue
        attack = cell.arguments["attack"]
        drawn, images = _work(settings, attack, controls=GMI.name not in settings.methods_on(cell.arguments["target"]))
        seconds += BESIDE * load.seconds * images + LOOK * 2 * (load.seconds + reading) * (drawn + 2 * load.members)
        disk += drawn * (side**2 + 4 * SPACES * 2 * load.members)
    trained, attacks = (sum(cell.work is work for cell in waiting) for work in (target_cell, attack_cell))
    disk += sum(file.stat().st_size for file in groups_file(run, OWN).parent.glob("*"))
    minutes = max(1, round(seconds / min(workers, len(waiting)) / 60))
    early = " (less where a loss levels off early)" if settings.attack.manifold.plateau else ""
    say(
        f"{counted(trained, 'target')} and {counted(attacks, 'attack')}: about {minutes} min with "
        f"{counted(workers, 'worker')}{early}, and {max(1, round(disk / 1e6))} MB beside the targets in "
        f"{run.path} while they run."
    )


def _work(settings: StudySettings, attack: str, *, controls: bool) -> tuple[int, int]:
    """How many images an attack draws, and how many pass through the target on the way, to and fro; with its `controls`, where
    the search by class has not left them."""
    own = settings.attack
    stage1 = own.author if attack == AUTHOR.name else own.manifold
    drawn = {PIXELS.name: own.pixels.images, GMI.name: own.gmi.images, JOINT.name: own.joint.images}.get(
        attack, own.candidates
    )
    passing = {
        PIXELS.name: 2 * own.pixels.images * own.pixels.steps,
        GMI.name: own.gmi.images * own.gmi.steps,
        JOINT.name: own.joint.images * own.joint.steps,
    }.get(attack, stage1.steps * stage1.batch)
    by_class = own.gmi.images * own.gmi.steps if controls and attack != PIXELS.name else 0
    return drawn + own.candidates * (controls or attack == GMI.name), passing + by_class


def _inverted(settings: StudySettings) -> int:
    """How many images pass through the generator, to and fro, for the prior's ceiling."""
    return settings.ceiling.images * settings.ceiling.steps


def _seconds_of(model: nn.Module, channels: int, size: int) -> float:
    """Seconds that a training step takes an image, or an attack's where the weights are frozen."""
    model = place(model)
    images = torch.rand(TRIED, channels, size, size, device=fabric().device, requires_grad=True)

    def step() -> None:
        with fabric().autocast():
            loss = model(images).float().sum()
        loss.backward()
        loss.item()

    return timed(step, times=3) / TRIED
