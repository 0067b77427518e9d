"""A description for a person."""

import itertools
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from remnant.base.texts import counted, short
from remnant.targets.description import Description, Layer

PLAIN_WIDTH = 150
LINES = 40  # of layers
SHAPES = 8  # of a layer's tensors
METADATA = 24
# An audit has attacks of its own, on networks that these are not for.
OWN_ATTACKS = "In `remnant attack checkpoint` and the studies"


def show(description: Description, beside: Mapping[str, Sequence[str]] | None = None) -> None:
    """Print what an attacker learns, one line a fact; plain where standard output is no terminal. `beside`: more parts, by title,
    a line each."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    one = description
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, text in _facts(one):
        table.add_row(name, escape(text))
    console.print(table)
    if one.metadata:
        entries = list(one.metadata.items())
        shown = [f"  {name} = {value}" for name, value in entries[:METADATA]]
        more = [f"  ... {len(entries) - METADATA} more, with --json"] if len(entries) > METADATA else []
        _part(console, "Beside the weights", [*shown, *more])
    _part(
        console,
        OWN_ATTACKS,
        [f"  {'applies' if attack.applies else 'does not'}  {attack.attack}: {attack.why}." for attack in one.attacks],
    )
    for title, lines in (beside or {}).items():
        _part(console, title, [f"  {line}" for line in lines])
    _part(console, "Assumed", [f"  {text}." for text in one.assumptions])
    _part(console, "Found", [f"  {text}" for text in one.findings])
    if one.architecture is None:
        _part(console, "Layers", _tree(one.layers))
        _part(console, "What to do", [f"  {one.advice}"])


def _part(console: Console, title: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n[bold]{title}[/]")
        for line in lines:
            console.print(escape(line), soft_wrap=True)


def _facts(one: Description) -> list[tuple[str, str]]:
    where = f", weights under `{short(one.wrapper)}`" if one.wrapper else ""
    facts = [("file", f"{one.file} ({one.bytes:,} bytes, {one.format}{where})")]
    name = f"{one.architecture}, {one.dimensions}D {one.task}" if one.architecture else "unknown"
    facts.append(("architecture", name))
    if one.dialect:
        facts.append(("names of", one.dialect))
    if one.arguments and "blocks" in one.arguments:
        size = one.arguments
        blocks = counted(size["blocks"], "block")
        text = f"{size['image_size']} pixels, patches of {size['patch']}, {blocks}, width {size['width']}"
        facts.append(("size", text))
    elif one.arguments and "width" in one.arguments:
        facts.append(("size", f"{counted(one.arguments['width'], 'channel')} in the first stage"))
    if one.channels is not None:
        facts.append(("input", counted(one.channels, "channel")))
    if one.architecture:
        facts.append(("output", counted(one.classes, "class", "classes") if one.classes else "no head"))
    types = ", ".join(f"{count} {kind}" for kind, count in one.dtypes.items())
    facts.append(("numbers", f"{one.parameters:,} parameters, {one.buffers:,} others (tensors: {types})"))
    facts.append(("statistics", _statistics(one)))
    if one.statistics.steps is not None:
        facts.append(("trained", f"{one.statistics.steps:,} steps (num_batches_tracked)"))
    if one.optimizer:
        settings = ", ".join(f"{key}={value}" for key, value in one.optimizer.settings.items() if value)
        facts.append(("optimiser", f"{one.optimizer.kind}, {settings}"))
    return facts


def _statistics(one: Description) -> str:
    if not one.statistics.layers:
        return f"none stored ({one.statistics.kind})"
    return (
        f"{one.statistics.layers} BatchNorm layers store mean and variance of their inputs; {one.statistics.momentum}"
    )


def _tree(layers: tuple[Layer, ...]) -> list[str]:
    """One line a layer; layers that repeat the ones before them, numbers apart, share a line."""
    lines: list[tuple[str, str, int]] = []
    for layer in layers:
        shapes = " ".join(f"{short(leaf)} {shape}" for leaf, shape in itertools.islice(layer.shapes.items(), SHAPES))
        text = f"{layer.kind}  {layer.parameters:,} parameters  {shapes[:90]}"
        if lines and lines[-1][1] == text:
            lines[-1] = (lines[-1][0], text, lines[-1][2] + 1)
        else:
            lines.append((layer.name or "(top)", text, 1))
    shown = [
        f"  {short(name, 60):<44} {text}" + (f"  and {times - 1} like it" if times > 1 else "")
        for name, text, times in lines[:LINES]
    ]
    return shown + ([f"  ... {len(lines) - LINES} more, with --json"] if len(lines) > LINES else [])
