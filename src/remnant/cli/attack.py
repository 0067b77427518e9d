"""`remnant attack`: the owner plays the attacker on a model of his own."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.files import require_directory, require_file
from remnant.base.run import Run
from remnant.cli.options import (
    Cache,
    Config,
    Population,
    Preset,
    Quiet,
    Resume,
    Seed,
    ShowImages,
    Site,
    StudyWorkers,
    typed,
    with_options,
    workers_for,
)

attack = typer.Typer(help="Attack a model of yours, to see what it gives away.", no_args_is_help=True)


@attack.command("checkpoint")
def attack_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A classifier: .pt, .pth, .ckpt, .safetensors.")
    ],
    prior: Annotated[Path, typer.Option(help="A generator, by `remnant prior train` or `remnant prior import`.")],
    out: Annotated[Path, typer.Option(help="Run directory.")],
    public: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Public radiographs with age and sex, to read both off what is drawn."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="COHORT", help="Your own patients; the column split says train (members), val or test (others)."
        ),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="How much work: smoke, seconds; cpu; paper: as published, for a GPU.")
    ] = Preset.cpu,
    config: Config = None,
    methods: Annotated[
        str | None, typer.Option(help="Comma-separated; by default published, prior and, on CNNs, joint.")
    ] = None,
    population: Population = None,
    site: Site = None,
    seed: Seed = None,
    resume: Resume = False,
    cache: Cache = None,
    keep_reconstructions: Annotated[
        bool, typer.Option("--keep-reconstructions", help="Keep what was drawn: patient data.")
    ] = False,
    show_images: ShowImages = False,
    workers: StudyWorkers = None,
    quiet: Quiet = False,
) -> None:
    """Redraw what a classifier was trained on from its checkpoint alone, and say how much of that is leak."""
    # Before anything heavy is imported: a slip of the pen is told at once.
    for path, what in ((checkpoint, "checkpoint"), (prior, "prior"), (config, "configuration"), (population, "table")):
        if path:
            require_file(path, what)
    for path in (public, against):
        if path:
            require_directory(path, "data directory")
    Run.free(out, "checkpoint", resume=resume)

    from remnant.studies import lee2025
    from remnant.studies.frame import Asked

    single = {"population": population, "site": site, "seed": seed}
    chosen = with_options(lee2025.checkpoint_preset(preset), config, {"methods": methods}, single)
    asked = Asked(out, resume, keep_reconstructions, show_images, workers_for(preset, workers), quiet, typed())
    print(lee2025.audit_checkpoint(checkpoint, prior, chosen, asked, public=public, against=against, cache=cache))
