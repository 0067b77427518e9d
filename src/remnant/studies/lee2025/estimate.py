"""What the study will take, said before it starts."""

import time

import torch
from torch import nn

from remnant.attacks.checkpoint.methods import METHODS
from remnant.attacks.demographics import NETWORK
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.engine.cells import THREADS, Cell, unfinished
from remnant.engine.device import fabric, place
from remnant.nets.classifiers import build_classifier
from remnant.studies.lee2025.cells import DEMOGRAPHICS, attack_cell, target_cell
from remnant.studies.lee2025.kept import OWN, read_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import TARGETS

TRIED = 8  # images of the step that is timed, as many as a step of stage 1 has
TIMES = 3  # how often: the first is slow, and others may be at work
# What a step of an attack costs beside the target's own: the generator, hooks, and both directions through all of it.
BESIDE = 1.3
# Of an image that is only looked at, against one that is trained on.
LOOK = 0.3


def foretell(run: Run, settings: StudySettings, cells: list[Cell], workers: int) -> None:
    """Say how long the cells that are left will take, by one step of each network here, and how much disk; of none, nothing."""
    waiting = unfinished(run, cells)
    if not waiting:
        return
    groups = {source: read_groups(run, source) for source in {TARGETS[name].source for name in settings.targets}}
    own = read_groups(run, OWN)
    costs = {name: _seconds_an_image(settings, name) for name in {TARGETS[name].network for name in settings.targets}}
    reading = _timed(build_classifier(NETWORK, channels=1, classes=2), 1, settings.demographic.input_range.size)
    seconds = disk = 0.0
    for cell in waiting:
        if cell.name == DEMOGRAPHICS:
            seconds += reading * len(own["training"].patients) * settings.demographic.fit.epochs
            continue
        target = cell.arguments["target"]
        chosen, cost = settings.classifier(target), costs[TARGETS[target].network]
        members = len(groups[TARGETS[target].source]["members"].patients)
        if cell.work is target_cell:
            seconds += cost * members * chosen.fit.epochs
            continue
        for number, method in enumerate(cell.arguments["methods"]):
            drawn, images = _work(settings, method, first=not number)
            seconds += BESIDE * cost * images + LOOK * 2 * (cost + reading) * (drawn + 2 * members)
            disk += drawn * (settings.side**2 + 4 * 6 * 2 * members)
    trained, attacks = (sum(cell.work is work for cell in waiting) for work in (target_cell, attack_cell))
    disk += sum(group.images.nbytes for part in (*groups.values(), own) for group in part.values())
    minutes = max(1, round(seconds / min(workers, len(waiting)) / 60))
    early = " (less where a loss levels off early)" if settings.attack.manifold.plateau else ""
    say(
        f"{trained} targets and {attacks} attacks: about {minutes} min with {workers} workers{early}, "
        f"and {max(1, round(disk / 1e6))} MB beside the targets in {run.path} while they run."
    )


def _work(settings: StudySettings, method: str, *, first: bool) -> tuple[int, int]:
    """How many candidates a method draws, and how many images pass through the target, to and fro; stage 1 in the `first`."""
    attack = settings.attack
    tuning = attack.manifold.steps * attack.manifold.batch
    own = {
        "pixels": attack.pixels,
        "gmi": attack.gmi,
        "joint": attack.joint,
    }.get(method)
    drawn = own.images if own else attack.candidates
    searched = own.images * own.steps if own else 0
    untuned = METHODS[method].tune is METHODS["prior"].tune
    return drawn, searched + (tuning if first and not untuned else 0)


def _seconds_an_image(settings: StudySettings, network: str) -> float:
    chosen = getattr(settings, network)
    return _timed(build_classifier(**chosen.build_arguments), chosen.input_range.channels, chosen.input_range.size)


def _timed(model: nn.Module, channels: int, size: int) -> float:
    """Seconds that a training step takes an image."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        model, images = place(model), torch.rand(TRIED, channels, size, size, device=fabric().device)
        taken = []
        for _ in range(TIMES):
            started = time.monotonic()
            with fabric().autocast():
                loss = model(images).float().sum()
            loss.backward()
            loss.item()
            taken.append(time.monotonic() - started)
        return min(taken) / TRIED
    finally:
        torch.set_num_threads(threads)
