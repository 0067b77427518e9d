"""Options that several commands share."""

import os
from enum import StrEnum
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", help="Plain lines instead of a progress bar.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes at a time; by default one a core, at most 8.")]
CORES = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Preset(StrEnum):
    """How much work a study is."""

    smoke = "smoke"
    demo = "demo"
    cpu = "cpu"
    paper = "paper"
