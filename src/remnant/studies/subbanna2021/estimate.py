"""What the study will take, said before it starts."""

from remnant.attacks.decoder import DECODERS
from remnant.base.progress import say
from remnant.base.run import Run
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.settings import StudySettings

# Seconds a voxel of one training step, measured on one core of an EPYC at 64x80x64 in float32: an order of magnitude
# elsewhere, which is what somebody needs to know who is about to wait.
SECONDS_A_VOXEL = {"unet": 2.0e-6, "segnet": 0.95e-6}
# Per scan and attack, in float16: the original and the reconstruction.
BYTES_A_VOXEL = 4


def foretell(run: Run, settings: StudySettings, workers: int) -> None:
    """Say how long the cells will take, and how much disk."""
    data = read_fold(run, 0)
    voxels = data.images[0].numel()
    own = len(data.where("attacker"))
    chosen = [EXPERIMENTS[name] for name in settings.experiments]
    kinds = {kind for experiment in chosen for kind in (experiment.target, experiment.encoder) if kind}
    seconds = 0.0
    for network in settings.networks:
        for kind in kinds:
            target = TARGETS[kind]
            epochs = getattr(settings, target.settings).fit.epochs
            scans = len(data.where(target.group, 1)[: settings.few if target.few else None])
            seconds += SECONDS_A_VOXEL[network] * scans * epochs
        for experiment in [each for each in chosen if not each.trained_by]:
            seconds += DECODERS[experiment.decoder].seconds(getattr(settings, experiment.decoder), own)
    times = settings.dealt * len(settings.networks)
    minutes = seconds * voxels * settings.dealt / workers / 60
    redrawn = len(data.where("member")) + len(data.where("non_member"))
    disk = (times * len(chosen) * redrawn + settings.dealt * len(data.images)) * voxels * BYTES_A_VOXEL / 1e6
    say(
        f"{times * len(kinds)} segmenters and {times * len(chosen)} attacks: about {max(1, round(minutes))} min with "
        f"{workers} workers, and {max(1, round(disk))} MB in {run.path} while they run."
    )
