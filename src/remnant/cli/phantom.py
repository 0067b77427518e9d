"""`remnant phantom`: patients that do not exist."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import CORES, Quiet, Workers
from remnant.cli.values import existing, within

phantom = typer.Typer(help="Draw patients that do not exist.", no_args_is_help=True)


@phantom.command("brains")
def phantom_brains(
    out: Annotated[Path, typer.Option(help="Directory to write, in BIDS.")],
    patients: Annotated[int, typer.Option(min=1)] = 24,
    sessions: Annotated[int, typer.Option(min=1, help="Scans of each patient, months apart.")] = 1,
    side: Annotated[int, typer.Option(callback=within(16, 256), help="Voxels along each side, 16 to 256.")] = 64,
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
    maps: Annotated[
        Path,
        typer.Option(
            callback=existing("directory of label maps"), help="Directory of label maps: manifest.csv and labels.csv."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Directory to write, in BIDS.")],
    sessions: Annotated[int, typer.Option(min=1, help="Scans of each person.")] = 2,
    skull: Annotated[
        bool, typer.Option("--skull/--stripped", help="Of one seed, the same images but for what is outside the brain.")
    ] = True,
    spacing: Annotated[float, typer.Option(callback=within(0.5, 8), help="Voxel size in mm, 0.5 to 8.")] = 1.0,
    contrast: Annotated[
        str,
        typer.Option(help="t1, t2, ct, or whatever labels.csv has a mean and std of; t2 and ct unasked if stripped."),
    ] = "t1",
    seed: int = 0,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Draw scans of the heads of label maps, with label maps, as BIDS."""
    from remnant.cohort.phantoms import HeadPhantoms, write_bids

    phantoms = HeadPhantoms.of(maps, sessions=sessions, skull=skull, spacing_mm=spacing, contrast=contrast, seed=seed)
    write_bids(phantoms, out, workers=workers, quiet=quiet)
    print(out)


@phantom.command("chests")
def phantom_chests(
    out: Annotated[Path, typer.Option(help="Directory to write, PNG with manifest.csv.")],
    patients: Annotated[int, typer.Option(min=1)] = 200,
    sessions: Annotated[int, typer.Option(min=1, help="Radiographs of each patient, months apart.")] = 2,
    side: Annotated[int, typer.Option(callback=within(16, 1024), help="Pixels along each side, 16 to 1024.")] = 64,
    seed: int = 0,
    workers: Workers = CORES,
    quiet: Quiet = False,
) -> None:
    """Write a cohort of phantom chest radiographs with age, sex and finding as a manifest folder."""
    from remnant.cohort.phantoms import ChestPhantoms, write_manifest

    phantoms = ChestPhantoms.checked(patients=patients, sessions=sessions, side=side, seed=seed)
    write_manifest(phantoms, out, workers=workers, quiet=quiet)
    print(out)
