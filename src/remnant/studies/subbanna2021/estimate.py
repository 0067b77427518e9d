"""What the study will take, said before it starts."""

from remnant.attacks.decoder import DECODERS
from remnant.base.progress import say
from remnant.base.run import Run
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
    members, own = len(data.where("member", 1)), len(data.where("attacker"))
    seconds = 0.0
    for network in settings.networks:
        seconds += SECONDS_A_VOXEL[network] * members * settings.segmenter.fit.epochs
        for decoder in settings.decoders:
            seconds += DECODERS[decoder].seconds(getattr(settings, decoder), own)
    attacks = settings.folds * len(settings.networks) * len(settings.decoders)
    minutes = seconds * voxels * settings.folds / workers / 60
    disk = attacks * len(data.images) * voxels * BYTES_A_VOXEL / 1e6
    say(
        f"{settings.folds * len(settings.networks)} segmenters and {attacks} attacks: about {max(1, round(minutes))} min with "
        f"{workers} workers, and {max(1, round(disk))} MB in {run.path} while they run."
    )
