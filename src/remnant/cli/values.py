"""Callbacks of options that refuse a wrong value before anything that takes seconds is imported.

What settings want is known to modules that import torch; it is said here a second time, and a test holds both against each other.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import typer

from remnant.base.errors import RemnantError

Paths = TypeVar("Paths", Path, list[Path], None)
Number = TypeVar("Number", int, float, None)
Words = TypeVar("Words", str, None)

# Pixels a side of what a PGGAN draws.
PRIOR_SIDES = (4, 8, 16, 32, 64, 128, 256, 512, 1024)


def existing(what: str) -> Callable[[Paths], Paths]:
    """A path, or several, that must be there; `what` it is in words."""

    def checked(given: Paths) -> Paths:
        for path in given if isinstance(given, list) else [given]:
            if path is not None and not path.exists():
                raise RemnantError(f"The {what} {path} does not exist; check the path.")
        return given

    return checked


def within(low: float, high: float = math.inf) -> Callable[[typer.CallbackParam, Number], Number]:
    """A number from `low` to `high`."""
    limits = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"

    def checked(param: typer.CallbackParam, given: Number) -> Number:
        if given is not None and not low <= given <= high:
            raise RemnantError(f"{param.opts[0]} must be {limits}. Got {given} instead.")
        return given

    return checked


def prior_side(param: typer.CallbackParam, given: int) -> int:
    """One of `PRIOR_SIDES`."""
    if given not in PRIOR_SIDES:
        raise RemnantError(
            f"{param.opts[0]} must be 4 times a power of 2, at most {PRIOR_SIDES[-1]}. Got {given} instead."
        )
    return given


def among(*known: str) -> Callable[[typer.CallbackParam, Words], Words]:
    """A comma-separated list of words, each of them `known`."""

    def checked(param: typer.CallbackParam, given: Words) -> Words:
        for word in listed(given) if given else []:
            if word not in known:
                raise RemnantError(f"{param.opts[0]} must be of {', '.join(known)}. Got {word!r} instead.")
        return given

    return checked


def numbers(above: float = -math.inf) -> Callable[[typer.CallbackParam, Words], Words]:
    """A comma-separated list of finite numbers `above` one."""
    limit = "" if above == -math.inf else f" above {above:g}"

    def checked(param: typer.CallbackParam, given: Words) -> Words:
        for word in listed(given) if given else []:
            try:
                sound = above < float(word) < math.inf
            except ValueError:
                sound = False
            if not sound:
                raise RemnantError(
                    f"{param.opts[0]} must be a number{limit}, or one a channel, comma-separated. Got {word!r} instead."
                )
        return given

    return checked


def listed(text: str) -> list[str]:
    """The words of a comma-separated list, each once."""
    return list(dict.fromkeys(map(str.strip, text.split(","))))
