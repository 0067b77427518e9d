"""`remnant server`: what the operator of `remnant serve` does beside it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from remnant.base.texts import counted, enumerated
from remnant.cli.options import Config, Quiet
from remnant.cli.room import room
from remnant.cli.values import existing

if TYPE_CHECKING:
    from remnant.serve.server.versions import Versions

server = typer.Typer(help="Operate a server of segmenters.", no_args_is_help=True)
token = typer.Typer(help="Who may use a server.", no_args_is_help=True)
server.add_typer(token, name="token")

StoreFolder = Annotated[
    Path, typer.Argument(callback=existing("store"), metavar="STORE", help="The folder of `remnant serve --store`.")
]
ModelName = Annotated[str | None, typer.Option(help="The model, where the store has several.")]
Number = Annotated[int, typer.Option(min=1, metavar="N", help="The version's number.")]


@contextmanager
def _opened(folder: Path, model: str | None) -> Iterator["Versions"]:
    from contextlib import closing

    from remnant.serve.needs import require_extra

    require_extra("fastapi")
    from remnant.serve.server.store import Store
    from remnant.serve.server.versions import Versions

    with room(folder, "and give the command again"), closing(Store.existing(folder)) as store:
        yield Versions.existing(store, model)


@token.command("add")
def token_add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `remnant serve --tokens` reads; made if missing.")],
    name: Annotated[str, typer.Option(help="Whose token it is: contributions belong to this name.")],
    scope: Annotated[
        list[str], typer.Option(metavar="SCOPE", help="segment, contribute or admin; repeat it for several.")
    ],
    expires: Annotated[
        int | None, typer.Option(min=1, max=36500, metavar="DAYS", help="For how long it works; for ever by default.")
    ] = None,
) -> None:
    """Add a token, and print it once: the file holds its hash alone."""
    from remnant.base.errors import RemnantError
    from remnant.serve.server.tokens import SCOPES, add_token

    for one in scope:
        if one not in SCOPES:
            raise RemnantError(f"--scope must be {', '.join(SCOPES[:-1])} or {SCOPES[-1]}. Got {one!r} instead.")
    print(add_token(file, name, tuple(scope), expires))


@server.command("retrain")
def server_retrain(
    store: StoreFolder,
    model: ModelName = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the training; 300 by default.")] = None,
    config: Config = None,
    seed: Annotated[int, typer.Option(help="The root of every random number.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Train the promoted version on with what was contributed; print what the held-out scans say of the new one."""
    with _opened(store, model) as versions:
        from remnant.base.progress import say
        from remnant.cli.options import with_options
        from remnant.defenses.privacynet.retraining import RetrainSettings
        from remnant.serve.server.retrain import retrain_version

        settings = with_options(RetrainSettings(), config, {}, {"steps": steps})
        if gone := versions.learned_from_deleted(versions.promoted):
            say(
                f"remnant: version {versions.promoted}, which is trained on, learned from "
                f"{counted(gone, 'contribution that is', 'contributions that are')} deleted, and what comes of it keeps that; to "
                "be rid of it, roll back to a version before and retrain that one."
            )
        record = retrain_version(versions, settings, seed, quiet=quiet)
        print(f"{_in_words(record)}.")
        if record["check"]["holds"]:
            print(f"remnant server promote {store} --model {versions.model} --version {record['number']}")


@server.command("versions")
def server_versions(
    store: StoreFolder,
    model: ModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Print the versions of a model, and what the held-out scans say of each."""
    with _opened(store, model) as versions:
        listing = versions.listing()
    if as_json:
        print(json.dumps(listing, indent=1))
        return
    for one in listing:
        mark = "*" if one["promoted"] else " "
        print(mark, _in_words(one))


@server.command("promote")
def server_promote(
    store: StoreFolder,
    version: Number,
    model: ModelName = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where its check does not hold.")] = False,
) -> None:
    """Let a version answer, at once also of a server that runs; print its number."""
    with _opened(store, model) as versions:
        versions.promote(version, anyway=anyway)
    print(version)


@server.command("rollback")
def server_rollback(store: StoreFolder, model: ModelName = None) -> None:
    """Let the version answer that did so before; print its number."""
    with _opened(store, model) as versions:
        print(versions.rollback())


@server.command("export")
def server_export(
    given: Annotated[
        Path,
        typer.Argument(
            callback=existing("store or segmenter"),
            metavar="STORE_OR_SEGMENTER",
            help="The folder of `remnant serve --store`, or a run of `protect train` or its segmenter's file or folder.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="New folder.")],
    version: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of a store, the promoted one by default.")
    ] = None,
    model: ModelName = None,
) -> None:
    """Write a segmenter as a model repository of NVIDIA Triton, which serves the same protocol; print the folder."""
    from remnant.base.errors import RemnantError
    from remnant.base.files import require_new

    require_new(out)
    if (given / "store.sqlite").exists():
        with _opened(given, model) as versions:
            number = versions.promoted if version is None else version
            if number not in versions:
                raise RemnantError(f"The model {versions.model} has no version {number}.")
            name, segmenter = versions.model, versions[number]
    else:
        if version is not None or model is not None:
            raise RemnantError(
                f"{given} is no store, so that it has no --version or --model to choose; leave them out."
            )
        from remnant.serve.needs import require_extra

        require_extra("fastapi")
        from remnant.serve.server.models import load_models

        ((name, served),) = load_models([given]).items()
        number, segmenter = 1, served.versions[1]
    from remnant.serve.server.export import export

    export(segmenter, name, number, out)
    print(out)


def _in_words(record: dict[str, Any]) -> str:
    """A version with its check, in a line."""
    if (check := record["check"]) is None:
        return f"version {record['number']}: as it was served first"
    dice = check["dice"]
    said = f"version {record['number']}, of version {record['base']} and {record['contributions']} contributions: "
    if not check["scans"]:
        return f"{said}nothing is held out that could judge it"
    said += f"held-out Dice {dice['old']:.3f} then, {dice['new']:.3f} now, difference {check['difference']:+.3f}"
    if check["low"] is not None:
        said += f" [{check['low']:+.3f}, {check['high']:+.3f}]"
    said += f" of {check['scans']} scans"
    if check.get("worst") is not None:
        said += f", the worst of them {check['worst']:+.3f}"
    said += f"; {check['why'] or 'the check holds'}"
    if few := check.get("too_few_scans_of"):
        said += f"; too few scans hold {enumerated(few)} to judge that"
    return said
