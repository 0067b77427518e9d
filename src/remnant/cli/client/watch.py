"""`remnant client watch`."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.client.opened import Way
from remnant.cli.client.options import (
    Archived,
    CaCert,
    Described,
    Encoder,
    LoginFile,
    Model,
    PlainHttp,
    Server,
    TokenFile,
)
from remnant.cli.options import Quiet
from remnant.cli.room import room
from remnant.cli.values import within


def client_watch(
    source: Annotated[str, Archived],
    target: Annotated[
        str, typer.Option("--to", metavar="DICOMWEB", help="Where each DICOM SEG is put; it may be the same.")
    ],
    rule: Annotated[
        list[str],
        typer.Option(
            metavar="KEYWORD=PATTERN",
            help="Which series are meant, as Modality=MR, SeriesDescription=*T1* or StudyDate=20260101-; several must all fit.",
        ),
    ],
    encoder: Encoder,
    server: Server,
    queue: Annotated[Path, typer.Option(help="Folder of the queue, by which a restart goes on.")],
    settle: Annotated[
        float,
        typer.Option(callback=within(1), metavar="SECONDS", help="How long a series must have come no further."),
    ] = 60.0,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Segment also what was set aside before, and once more what has changed since, beside the first result.",
        ),
    ] = False,
    login_file: LoginFile = None,
    model: Model = "segmenter",
    described: Described = None,
    token_file: TokenFile = None,
    ca_cert: CaCert = None,
    plain: PlainHttp = False,
    quiet: Quiet = False,
) -> None:
    """Segment what an archive has and gets, each series once, until it is stopped; a restart goes on."""
    from remnant.serve.needs import require_extra

    require_extra("httpx", "highdicom", "dicomweb_client")
    from remnant.serve.client.rules import Rule
    from remnant.serve.client.watch import Watch

    way = Way(plain, ca_cert, quiet)
    rules = [Rule.read(text) for text in rule]
    archives = [way.archive(url, login_file) for url in (source, target)]
    with (
        room(queue, "and start the client again, which goes on"),
        way.remote(server, token_file, described) as remote,
    ):
        loaded, known = way.encoder(encoder)
        Watch(*archives, loaded, remote, model, rules, settle, queue, way.tell, known, again).forever()
