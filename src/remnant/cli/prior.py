"""`remnant prior`: the generator that an attack on a checkpoint starts from."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import CORES, Preset, Quiet
from remnant.cli.values import existing, prior_side

prior = typer.Typer(help="Make the generator that an attack on a checkpoint starts from.", no_args_is_help=True)


@prior.command("train")
def prior_train(
    images: Annotated[
        Path,
        typer.Option(
            callback=existing("data directory"), metavar="DIR", help="Public radiographs, in any layout that is read."
        ),
    ],
    size: Annotated[int, typer.Option(callback=prior_side, help="Pixels along each side: 4 times a power of 2.")],
    out: Annotated[Path, typer.Option(help="Run directory.")],
    preset: Annotated[
        Preset,
        typer.Option(help="smoke: seconds. cpu: at most 64 pixels, within an hour on two cores. paper: for a GPU."),
    ] = Preset.cpu,
    attackers_half: Annotated[
        bool,
        typer.Option(
            "--attackers-half",
            help="Train on half of the patients, always the same: the other half is left to targets of a study.",
        ),
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(callback=existing("configuration"), help="TOML file whose settings replace the preset's."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train a progressive GAN on public radiographs; print the file of the prior."""
    from remnant.attacks.prior import begin_prior, prior_settings, train_prior
    from remnant.cohort.layouts.read import read_cohort
    from remnant.cohort.membership import halves
    from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs

    settings = prior_settings(preset, size)
    if config:
        settings = settings.with_toml(config)
    public = read_cohort(images)
    if attackers_half:
        public = public.of(halves(public.cases)[1])
    # Before any image is read: the cache holds them, and a purge of the run must know where.
    run = begin_prior(out, settings, resume=resume)
    with run:
        radiographs = prepare_radiographs(
            public, RadiographSettings.checked(side=size), workers=CORES, quiet=quiet, announce=run.keep_note_of
        )
    pixels = radiographs.images.numpy()
    path = train_prior(pixels, settings, out, resume=True, quiet=quiet, patients=radiographs.patients)
    print(path)


@prior.command("import")
def prior_import(
    file: Annotated[
        Path, typer.Argument(callback=existing("checkpoint"), help="A checkpoint of the public chest PGGAN.")
    ],
    out: Annotated[Path, typer.Option(help="New file, .safetensors.")],
) -> None:
    """Turn a checkpoint of the public chest PGGAN into a prior."""
    from remnant.attacks.prior import import_prior, save_prior
    from remnant.base.files import require_new

    require_new(out)
    save_prior(out, import_prior(file))
    print(out)
