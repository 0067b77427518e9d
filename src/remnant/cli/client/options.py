"""Options that several commands of the client share."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.values import existing

Encoder = Annotated[
    Path,
    typer.Option(
        callback=existing("encoder"),
        metavar="RUN",
        help="A run of `protect train`, or its encoder's file or folder.",
    ),
]
Server = Annotated[str, typer.Option(metavar="URL", help="Address of `remnant serve`, such as https://host:8443.")]
Model = Annotated[str, typer.Option(help="The segmenter, as the server names it.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(callback=existing("token's file"), metavar="FILE", help="File that holds the token for the server."),
]
CaCert = Annotated[
    Path | None,
    typer.Option(
        callback=existing("file of certificates"),
        metavar="FILE",
        help="PEM file of the authority whose certificates are trusted; the system's by default.",
    ),
]
Described = Annotated[
    Path | None,
    typer.Option(
        callback=existing("description"),
        metavar="FILE",
        help="What `server export` wrote beside the model, for a server of another kind than `remnant serve`.",
    ),
]
PlainHttp = Annotated[bool, typer.Option("--plain", help="Allow plain HTTP to another machine.")]
Archived = typer.Option("--from", metavar="DICOMWEB", help="Address of a DICOMweb server, as https://pacs/dicom-web.")
LoginFile = Annotated[
    Path | None,
    typer.Option(
        callback=existing("login's file"),
        metavar="FILE",
        help="File that holds user:password, or a token, for DICOMweb.",
    ),
]
