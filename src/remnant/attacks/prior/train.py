"""Training of the prior: a progressive GAN on the attacker's public images (Lee 2025, Karras et al. 2018)."""

import contextlib
import shutil
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.prior.files import Prior, digest_of, discriminator_file, save_prior
from remnant.attacks.prior.settings import PriorSettings
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path, write_text
from remnant.base.progress import Task
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import private_folder
from remnant.engine.gan import GanReport, fit_gan
from remnant.nets.pggan import Discriminator, Generator
from remnant.targets.checkpoint import save_checkpoint

# Where a training that is killed goes on from.
STATES = "training"
PREVIEW = 8  # samples along each side of a preview
PARTS = 1000  # of equal work, that progress is counted in: a step of 64 pixels takes many times one of 4


def begin_prior(out: Path, settings: PriorSettings, *, resume: bool) -> Run:
    """The run directory that `train_prior` works in; raises `RemnantError` as `Run.start` does."""
    return Run.start(out, "prior", settings.resolved(), resume=resume)


def train_prior(
    images: np.ndarray,
    settings: PriorSettings,
    out: Path,
    *,
    resume: bool,
    quiet: bool = False,
    patients: Sequence[str] = (),
) -> Path:
    """Train on `images`, float32 (n, 1, side, side) in [0, 1], in the run directory `out`; return the prior's file.

    That is `checkpoints/prior.safetensors`, for `load_prior`; beside it lies `discriminator.safetensors`. The training
    curve is in the log, and a grid of samples a side in `private/previews`. A killed run goes on with `resume`, on the
    same machine to the same weights. A digest of the `patients` whose images these are is written into the prior, so that a
    study can tell whether it knows whom it should not.
    Raises `RemnantError` for images that do not fit `settings`, for other images than the run was begun with, and as
    `Run.start` does.
    """
    _check(images, settings.side)
    run = begin_prior(out, settings, resume=resume)
    path = run.checkpoints / "prior.safetensors"
    with run:
        if not path.exists():
            _same_images(run, images)
            _train(run, images, settings, path, quiet, digest_of(patients) if patients else None)
        # Also of a run that was killed when all else was done.
        shutil.rmtree(run.private / STATES, ignore_errors=True)
    return path


def _check(images: np.ndarray, side: int) -> None:
    if images.dtype != np.float32 or images.ndim != 4 or images.shape[1:] != (1, side, side):
        raise RemnantError(
            f"A prior of {side} pixels is trained on float32 images (n, 1, {side}, {side}). Got {images.dtype} "
            f"{images.shape} instead."
        )
    if len(images) < 2:
        raise RemnantError(f"A prior needs at least two images to learn from. Got {len(images)} instead.")
    low, high = float(images.min()), float(images.max())
    # A value that is no number makes both of them none.
    if not 0 <= low <= high <= 1:
        raise RemnantError(f"A prior is trained on images in [0, 1]. Got values from {low} to {high} instead.")


def _same_images(run: Run, images: np.ndarray) -> None:
    note, now = run.private / "images", run.hmac(images.tobytes())
    if not note.exists():
        write_text(note, now)
    elif note.read_text() != now:
        raise RemnantError(f"{run.path} was begun with other images; give the same, or choose another --out.")


def _train(
    run: Run, images: np.ndarray, settings: PriorSettings, path: Path, quiet: bool, patients: str | None
) -> None:
    seeds = Seeds(settings.seed).child("prior")
    torch.manual_seed(seeds.child("weights").integer)
    generator = Generator(settings.latent, settings.channels, settings.side)
    discriminator = Discriminator(settings.channels, settings.side)
    samples = torch.randn(PREVIEW**2, settings.latent, generator=seeds.child("preview").torch())
    work = np.cumsum(np.repeat(settings.work_of, settings.steps_of))
    state = private_folder(run.path, STATES) / "state.pt"

    with contextlib.ExitStack() as stack:
        task: Task | None = None

        def report(now: GanReport) -> None:
            nonlocal task
            side, part = 4 << now.stage.depth, int(PARTS * work[now.step - 1] / work[-1])
            # Only now is it known what an earlier process had done.
            task = task or stack.enter_context(Task("prior", PARTS, done=part, quiet=quiet))
            if part > task.done:
                task.advance(f"at {side} px, real and generated {now.distance:.3g} apart", part - task.done)
            run.log("prior", "step", step=now.step, of=len(work), side=side, distance=now.distance, penalty=now.penalty)

        def preview(averaged: Generator, step: int) -> None:
            drawn = torch.cat([averaged(part) for part in samples.to(averaged.alpha.device).split(16)])
            _write_grid(private_folder(run.path, "previews") / f"{drawn.shape[-1]:04d}px.png", drawn)

        averaged = fit_gan(
            generator,
            discriminator,
            _drawing(torch.from_numpy(images), settings.gan.batch, seeds.child("order")),
            settings.stage,
            len(work),
            settings.gan,
            seeds.child("steps"),
            state=state,
            report=report,
            saved=preview,
        )
    arguments = {"channels": discriminator.widths, "side": discriminator.side}
    save_checkpoint(discriminator_file(path), discriminator, arguments)
    save_prior(path, Prior(averaged, patients))


def _drawing(images: Tensor, batch: int, seeds: Seeds) -> Callable[[int], Tensor]:
    """`draw(step)`: the next `batch` images, each once before any comes again, in an order drawn anew each time."""

    @lru_cache(maxsize=2)
    def order(time: int) -> np.ndarray:
        return seeds.child(time).numpy().permutation(len(images))

    def draw(step: int) -> Tensor:
        places = range(step * batch, (step + 1) * batch)
        return images[[order(place // len(images))[place % len(images)] for place in places]]

    return draw


def _write_grid(path: Path, images: Tensor) -> None:
    """`images` (n, 1, h, w) as a square of squares, PNG. They may resemble somebody: for RUN/private only."""
    from matplotlib.image import imsave

    rows = images.clamp(0, 1).cpu().squeeze(1).unflatten(0, (PREVIEW, PREVIEW))
    with atomic_path(path) as temporary:
        imsave(temporary, rows.transpose(1, 2).flatten(2).flatten(0, 1).numpy(), cmap="gray", vmin=0, vmax=1)
