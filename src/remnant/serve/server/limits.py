"""How much a request may ask for: bytes, time, requests at once and in a row. Memory is bounded whatever arrives."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Hashable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remnant.serve.protocol import BINARY, HEADER_LENGTH, HEADER_MOST, PLAIN
from remnant.serve.server.refusal import RefusalError

PLAIN_MOST = 2**24  # bytes of a body that is JSON alone, which takes many times that when it is read
AT_ONCE = 24  # requests that are in memory: arriving, waiting, computed, or on their way back
PER_SECOND, BURST = 50.0, 200  # requests of one tenant
ARRIVES_S, LEAVES_S = 300.0, 300.0  # until a body must have arrived, and an answer left
DISCARDED = 2**26  # bytes of a refused body that are read nevertheless, so that its sender hears why
SLICE = 2**18  # bytes of an answer that are handed over at a time
TENANTS = 10_000  # of whom a rate is remembered
TENSORS = {"type": "object", "required": ["inputs"], "properties": {"inputs": {"type": "array", "minItems": 1}}}
# What FastAPI cannot read off a route that reads its body itself, by `body_of`.
BODY = {
    "requestBody": {
        "required": True,
        "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}, PLAIN: {"schema": TENSORS}},
    },
    "parameters": [
        {
            "name": HEADER_LENGTH,
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 1},
            "description": "Bytes of the body that are its JSON header; the tensors' bytes follow.",
        }
    ],
}


class Rate:
    """Buckets of tokens: each key may do `burst` at once and `per_second` in a row."""

    def __init__(
        self, per_second: float = PER_SECOND, burst: int = BURST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._left: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable) -> None:
        """Count one more of `key`; raises `RefusalError` where that is too many."""
        now = self._clock()
        left, when = self._left.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - when) * self._per_second)
        if len(self._left) >= TENANTS:  # the one that was seen longest ago
            del self._left[next(iter(self._left))]
        self._left[key] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = math.ceil((1 - left) / self._per_second)
            raise RefusalError(429, f"Too many requests; try again in {wait} s.", {"Retry-After": str(wait)})


class Slots:
    """So many requests at once; the next is sent away. Use as a context manager."""

    def __init__(self, most: int = AT_ONCE) -> None:
        self._most, self.taken = most, 0

    def __enter__(self) -> None:
        if self.taken >= self._most:
            raise RefusalError(503, "The server is busy; try again in 5 s.", {"Retry-After": "5"})
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        self.taken -= 1


async def slot(request: Request) -> AsyncIterator[None]:
    """A dependency of routes with bodies, held until the answer has left."""
    with request.app.state.slots:
        yield


async def body_of(request: Request, most: int) -> bytearray:
    """The body of a request, binary ones of at most `most` bytes of tensors; refused at the first byte too many.

    Raises `RefusalError` where its kind or length does not serve, where it is cut off, and where it takes too long.
    """
    kind = request.headers.get("content-type", BINARY).partition(";")[0].strip().lower()
    if kind not in (BINARY, PLAIN) or request.headers.get("content-encoding", "identity").lower() != "identity":
        raise RefusalError(415, f"The body must be {BINARY} or {PLAIN}, and not compressed.")
    limit = most + HEADER_MOST if HEADER_LENGTH in request.headers else PLAIN_MOST
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        raise RefusalError(411, "The request must say the length of its body; send Content-Length.")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise RefusalError(400, "Content-Length must be a whole number.")
    too_long = RefusalError(413, f"The body must have at most {limit} bytes; send one code, in binary form.")
    # As text first: a number of 5,000 digits is no number to Python.
    if length is not None and (len(length) > 15 or int(length) > limit):
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(ARRIVES_S):
            async for part in request.stream():
                if len(body) + len(part) > limit:
                    raise too_long
                body += part
    except TimeoutError:
        raise RefusalError(408, f"The body must arrive within {ARRIVES_S:.0f} s; try again.") from None
    except ClientDisconnect:
        raise RefusalError(400, "The upload was cut off; send it again.") from None
    return body


class Paced(Response):
    """An answer that leaves in slices, each when the one before was taken: who reads slowly fills no memory."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, or give up after `LEAVES_S`."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = memoryview(self.body)
        try:
            async with asyncio.timeout(LEAVES_S):
                for start in range(0, len(body), SLICE):
                    part = bytes(body[start : start + SLICE])
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            return  # the connection is closed, since the answer is not whole


class Closing:
    """Where a request is refused before its body was read, and the rest is long or of no told length: hang up.

    Else the server would go on to receive what nobody asked for.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add `Connection: close` to such a refusal."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400 and _endless(scope):
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        return await self._app(scope, receive, closing)


def _endless(scope: Scope) -> bool:
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"0")
    return b"transfer-encoding" in headers or not length.isdigit() or len(length) > 15 or int(length) > DISCARDED
