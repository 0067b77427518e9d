"""`remnant client`: a hospital's half of a Privacy-Net, which sends codes and nothing else."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from remnant.base.errors import NO_ROOM, RemnantError
from remnant.cli.options import Quiet
from remnant.cli.values import existing, within

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


@contextmanager
def _room(folder: Path, then: str) -> Iterator[None]:
    """Say of a full disk what to do then; these commands have no --resume."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise RemnantError(f"The disk of {folder} is full; make room, {then}.") from None


@client.command("segment")
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
    from remnant.base.progress import say
    from remnant.defenses.privacynet.networks import load_client
    from remnant.serve.client.connection import read_token
    from remnant.serve.client.dicomweb import Archive
    from remnant.serve.client.measured import measured
    from remnant.serve.client.remote import Remote
    from remnant.serve.client.segment import SEG, require_room, segment_scan

    require_room(out)
    token = None if token_file is None else read_token(token_file)
    tell = (lambda line: None) if quiet else say
    ways = {"plain": plain, "trusted": ca_cert, "tell": tell}
    with (
        _room(out.parent, "and give the command again"),
        Remote(server, token, described=described, **ways) as remote,
        ExitStack() as held,
    ):
        loaded = load_client(encoder)
        known = measured(encoder, loaded.mark)
        tell(f"remnant: {known}")
        if archive is not None:
            login = None if login_file is None else read_token(login_file)
            source = Archive(archive, login, **ways)
            out.parent.mkdir(parents=True, exist_ok=True)
            scan = held.enter_context(source.fetched(study, series, out.parent))
        manifest = segment_scan(scan, out, loaded, remote, model, measured=known, quiet=quiet)
    if store:
        try:
            source.store(out / SEG)
        except RemnantError as error:
            raise RemnantError(f"{str(error).removesuffix('.')}; the result is whole in {out}.") from None
    print(json.dumps(manifest, indent=1) if as_json else out)


@client.command("watch")
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
    from remnant.base.progress import say
    from remnant.defenses.privacynet.networks import load_client
    from remnant.serve.client.connection import read_token
    from remnant.serve.client.dicomweb import Archive
    from remnant.serve.client.measured import measured
    from remnant.serve.client.remote import Remote
    from remnant.serve.client.rules import Rule
    from remnant.serve.client.watch import Watch

    token, login = (None if file is None else read_token(file) for file in (token_file, login_file))
    tell = (lambda line: None) if quiet else say
    ways = {"plain": plain, "trusted": ca_cert, "tell": tell}
    rules = [Rule.read(text) for text in rule]
    archives = [Archive(url, login, **ways) for url in (source, target)]
    with (
        _room(queue, "and start the client again, which goes on"),
        Remote(server, token, described=described, **ways) as remote,
    ):
        loaded = load_client(encoder)
        known = measured(encoder, loaded.mark)
        tell(f"remnant: {known}")
        Watch(*archives, loaded, remote, model, rules, settle, queue, tell, known, again).forever()


@client.command("contribute")
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
    from remnant.base.progress import say
    from remnant.cohort.read import read_cohort
    from remnant.defenses.privacynet.networks import load_client
    from remnant.serve.client.connection import read_token
    from remnant.serve.client.contribute import WARNING, contribute
    from remnant.serve.client.measured import measured
    from remnant.serve.client.remote import Remote

    token = None if token_file is None else read_token(token_file)
    tell = (lambda line: None) if quiet else say

    def agreed() -> bool:
        say(f"remnant: {WARNING}")
        return yes or (sys.stdin.isatty() and typer.confirm("Send them?", err=True))

    with Remote(server, token, plain=plain, trusted=ca_cert, tell=tell) as remote:
        loaded = load_client(encoder)
        tell(f"remnant: {measured(encoder, loaded.mark)}")
        cohort = read_cohort(data, tell=tell)
        print(contribute(cohort, loaded, remote, model, queue, agreed, quiet=quiet))
