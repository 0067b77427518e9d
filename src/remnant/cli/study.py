"""`remnant study`: the experiment of a paper."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from remnant.audit.cells.piece import Piece
from remnant.base.importing import importing
from remnant.cli.forecast import say_forecast
from remnant.cli.options import (
    Cache,
    Config,
    Preset,
    PresetOrDemo,
    Quiet,
    Resume,
    Seed,
    ShowImages,
    SimulateRevisits,
    StudyWorkers,
    typed,
    with_options,
    workers_for,
)
from remnant.cli.values import among, existing, within

Population = Annotated[
    Path | None,
    typer.Option(
        callback=existing("population"),
        help="CSV with the columns age, sex, count: among whom people are counted; a round one by default.",
    ),
]
Site = Annotated[
    float | None, typer.Option(callback=within(1), help="How many people of the population the hospital draws from.")
]
# Attacks on a classifier's checkpoint.
METHODS = ("published", "joint", "gmi", "pixels", "author", "per_class")
NETWORKS = ("unet", "segnet")
EXPERIMENTS = ("published", "default", "linear", "surrogate", "aligned", "deep_grey", "overfit", "stripped")
TARGETS = (
    *("cnn", "cnn_overfit", "vit", "vit_overfit", "cnn_dropout", "cnn_augmentation", "cnn_early_stopping"),
    *("cnn_weight_decay", "cnn_label_smoothing", "cnn_mixup"),
    *("cnn_planted", "cnn_untrained", "cnn_overfit_swapped", "within_cnn", "within_cnn_overfit"),
)
VARIANTS = (
    *("raw", "published-1", "published-3", "published-10", "published-100", "entropy-1", "entropy-10"),
    *("inversion-1", "inversion-10", "deformation", "deformation-entropy-1"),
    *("kim2019-raw", "kim2019-1", "kim2019-batch-raw", "kim2019-batch-1"),
    *("game-raw", "game-1", "game-3", "game-10", "mixup"),
)

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
        Path | None,
        typer.Option(
            callback=existing("data directory"),
            help="Scans with label maps, in any layout that is read. `smoke` makes phantoms.",
        ),
    ] = None,
    preset: Annotated[
        PresetOrDemo, typer.Option(help="smoke: 32^3, seconds. cpu: 3 mm. paper: 1 mm, 224^3, for a GPU.")
    ] = PresetOrDemo.cpu,
    config: Config = None,
    networks: Annotated[
        str | None, typer.Option(callback=among(*NETWORKS), help="Comma-separated: unet, segnet.")
    ] = None,
    experiments: Annotated[
        str | None,
        typer.Option(
            callback=among(*EXPERIMENTS),
            help="Comma-separated: default, published, linear, surrogate, aligned, deep_grey, overfit, stripped.",
        ),
    ] = None,
    design: Annotated[
        Design | None,
        typer.Option(help="two_groups is the paper's own, without non-members; swap is for large cohorts."),
    ] = None,
    latents: Annotated[
        LatentsFrom | None, typer.Option(help="recovered: also search latents that nobody handed over.")
    ] = None,
    seed: Seed = None,
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/subbanna2021"),
    resume: Resume = False,
    cache: Cache = None,
    keep_reconstructions: Annotated[
        bool,
        typer.Option("--keep-reconstructions", help="Keep reconstructions and inversion decoders: patient data."),
    ] = False,
    show_images: ShowImages = False,
    workers: StudyWorkers = None,
    quiet: Quiet = False,
) -> None:
    """Redraw patients from the latents of a 3D U-Net and a SegNet (Subbanna et al. 2021)."""
    with importing():
        from remnant.studies import subbanna2021
        from remnant.studies.frame import RunOptions

    lists = {"networks": networks, "experiments": experiments}
    single = {"design": design and str(design), "latents": latents and str(latents), "seed": seed}
    chosen = with_options(subbanna2021.preset(preset), config, lists, single)
    count = workers_for(preset, workers)
    hear = _hears(preset, quiet=quiet)
    options = RunOptions(out, resume, keep_reconstructions, show_images, count, quiet, typed(), hear)
    print(subbanna2021.run_study(chosen, options, data=data, cache=cache))


@study.command("lee2025")
def study_lee2025(
    private: Annotated[
        Path | None,
        typer.Option(
            callback=existing("data directory"), help="The patients who train the targets. `smoke` makes them."
        ),
    ] = None,
    public: Annotated[
        Path | None,
        typer.Option(
            callback=existing("data directory"),
            help="The attacker's radiographs, with age and sex. `smoke` makes them.",
        ),
    ] = None,
    prior: Annotated[
        Path | None,
        typer.Option(
            callback=existing("prior"),
            help="By `remnant prior train --attackers-half` from the public radiographs. `smoke` makes one.",
        ),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="smoke: 32 pixels, seconds. cpu: 64 pixels. paper: 224 pixels, for a GPU.")
    ] = Preset.cpu,
    config: Config = None,
    targets: Annotated[
        str | None,
        typer.Option(
            callback=among(*TARGETS),
            help="Comma-separated: cnn, cnn_overfit, vit, vit_overfit, cnn_dropout, cnn_augmentation, cnn_early_stopping, "
            "cnn_planted, cnn_untrained, cnn_overfit_swapped, within_cnn, within_cnn_overfit; not by default: "
            "cnn_weight_decay, cnn_label_smoothing, cnn_mixup.",
        ),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            callback=among(*METHODS),
            help="Comma-separated, run on every target; published, joint and gmi by default.",
        ),
    ] = None,
    private_finding: Annotated[
        str | None, typer.Option(help="What the targets learn to tell, in the private table.")
    ] = None,
    public_finding: Annotated[str | None, typer.Option(help="The same of the public table.")] = None,
    population: Population = None,
    site: Site = None,
    seed: Seed = None,
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/lee2025"),
    resume: Resume = False,
    cache: Cache = None,
    keep_reconstructions: Annotated[
        bool, typer.Option("--keep-reconstructions", help="Keep candidates and targets: patient data.")
    ] = False,
    show_images: ShowImages = False,
    workers: StudyWorkers = None,
    quiet: Quiet = False,
) -> None:
    """Redraw training patients from nothing but a classifier's checkpoint (Lee 2025)."""
    with importing():
        from remnant.studies import lee2025
        from remnant.studies.frame import RunOptions

    single = {
        "private_finding": private_finding,
        "public_finding": public_finding,
        "population": population,
        "site": site,
        "seed": seed,
    }
    chosen = with_options(lee2025.preset(preset), config, {"targets": targets, "methods": methods}, single)
    hear = _hears(preset, quiet=quiet)
    options = RunOptions(
        out, resume, keep_reconstructions, show_images, workers_for(preset, workers), quiet, typed(), hear
    )
    print(lee2025.run_study(chosen, options, private=private, public=public, prior=prior, cache=cache))


