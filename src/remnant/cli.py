"""The command line: one thin command a verb, no logic."""

import errno
import os
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import typer.core

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.base.progress import say

# What a full disk, a wrong path or missing rights raise, and what to do about it.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WRONG_PATH = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO}


class _Commands(typer.core.TyperGroup):
    """Typer ends Ctrl-C without a word."""

    def invoke(self, ctx: typer.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("remnant: stopped; nothing is half-written, and a study goes on where it was with --resume.")
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    help="Measure how much of a patient is left in a medical-imaging model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
study = typer.Typer(help="Run the experiment of a paper.", no_args_is_help=True)
phantom = typer.Typer(help="Draw patients that do not exist.", no_args_is_help=True)
cohort = typer.Typer(help="Look at patients' files.", no_args_is_help=True)
prior = typer.Typer(help="Make the generator that an attack on a checkpoint starts from.", no_args_is_help=True)
app.add_typer(study, name="study")
app.add_typer(phantom, name="phantom")
app.add_typer(cohort, name="cohort")
app.add_typer(prior, name="prior")

Quiet = Annotated[bool, typer.Option("--quiet", help="Plain lines instead of a progress bar.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes at a time; by default one a core, at most 8.")]
CORES = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Preset(StrEnum):
    """How much work a study is."""

    smoke = "smoke"
    demo = "demo"
    cpu = "cpu"
    paper = "paper"


class Design(StrEnum):
    """How patients are dealt into groups."""

    three_groups = "three_groups"
    two_groups = "two_groups"
    swap = "swap"


class LatentsFrom(StrEnum):
    """Whose latents are attacked."""

    given = "given"
    recovered = "recovered"


@study.command("subbanna2021")
def study_subbanna2021(
    data: Annotated[
        Path | None, typer.Option(help="Cohort directory: manifest.csv or BIDS. `smoke` makes phantoms.")
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="smoke: 32^3, seconds. cpu: 3 mm. paper: 1 mm, 224^3, for a GPU.")
    ] = Preset.cpu,
    config: Annotated[
        Path | None, typer.Option(help="TOML file whose settings replace the preset's; options replace both.")
    ] = None,
    networks: Annotated[str | None, typer.Option(help="Comma-separated: unet, segnet.")] = None,
    experiments: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: default, published, linear, surrogate, aligned, deep_grey, overfit, stripped."
        ),
    ] = None,
    design: Annotated[
        Design | None,
        typer.Option(help="two_groups is the paper's own, without non-members; swap is for large cohorts."),
    ] = None,
    latents: Annotated[
        LatentsFrom | None, typer.Option(help="recovered: also search latents that nobody handed over.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The root of every random number.")] = None,
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/subbanna2021"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Where prepared scans are kept; by default the user's cache.")
    ] = None,
    keep_reconstructions: Annotated[
        bool,
        typer.Option("--keep-reconstructions", help="Keep reconstructions and inversion decoders: patient data."),
    ] = False,
    show_images: Annotated[
        bool, typer.Option("--show-images", help="Show patient images in a private report.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at a time; by default one a core, at most 8, and one for smoke."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Redraw patients from the latents of a 3D U-Net and a SegNet (Subbanna et al. 2021)."""
    from remnant.studies import subbanna2021

    chosen = subbanna2021.preset(preset)
    if config:
        chosen = chosen.with_toml(config)
    lists = {"networks": networks, "experiments": experiments}
    given = {key: list(dict.fromkeys(map(str.strip, text.split(",")))) for key, text in lists.items() if text}
    single = {"design": design and str(design), "latents": latents and str(latents), "seed": seed}
    given |= {key: value for key, value in single.items() if value is not None}
    chosen = chosen.changed(**given)
    report = subbanna2021.run_study(
        chosen,
        out,
        data=data,
        cache=cache,
        resume=resume,
        keep_reconstructions=keep_reconstructions,
        show_images=show_images,
        # The whole smoke study is done sooner than other processes have started.
        workers=workers or (1 if preset is Preset.smoke else CORES),
        quiet=quiet,
        # As whoever makes the result again would type it, who has nothing to go on with.
        command=shlex.join(["remnant", *(word for word in sys.argv[1:] if word != "--resume")]),
    )
    print(report)


@phantom.command("brains")
def phantom_brains(
    out: Annotated[Path, typer.Option(help="Directory to write, in BIDS.")],
    patients: Annotated[int, typer.Option(min=1)] = 24,
    sessions: Annotated[int, typer.Option(min=1, help="Scans of each patient, months apart.")] = 1,
    side: Annotated[int, typer.Option(help="Voxels along each side, 16 to 256.")] = 64,
    skull: Annotated[bool, typer.Option("--skull", help="With skull, face and scalp.")] = False,
    seed: int = 0,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Write a cohort of phantom brains with label maps, age and sex as BIDS."""
    from remnant.cohort.phantoms import BrainPhantoms, write_bids

    write_bids(
        BrainPhantoms.checked(patients=patients, sessions=sessions, side=side, skull=skull, seed=seed),
        out,
        workers=workers,
        quiet=quiet,
    )
    print(out)


@phantom.command("heads")
def phantom_heads(
    maps: Annotated[Path, typer.Option(help="Directory of label maps: manifest.csv and labels.csv.")],
    out: Annotated[Path, typer.Option(help="Directory to write, in BIDS.")],
    sessions: Annotated[int, typer.Option(min=1, help="Scans of each person.")] = 2,
    skull: Annotated[
        bool, typer.Option("--skull/--stripped", help="Of one seed, the same images but for what is outside the brain.")
    ] = True,
    spacing: Annotated[float, typer.Option(help="Voxel size in mm, 0.5 to 8.")] = 1.0,
    seed: int = 0,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Draw scans of the heads of label maps, with label maps, as BIDS."""
    from remnant.cohort.phantoms import HeadPhantoms, write_bids

    phantoms = HeadPhantoms.of(maps, sessions=sessions, skull=skull, spacing_mm=spacing, seed=seed)
    write_bids(phantoms, out, workers=workers, quiet=quiet)
    print(out)


@phantom.command("chests")
def phantom_chests(
    out: Annotated[Path, typer.Option(help="Directory to write, PNG with manifest.csv.")],
    patients: Annotated[int, typer.Option(min=1)] = 200,
    sessions: Annotated[int, typer.Option(min=1, help="Radiographs of each patient, months apart.")] = 2,
    side: Annotated[int, typer.Option(help="Pixels along each side, 16 to 1024.")] = 64,
    seed: int = 0,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Write a cohort of phantom chest radiographs with age, sex and finding as a manifest folder."""
    from remnant.cohort.phantoms import ChestPhantoms, write_manifest

    phantoms = ChestPhantoms.checked(patients=patients, sessions=sessions, side=side, seed=seed)
    write_manifest(phantoms, out, workers=workers, quiet=quiet)
    print(out)


@cohort.command("check")
def cohort_check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A cohort of a known layout, or a folder of DICOM.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    quiet: Quiet = False,
) -> None:
    """Find what is wrong with a directory of scans and what in it says who somebody is; exit code 1 for errors."""
    from remnant.cohort.check import check_directory, show

    found = check_directory(directory, quiet=quiet)
    if as_json:
        print(show.as_json(found))
    else:
        show.show(found)
    raise typer.Exit(1 if found.failed else 0)


@prior.command("train")
def prior_train(
    images: Annotated[Path, typer.Option(metavar="DIR", help="Public radiographs, in any layout that is read.")],
    size: Annotated[int, typer.Option(help="Pixels along each side: 4 times a power of 2.")],
    out: Annotated[Path, typer.Option(help="Run directory.")],
    preset: Annotated[
        Preset,
        typer.Option(help="smoke: seconds. cpu: at most 64 pixels, within an hour on two cores. paper: for a GPU."),
    ] = Preset.cpu,
    config: Annotated[Path | None, typer.Option(help="TOML file whose settings replace the preset's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    quiet: Quiet = False,
) -> None:
    """Train a progressive GAN on public radiographs; print the file of the prior."""
    from remnant.attacks.prior import prior_settings, train_prior
    from remnant.cohort.radiograph.prepare import read_radiographs

    settings = prior_settings(preset, size)
    if config:
        settings = settings.with_toml(config)
    public = read_radiographs(images, size, workers=CORES, quiet=quiet)
    print(train_prior(public.images, settings, out, resume=resume, quiet=quiet, cache_files=public.cache_files))


@prior.command("import")
def prior_import(
    file: Annotated[Path, typer.Argument(help="A checkpoint of the public chest PGGAN.")],
    out: Annotated[Path, typer.Option(help="File to write, .safetensors.")],
) -> None:
    """Turn a checkpoint of the public chest PGGAN into a prior."""
    from remnant.attacks.prior import import_prior, save_prior

    save_prior(out, import_prior(file))
    print(out)


@app.command()
def inspect(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A .pt, .pth, .ckpt or .safetensors file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say what an attacker reads off a checkpoint; nothing in it is ever executed."""
    from remnant.targets import describe, description, opening, recognise

    found = recognise.recognise(opening.open_checkpoint(checkpoint))
    if as_json:
        print(description.as_json(found))
    else:
        describe.show(found)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    show_images: Annotated[bool, typer.Option("--show-images", help="Show patient images, in RUN/private.")] = False,
) -> None:
    """Make the report of a run again from its files alone."""
    from remnant.base.run import Run
    from remnant.report.page import make_report

    print(make_report(Run.open(run).path, show_images=show_images))


@app.command()
def publish(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    out: Annotated[Path, typer.Option(help="Directory to write.")],
) -> None:
    """Write what may leave the house: results, tables and figures, without a patient's image."""
    from remnant.base.run import Run
    from remnant.report import publish

    publish.publish(Run.open(run).path, out)
    print(out / "README.md")


@app.command()
def purge(run: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Remove what is patient data from a run and from the cache that it used; results and report stay."""
    from remnant.base.run import Run

    with Run.open(run) as held:
        removed = held.purge()
    print(f"{removed} files of patient data removed; results and report are kept.")


def _version(asked: bool) -> None:
    if asked:
        print(f"remnant {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; what a user can mend is one sentence and exit code 2, Ctrl-C is 130."""
    try:
        app(standalone_mode=True)
    except RemnantError as error:
        say(f"remnant: {error}")
        sys.exit(2)
    except OSError as error:
        if error.errno not in NO_ROOM | WRONG_PATH:
            raise
        place = error.filename or "the disk of the run or of the cache"
        mend = "make room, then add --resume" if error.errno in NO_ROOM else "check the path and your rights to it"
        say(f"remnant: {os.strerror(error.errno)}: {place}; {mend}.")
        sys.exit(2)
