"""`remnant inspect`: what an attacker reads off a model's file."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.base.texts import printable, short
from remnant.cli.values import existing

# What each attack needs besides, its own line says.
OF_IT = "In `remnant audit` of it, with members and non-members whom you hand over, and their labels"


def inspect(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            callback=existing("checkpoint"),
            metavar="MODEL",
            help="A .pt, .pth, .ckpt or .safetensors file, or a folder or zip of a model, such as nnU-Net's.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    strip_to: Annotated[
        Path | None,
        typer.Option(
            "--strip",
            metavar="OUT",
            help="New file or folder: a copy of what a recipient needs, without the training's traces.",
        ),
    ] = None,
) -> None:
    """Say what an attacker reads off a model's file, folder or zip; nothing in it is ever executed."""
    from remnant.targets import bundle
    from remnant.targets.files.kind import kind_of_file

    bundled = bundle.is_bundle(checkpoint)
    if not bundled:
        # Before PyTorch is imported, which takes seconds: most mistakes are in the path.
        kind_of_file(checkpoint)
    from remnant.attacks.listed import described_in, lines_for, listed_for
    from remnant.targets import contents, describe, describe_contents, description, opening, recognise

    if bundled:
        opened = bundle.Bundle(checkpoint)
        inside = contents.look_into(opened)
        name, found = described_in(opened, inside) or ("", None)
        if as_json:
            told = {"audit": listed_for(found) if found else [], "audit_of": printable(name)}
            print(describe_contents.as_json(inside, told))
        else:
            title = f"{OF_IT}, by what {short(name, 200)} tells"
            describe_contents.show(inside, {title: lines_for(found)} if found else None)
    else:
        found = recognise.recognise(opening.open_checkpoint(checkpoint))
        if as_json:
            print(description.as_json(found, {"audit": listed_for(found)}))
        else:
            describe.show(found, {OF_IT: lines_for(found)})
    if strip_to:
        from remnant.base.progress import say
        from remnant.defenses.strip import strip

        strip(checkpoint, strip_to)
        say(f"Written without the traces of its training: {strip_to}")
