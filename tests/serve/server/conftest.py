"""The server's application in this process, without a socket."""

import asyncio
import json

import httpx
import pytest

from remnant.serve.server.app import create_app
from remnant.serve.server.models import load_models


@pytest.fixture
def served(pair):
    """`served(tokens=None, models=None, rate=None)`: a client of a server in this process, and the lines of its log."""

    def make(tokens=None, models=None, rate=None):
        lines = []
        app = create_app(models or load_models([pair()]), tokens, rate=rate, write=lambda line: lines.append(line))
        return Here(app), lines

    return make


class Here:
    """The application's answers, without a socket."""

    def __init__(self, app):
        self.app = app

    def __call__(self, method, path, **values):
        return self.together((method, path, values))[0]

    def together(self, *requests):
        async def run():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await asyncio.gather(*(client.request(method, path, **rest) for method, path, rest in requests))

        return asyncio.run(run())

    def infer(self, body, path="/v2/models/net/infer", headers=None):
        return self("POST", path, content=body.body, headers=body.headers | (headers or {}))


@pytest.fixture
def refused():
    """`refused(response, status, *said)`: it has this status, and one sentence that says this."""

    def check(response, status, *said):
        assert response.status_code == status, response.text
        told = response.json()
        assert list(told) == ["error"] and told["error"].endswith(".") and "\n" not in told["error"]
        for part in said:
            assert part in told["error"], told
        return json.dumps(told)

    return check
