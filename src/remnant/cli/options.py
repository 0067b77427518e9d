"""Options that several commands share."""

import os
import shlex
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from remnant.cli.values import existing, listed, within

if TYPE_CHECKING:
    from remnant.base.config import Settings

S = TypeVar("S", bound="Settings")


Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing but results and errors.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes at a time; by default one a core, at most 8.")]
Cluster = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="A Ray cluster, such as HOST:6379, in place of processes here."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        callback=existing("configuration"), help="TOML file whose settings replace the preset's; options replace both."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")]
Cache = Annotated[Path | None, typer.Option(help="Where prepared images are kept; by default the user's cache.")]
ShowImages = Annotated[bool, typer.Option("--show-images", help="Show patient images in a private report.")]
StudyWorkers = Annotated[
    int | None,
    typer.Option(min=1, help="Processes at a time; by default one a core, at most 8, and one for smoke."),
]
SimulateRevisits = Annotated[
    bool,
    typer.Option(
        "--simulate-revisits", help="Simulate two visits of each scan, where few were scanned twice or nobody."
    ),
]
Estimate = Annotated[
    bool, typer.Option("--estimate", help="Time one step of each attack, say minutes and disk, and audit nothing.")
]
EstimateOfTrainings = Annotated[
    bool, typer.Option("--estimate", help="Train once under each defence, say how long each takes, and audit none.")
]
Minutes = Annotated[
    float | None,
    typer.Option(callback=within(0.01), help="Leave out attacks that do not fit; then nothing is within the appetite."),
]
Seed = Annotated[int | None, typer.Option(help="The root of every random number.")]
CORES = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Preset(StrEnum):
    """How much work a study is."""

    smoke = "smoke"
    cpu = "cpu"
    paper = "paper"


class PresetOrDemo(StrEnum):
    """The same of a study that has a demonstration as well."""

    smoke = "smoke"
    demo = "demo"
    cpu = "cpu"
    paper = "paper"


def workers_for(preset: StrEnum, workers: int | None) -> int:
    """As many processes as were asked for, or as there are cores."""
    # A whole smoke study is done sooner than other processes have started.
    return workers or (1 if preset == Preset.smoke else CORES)


def with_options(settings: S, config: Path | None, lists: Mapping[str, str | None], single: Mapping[str, object]) -> S:
    """The settings with what the file `config` says, and above it the options given: comma-separated `lists`, `single`."""
    if config:
        settings = settings.with_toml(config)
    given: dict[str, object] = {key: listed(text) for key, text in lists.items() if text}
    return settings.changed(**given, **{key: value for key, value in single.items() if value is not None})


def typed() -> str:
    """The command as whoever makes the result again would type it, who has nothing to go on with."""
    return shlex.join(["remnant", *(word for word in sys.argv[1:] if word != "--resume")])
