"""`remnant client contribute` and `withdraw`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.texts import counted
from remnant.cli.client.opened import Way
from remnant.cli.client.options import CaCert, Encoder, Model, PlainHttp, Server, TokenFile
from remnant.cli.options import Quiet
from remnant.cli.room import room
from remnant.cli.values import existing


def client_contribute(
    data: Annotated[
        Path,
        typer.Argument(
            callback=existing("data directory"),
            metavar="DATA",
            help="Scans with label maps, in any layout that is read.",
        ),
    ],
    encoder: Encoder,
    server: Server,
    queue: Annotated[
        Path, typer.Option(help="Folder of the queue, by which a repeat goes on and sends nothing twice.")
    ],
    model: Model = "segmenter",
    yes: Annotated[bool, typer.Option("--yes", help="Send label maps, of which each identifies its patient.")] = False,
    token_file: TokenFile = None,
    ca_cert: CaCert = None,
    plain: PlainHttp = False,
    quiet: Quiet = False,
) -> None:
    """Give a server codes with their label maps, to train its segmenter on; print how many it has now."""
    from remnant.serve.needs import require_extra

    require_extra("httpx")
    from remnant.cohort.layouts.read import read_cohort
    from remnant.serve.client.contribute import WARNING, contribute
    from remnant.serve.client.measured import measured_of_labels

    way = Way(plain, ca_cert, quiet)

    def agreed() -> bool:
        say(f"remnant: {WARNING} {measured_of_labels(encoder, loaded.mark)}")
        return yes or (sys.stdin.isatty() and typer.confirm("Send them?", err=True))

    with room(queue, "and give the command again, which goes on"), way.remote(server, token_file) as remote:
        loaded, _ = way.encoder(encoder)
        cohort = read_cohort(data, tell=way.tell)
        print(contribute(cohort, loaded, remote, model, queue, agreed, quiet=quiet))


def client_withdraw(
    server: Server,
    queue: Annotated[
        Path,
        typer.Option(callback=existing("queue"), help="Folder of the queue by which `client contribute` sent them."),
    ],
    patient: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Whose contributions, as the cohort names the patient; repeat it for several."
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that the model has of the token's holder, whatever the queue knows.")
    ] = False,
    model: Model = "segmenter",
    token_file: TokenFile = None,
    ca_cert: CaCert = None,
    plain: PlainHttp = False,
    quiet: Quiet = False,
) -> None:
    """Have a server delete what was contributed, and contribute no more of these patients; print how many it deleted."""
    from remnant.serve.needs import require_extra

    require_extra("httpx")
    if bool(patient) == everything:
        raise RemnantError("Say what is to be withdrawn: either --patient, once or several times, or --all.")
    from remnant.serve.client.withdraw import withdraw

    way = Way(plain, ca_cert, quiet)
    with room(queue, "and give the command again, which goes on"), way.remote(server, token_file) as remote:
        found = withdraw(remote, model, queue, patient)
    if found.before:
        way.tell(f"remnant: the server had deleted {counted(found.before, 'contribution')} before.")
    if found.unknown:
        way.tell(
            f"remnant: the server knows nothing of {counted(found.unknown, 'contribution')}: never sent, or sent with the "
            "token of another name."
        )
    if found.versions:
        say(
            f"remnant: of the model {model}, {counted(len(found.versions), 'version')} learned from them and may still answer: "
            f"{', '.join(map(str, found.versions))}; ask whoever runs the server to roll back to one before them and to retrain "
            "that one."
        )
    print(found.deleted)
