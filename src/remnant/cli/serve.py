"""`remnant serve`: segmenters of Privacy-Net over HTTP."""

from pathlib import Path
from typing import Annotated

import typer

from remnant.cli.values import existing, within


def serve(
    segmenters: Annotated[
        list[Path],
        typer.Argument(
            callback=existing("segmenter"),
            metavar="RUN_OR_SEGMENTER...",
            help="Runs of `protect train`, or their segmenters' files or folders; a model is named by its folder.",
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than loopback needs --tokens.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    tls_cert: Annotated[
        Path | None, typer.Option(callback=existing("certificate"), help="The certificate's chain, PEM.")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(callback=existing("key"), help="Its key, PEM.")] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(callback=existing("file of tokens"), metavar="FILE", help="Made by `remnant server token add`."),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep contributions and versions here; made if missing. None are taken without."
        ),
    ] = None,
    quota: Annotated[
        float, typer.Option(callback=within(0.001), metavar="GIB", help="What each name of a token may keep there.")
    ] = 10.0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Allow other addresses without TLS, behind a proxy that has it.")
    ] = False,
) -> None:
    """Serve segmenters by the Open Inference Protocol; print the address. The audit log goes to standard error."""
    from remnant.base.errors import RemnantError
    from remnant.serve.needs import require_extra

    require_extra("fastapi", "uvicorn", "prometheus_client")
    if (tls_cert is None) != (tls_key is None):
        raise RemnantError("A certificate needs its key; give --tls-cert and --tls-key together.")
    from remnant.serve.server import process
    from remnant.serve.server.tokens import Tokens

    process.check_exposure(host, tokens=tokens is not None, tls=tls_cert is not None, plain=plain)
    process.check_temporary()
    known = None if tokens is None else Tokens(tokens)
    from remnant.serve.server.app import create_app
    from remnant.serve.server.models import load_models

    if store is not None:
        from remnant.serve.server.store import Store

        kept = Store(store, int(quota * 2**30))
        kept.open_alone()
    else:
        kept = None
    app = create_app(load_models(segmenters, kept), known, kept)
    listening = process.listen(host, port)
    where = f"[{host}]" if ":" in host else host
    address = f"{'https' if tls_cert else 'http'}://{where}:{listening.getsockname()[1]}"
    # Whoever waits for the address may ask at once.
    process.serve(app, listening, tls_cert, tls_key, lambda: print(address, flush=True))
