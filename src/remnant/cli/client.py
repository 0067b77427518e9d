"""`remnant client`: a hospital's half of a Privacy-Net, which sends codes and nothing else."""

import json
from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.options import Quiet
from remnant.cli.values import existing

client = typer.Typer(
    help="Have scans segmented by a server that sees their codes alone (extra `serve`).", no_args_is_help=True
)

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
PlainHttp = Annotated[bool, typer.Option("--plain", help="Allow plain HTTP to another machine.")]


@client.command("segment")
def client_segment(
    scan: Annotated[
        Path,
        typer.Argument(
            callback=existing("scan"),
            metavar="INPUT",
            help="A volume, or a DICOM series by its folder or any file of it.",
        ),
    ],
    encoder: Encoder,
    server: Server,
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    model: Model = "segmenter",
    token_file: TokenFile = None,
    ca_cert: CaCert = None,
    plain: PlainHttp = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON instead of the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Segment a scan: labels.nii.gz on its grid, of a DICOM series segmentation.dcm, and manifest.json; print the folder."""
    from remnant.serve.needs import require_extra

    require_extra("httpx", "highdicom")
    from remnant.base.progress import say
    from remnant.defenses.privacynet.networks import load_client
    from remnant.serve.client.connection import read_token
    from remnant.serve.client.measured import measured
    from remnant.serve.client.remote import Remote
    from remnant.serve.client.segment import require_room, segment_scan

    require_room(out)
    token = None if token_file is None else read_token(token_file)
    tell = (lambda line: None) if quiet else say
    with Remote(server, token, plain=plain, trusted=ca_cert, tell=tell) as remote:
        loaded = load_client(encoder)
        known = measured(encoder, loaded.mark)
        tell(f"remnant: {known}")
        manifest = segment_scan(scan, out, loaded, remote, model, measured=known, quiet=quiet)
    print(json.dumps(manifest, indent=1) if as_json else out)
