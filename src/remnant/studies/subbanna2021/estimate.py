"""What the study will take, said before it starts: each network trained on two of its scans, once, and multiplied."""

import tempfile
from pathlib import Path

from remnant.attacks.attack import Work
from remnant.attacks.decoder import SAMPLED, decoder_attack
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted
from remnant.cohort.images import Images
from remnant.engine.cells import Cell, unfinished
from remnant.engine.cost import timed
from remnant.studies.subbanna2021.cells import attack_cell, seen, segmenter_cell
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.settings import StudySettings
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

# Per scan and attack, in float16: the original and the reconstruction.
BYTES_A_VOXEL = 4


def foretell(run: Run, settings: StudySettings, cells: list[Cell], workers: int) -> None:
    """Say how long the cells that are left will take, and how much disk; of none, nothing."""
    waiting = unfinished(run, cells)
    if not waiting:
        return
    data = read_fold(run, 0)
    seconds = sum(_seconds(settings, data, waiting, network) for network in settings.networks)
    trained, attacks = (sum(cell.work is work for cell in waiting) for work in (segmenter_cell, attack_cell))
    minutes = max(1, round(seconds / workers / 60))
    attacked = len(data.where("member")) + len(data.where("non_member"))
    disk = (attacks * attacked + settings.dealt * len(data)) * data.images[0].numel() * BYTES_A_VOXEL / 1e6
    say(
        f"{counted(trained, 'segmenter')} and {counted(attacks, 'attack')}: about {minutes} min with "
        f"{counted(workers, 'worker')}, and {max(1, round(disk))} MB in {run.path} while they run."
    )


def _seconds(settings: StudySettings, data: Images, waiting: list[Cell], network: str) -> float:
    """Of one network's cells, trainings alone: measuring takes little beside them."""
    here = [cell for cell in waiting if cell.arguments.get("network") == network]
    scans = data.take(range(SAMPLED))
    recipe = settings.segmenter.changed(fit=settings.segmenter.fit.changed(epochs=1))
    models = []

    def segmenter() -> None:
        images, labels = data.images[:SAMPLED], data.labels[:SAMPLED]
        models.append(train_segmenter(network, images, labels, len(data.classes), recipe, Seeds(0), _unheard))

    step = timed(segmenter) / SAMPLED
    seconds = 0.0
    for cell in here:
        if cell.work is segmenter_cell:
            kind = TARGETS[cell.arguments["target"]]
            chosen: SegmenterSettings = getattr(settings, kind.settings)
            own = data.where(kind.group, visit=1)[: settings.few_of(cell.arguments["target"])]
            seconds += step * len(own) * chosen.fit.epochs
    names = [cell.arguments["experiment"] for cell in here if cell.work is attack_cell]
    decoders = [EXPERIMENTS[name].decoder for name in names if not EXPERIMENTS[name].trained_by]
    access, own = seen(models[-1], scans), data.take(data.where("attacker"))
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Seeds(0), Path(folder), hear=_unheard)
        for name in dict.fromkeys(decoders):
            seconds += decoders.count(name) * decoder_attack(name).cost(access, own, getattr(settings, name), work)
    return seconds


def _unheard(epoch: int, loss: float, validation: float | None) -> None:
    """Nobody is told of a training that is only timed."""
