"""`remnant client segment`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import RemnantError
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
from remnant.cli.values import existing


def client_segment(
    encoder: Encoder,
    server: Server,
    out: Annotated[Path, typer.Option(help="New or empty folder.")],
    scan: Annotated[
        Path | None,
        typer.Argument(
            callback=existing("scan"),
            metavar="INPUT",
            help="A volume, or a DICOM series by its folder or any file of it; none with --from.",
        ),
    ] = None,
    archive: Annotated[str | None, Archived] = None,
    study: Annotated[str | None, typer.Option(metavar="UID", help="The study there.")] = None,
    series: Annotated[str | None, typer.Option(metavar="UID", help="The series of it.")] = None,
    store: Annotated[bool, typer.Option("--store", help="Put the DICOM SEG there, too.")] = False,
    login_file: LoginFile = None,
    model: Model = "segmenter",
    described: Described = None,
    token_file: TokenFile = None,
    ca_cert: CaCert = None,
    plain: PlainHttp = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON instead of the folder.")] = False,
    quiet: Quiet = False,
) -> None:
    """Segment a scan: labels.nii.gz on its grid, of a DICOM series segmentation.dcm, and manifest.json; print the folder."""
    from remnant.serve.needs import require_extra

    require_extra("httpx", "highdicom", "dicomweb_client")
    wrong = any((study, series, store, login_file)) if archive is None else not (study and series)
    if wrong or (scan is None) == (archive is None):
        raise RemnantError(
            "Give one scan: either INPUT, or --from with --study and --series, where --store belongs, too."
        )
    from remnant.serve.client.segment import SEG, require_room, segment_scan

    require_room(out)
    way = Way(plain, ca_cert, quiet)
    with (
        room(out.parent, "and give the command again"),
        way.remote(server, token_file, described) as remote,
        ExitStack() as held,
    ):
        loaded, known = way.encoder(encoder)
        if archive is not None:
            source = way.archive(archive, login_file)
            out.parent.mkdir(parents=True, exist_ok=True)
            scan = held.enter_context(source.fetched(study, series, out.parent))
        manifest = segment_scan(scan, out, loaded, remote, model, measured=known, quiet=quiet)
    if store:
        try:
            source.store(out / SEG)
        except RemnantError as error:
            raise RemnantError(f"{str(error).removesuffix('.')}; the result is whole in {out}.") from None
    print(json.dumps(manifest, indent=1) if as_json else out)