@study.command("kim2019")
def study_kim2019(
    data: Annotated[
        Path | None,
        typer.Option(
            callback=existing("data directory"),
            help="Scans with label maps, several sessions of each patient. `smoke` makes them.",
        ),
    ] = None,
    second: Annotated[
        list[Path] | None,
        typer.Option(callback=existing("data directory"), help="A cohort of another kind to transfer to; repeatable."),
    ] = None,
    preset: Annotated[
        Preset, typer.Option(help="smoke: 32^3, seconds. cpu: 3 mm, small networks. paper: 1 mm, for a GPU.")
    ] = Preset.cpu,
    config: Config = None,
    variants: Annotated[
        str | None,
        typer.Option(
            callback=among(*VARIANTS),
            help="Comma-separated, raw first: published-1 (-3, -10, -100), entropy-1 (-10), inversion-1 (-10), "
            "deformation, deformation-entropy-1; kim2019-raw, kim2019-1: by the paper's own recipe. By request alone: "
            "kim2019-batch-raw (-1), with BatchNorm in the discriminator; game-raw (-1, -3, -10), by the game of ours.",
        ),
    ] = None,
    simulate_revisits: SimulateRevisits = False,
    seed: Seed = None,
    out: Annotated[Path, typer.Option(help="Run directory.")] = Path("runs/kim2019"),
    resume: Resume = False,
    cache: Cache = None,
    keep_reconstructions: Annotated[
        bool, typer.Option("--keep-reconstructions", help="Keep codes and what attacks made of them: patient data.")
    ] = False,
    workers: StudyWorkers = None,
    quiet: Quiet = False,
) -> None:
    """Hide who a scan shows from the server that segments it, and attack what it sees (Kim et al. 2019)."""
    with importing():
        from remnant.cohort.revisit import revisit_settings
        from remnant.studies import kim2019
        from remnant.studies.frame import RunOptions

    chosen = with_options(kim2019.preset(preset), config, {"variants": variants}, {"seed": seed})
    if simulate_revisits:
        revisits = revisit_settings(chosen.net.preparation)
        chosen = chosen.changed(net=chosen.net.changed(revisits=revisits))
    hear = _hears(preset, quiet=quiet)
    options = RunOptions(out, resume, keep_reconstructions, False, workers_for(preset, workers), quiet, typed(), hear)
    print(kim2019.run_study(chosen, options, data=data, second=second or (), cache=cache))


def _hears(preset: StrEnum, *, quiet: bool) -> Callable[[Sequence[Piece], int], None] | None:
    """Who hears what a study will take: nobody of one that takes no longer than to time it."""
    return None if quiet or preset == Preset.smoke else say_forecast
