"""How a server is reached: over which addresses, with whose certificates, how often."""

import functools
import random
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import httpx

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import require_file
from remnant.base.texts import short
from remnant.serve.needs import is_loopback

LONGEST_TOKEN = 1024
TRIES = 6
# Statuses after which the same request may succeed.
PASSING = {408, 429, 502, 503, 504}
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
MOST_WAITED_S = 300.0  # of one request, whatever the server asks for
HANDSHAKE_S = 5.0
MOST_REFUSED = 3  # codes one after another: then the server is rather at fault itself
Result = TypeVar("Result")


class ServerError(RemnantError):
    """What a server is to blame for, or the way to it, and no scan."""


class AbsentError(ServerError):
    """A server that does not have what was asked for."""


class RefusedError(ServerError):
    """A server that does not take this one code, or answers nonsense to it, however often it is sent; it may take others."""


class AwayError(ServerError):
    """A server that was busy or away through all tries; it may be back later."""


class PassingError(Exception):
    """Why a request did not come through that may do so `after` some seconds."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


def lasting() -> Iterator[float | None]:
    """The pauses (s) after each of `TRIES` tries, each about twice as long as the last, None after the last.

    Each is drawn from its upper half, so that clients whom one server sent away do not come back together.
    """
    for number in range(TRIES - 1):
        longest = min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S)
        yield random.uniform(longest / 2, longest)
    yield None


def check_url(url: str, plain: bool) -> str:
    """The address without a slash at its end; raise `RemnantError` for what is none, holds a password, or would send a code in
    the clear, unless `plain`.
    """
    try:
        found = httpx.URL(url)
        host, scheme = found.host, found.scheme
    except (httpx.InvalidURL, ValueError):
        host = scheme = ""
    if scheme not in ("http", "https") or not host or found.query or found.fragment:
        raise RemnantError(f"{short(url)!r} is no address of a server; give one as https://segmenter.example:8443.")
    if found.userinfo:
        raise RemnantError("The address of the server holds a name or a password; leave it out and give --token-file.")
    if scheme == "http" and not plain and not is_loopback(host):
        raise RemnantError(
            f"{short(url)} is plain HTTP to another machine, so that everybody on the way reads codes and token; give an https "
            "address, or --plain where the way is safe by other means."
        )
    return url.rstrip("/")


def read_token(path: Path) -> str:
    """The token in a file; raise `RemnantError` where it holds something else."""
    require_file(path, "token's file")
    with foreign(path, "cannot be read", "check your rights to it", told=False):
        text = path.read_bytes()[: 2 * LONGEST_TOKEN].decode("latin-1").strip()
    if not text or len(text) > LONGEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
        raise RemnantError(
            f"{path} does not hold one token and nothing else; write there what `remnant server token add` printed."
        )
    return text


def context_of(trusted: Path | None) -> ssl.SSLContext:
    """TLS with the system's certificates, or with those in the file `trusted` alone; raise `RemnantError` for another file."""
    if trusted is None:
        return _of_the_system()
    require_file(trusted, "file of certificates")
    try:
        return ssl.create_default_context(cafile=str(trusted))
    except ssl.SSLError:
        raise RemnantError(f"{trusted} holds no certificates; give a PEM file of the authority's.") from None


@functools.cache
def _of_the_system() -> ssl.SSLContext:
    # To read all of its certificates takes longer than to send a code.
    return ssl.create_default_context()


def persevered(
    url: str, once: Callable[[], Result], wait: Callable[[float], None], tell: Callable[[str], None]
) -> Result:
    """What `once` returns; where it raises `PassingError` it is tried again, and at last raises `AwayError`.

    Each wait is told before it begins; together they take at most `MOST_WAITED_S`.
    """
    waited = 0.0
    for tried, pause in enumerate(lasting(), 1):
        try:
            return once()
        except PassingError as away:
            if pause is None or waited >= MOST_WAITED_S:
                raise AwayError(
                    f"{url} {away}, also after {tried} tries and {waited:.0f} s of waiting; try again later."
                ) from None
            pause = min(max(pause, away.after), MOST_WAITED_S - waited)
            tell(
                f"remnant: {url} {away}; trying again in {pause:.0f} s, {waited:.0f} of at most {MOST_WAITED_S:.0f} s waited so "
                "far."
            )
            wait(pause)
            waited += pause
    raise AssertionError("the last pause is None")


def asked_pause(headers: Mapping[str, str]) -> float:
    """For how long (s) an answer asks to be left alone, by Retry-After: seconds, or a date by the server's clock; else 0."""
    said = headers.get("Retry-After", "")
    if said.isascii() and said.isdigit():
        return float(said)
    until, now = _moment(said), _moment(headers.get("Date", "")) or datetime.now(UTC)
    return 0.0 if until is None else max(0.0, (until - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def whether_certificate(error: BaseException) -> str:
    """What a failed connection says of the server's certificate or its TLS, after the address; empty for another failure."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"shows a certificate that is not trusted ({short(cause.verify_message)}); give --ca-cert, or have it renewed"
        if isinstance(cause, ssl.SSLError):
            return "does not speak TLS as it should; check the address, and whether it is http or https"
        cause = cause.__cause__ or cause.__context__
    return ""


def whether_scheme(url: str) -> str:
    """What is wrong with a plain `url` that broke off or refused what came, after the address, where TLS is spoken there; empty
    for another failure. Nothing but the handshake is sent, and nothing that is heard is trusted.
    """
    at = httpx.URL(url)
    if at.scheme != "http":
        return ""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((at.host, at.port or 80), HANDSHAKE_S) as opened, context.wrap_socket(opened):
            return "speaks TLS; give the address as https://"
    except OSError:  # of TLS, too
        return ""
