"""The audit log: who asked what and what became of it, a line of JSON a request, and nothing of any body."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remnant.serve.server.metrics import Metrics

Write = Callable[[dict[str, Any]], None]


def to_stderr(line: dict[str, Any]) -> None:
    """Where systemd and containers keep it; JSON escapes whatever could end the line."""
    print(json.dumps(line), file=sys.stderr, flush=True)


class RequestWatch:
    """Writes each request into the log and the metrics when its answer has left.

    Of the path only the route's pattern is told, and the model's name if there is such a model: paths, headers and ids are a
    client's own words.
    """

    def __init__(self, app: ASGIApp, write: Write, metrics: Metrics) -> None:
        self._app, self._write, self._metrics = app, write, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and watch it."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status, received, sent = time.monotonic(), 500, 0, 0

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            seconds = time.monotonic() - start
            self._metrics.count(route, status, seconds, received)
            state = scope.get("state", {})
            self._write(
                {
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "client": scope["client"][0] if scope.get("client") else None,
                    "tenant": state.get("tenant"),
                    "method": scope["method"] if route != "unknown" else None,
                    "route": route,
                    "model": state.get("model"),
                    "version": state.get("version"),
                    "status": status,
                    "received": received,
                    "sent": sent,
                    "seconds": round(seconds, 4),
                }
                | ({"why": state["why"]} if "why" in state else {})
            )
