"""The server as a process: where it listens, and what it refuses to listen on."""

import contextlib
import signal
import socket
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from remnant.base.errors import RemnantError, foreign
from remnant.serve.needs import is_loopback

CONNECTIONS = 512  # open at once; more are told 503
GRACE_S = 60  # for requests under way when the server is stopped


def check_exposure(host: str, *, tokens: bool, tls: bool, plain: bool) -> None:
    """Raise `RemnantError` where others than this machine would be heard without tokens, or without encryption unless `plain`."""
    if is_loopback(host):
        return
    if not tokens:
        raise RemnantError(
            f"Without tokens everybody who reaches {host} could use the segmenter; give --tokens, made by `remnant server "
            "token add`, or listen on 127.0.0.1."
        )
    if not (tls or plain):
        raise RemnantError(
            f"On {host} codes and tokens would go through the network unencrypted; give --tls-cert and --tls-key, or "
            "--plain where a proxy in front of this server encrypts."
        )


def check_temporary() -> None:
    """Raise `RemnantError` where no temporary folder can be written, which PyTorch wants though it leaves it empty."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        raise RemnantError("No temporary folder can be written; set TMPDIR to one that can, or mount one.") from None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; `port` 0 takes a free one. Raises `RemnantError` where that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=CONNECTIONS)
    except OSError as error:
        raise RemnantError(
            f"The server cannot listen on {host}, port {port} ({error.strerror}); give another --host or --port."
        ) from None


def serve(
    app: ASGIApp, listening: socket.socket, cert: Path | None, key: Path | None, begins: Callable[[], None]
) -> None:
    """Answer until the process is told to stop; then end what is under way. Raises `RemnantError` for a wrong certificate, before
    it calls `begins`.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",  # a request that is none is told to whoever sent it, and the audit log is JSON alone
        access_log=False,  # it would write paths, which are clients' words; `log.Watched` is ours
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    with contextlib.closing(listening):
        if cert:
            with foreign(cert, f"is no certificate in PEM that fits {key}", "give its chain and its unencrypted key"):
                config.load()
            config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            # Its terminal was closed; uvicorn knows SIGTERM alone, by which it ends what is under way.
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
        begins()
        uvicorn.Server(config).run(sockets=[listening])
