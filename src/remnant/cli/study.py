"""`remnant study`: the experiment of a paper."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import CORES, Preset, Quiet

study = typer.Typer(help="Run the experiment of a paper.", no_args_is_help=True)


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
