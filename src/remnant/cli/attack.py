"""`remnant attack`: the owner plays the attacker on a model of his own."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.base.files import require_directory, require_file
from remnant.base.run import Run
from remnant.cli.options import (
    METHODS,
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
from remnant.cli.values import among, numbers, within

attack = typer.Typer(help="Attack a model of yours, to see what it gives away.", no_args_is_help=True)


@attack.command("checkpoint")
def attack_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A classifier: .pt, .pth, .ckpt, .safetensors.")
    ],
    out: Annotated[Path, typer.Option(help="Run directory.")],
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="COHORT",
            help="Your own patients, a directory or a table; its column split says train (who trained the model) or test. Those "
            "of val are left out.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="What the columns of that table are called: image=Path,patient=PatientID,split=fold,finding=Target."
        ),
    ] = None,
    finding: Annotated[
        str | None,
        typer.Option(
            help="What the model's outputs mean, comma-separated in their order; one finding alone is the positive class."
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            callback=within(8, 2048),
            help="Pixels a side of the model's images; inferred from its statistics by default.",
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(
            callback=numbers(),
            help="What images in [0, 1] are shifted by, a number or one a channel: 0.485,0.456,0.406.",
        ),
    ] = None,
    std: Annotated[
        str | None, typer.Option(callback=numbers(above=0), help="What they are then divided by, likewise.")
    ] = None,
    prior: Annotated[
        Path | None,
        typer.Option(
            help="A generator, by `remnant prior train` or `import`, to reconstruct images from the weights as well."
        ),
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Public radiographs with age and sex, to read both off what is drawn."),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="How much work: smoke, seconds; cpu; paper: as published, for a GPU.")
    ] = Preset.cpu,
    config: Config = None,
    methods: Annotated[
        str | None,
        typer.Option(
            callback=among(*METHODS), help="Comma-separated; by default published, gmi, prior and, on CNNs, joint."
        ),
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
    """Say whether a classifier gives its training patients away: by its own output, and by its weights with a prior."""
    # Before anything heavy is imported: a slip of the pen is told at once.
    for path, what in ((checkpoint, "checkpoint"), (prior, "prior"), (config, "configuration"), (population, "table")):
        if path:
            require_file(path, what)
    for path in (public, against):
        if path and not (path is against and path.is_file()):
            require_directory(path, "data directory")
    if columns and not (against and against.is_file()):
        raise RemnantError("Columns are those of a table; give its file, and no directory, by --against.")
    if (mean is None) != (std is None):
        raise RemnantError("--mean and --std belong together; give both or neither.")
    Run.free(out, "checkpoint", resume=resume)

    from remnant.cohort.listed import parse_columns
    from remnant.studies import lee2025
    from remnant.studies.frame import Asked

    single = {"population": population, "site": site, "seed": seed, "size": size}
    # A channel may have the number of another.
    single |= {"mean": mean.split(",") if mean else None, "std": std.split(",") if std else None}
    lists = {"methods": methods, "findings": finding}
    chosen = with_options(lee2025.checkpoint_preset(preset), config, lists, single)
    asked = Asked(out, resume, keep_reconstructions, show_images, workers_for(preset, workers), quiet, typed())
    named = parse_columns(columns) if columns else {}
    print(
        lee2025.audit_checkpoint(
            checkpoint, chosen, asked, prior=prior, public=public, against=against, columns=named, cache=cache
        )
    )
