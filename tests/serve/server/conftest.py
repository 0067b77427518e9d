"""The server's application in this process, without a socket."""

import asyncio
import json

import httpx
import numpy as np
import pytest

from remnant.defenses.privacynet.networks import load_server
from remnant.serve.protocol import Request, Tensor, packed
from remnant.serve.server.app import create_app
from remnant.serve.server.models import load_models
from remnant.serve.server.store import Store


@pytest.fixture
def served(pair):
    """`served(tokens, models, rate, store)`, each None by default: a client of a server here, and the lines of its log."""

    def make(tokens=None, models=None, rate=None, store=None):
        lines = []
        models = models or load_models([pair()], store)
        app = create_app(models, tokens, store, rate=rate, write=lambda line: lines.append(line))
        return Here(app), lines

    return make


@pytest.fixture(scope="session")
def labels(code):
    """A label map uint8 (16, 20, 16) of the three classes."""
    return (code[0] > 0.3).astype(np.uint8) + (code[0] > 0.7)


@pytest.fixture
def given(pair, code, labels):
    """`given(code=..., labels=..., mark=...)`: a sound contribution, packed."""

    def make(code=code, labels=labels, mark=None):
        mark = load_server(pair()).mark if mark is None else mark
        return packed(Request((Tensor("code", code), Tensor("labels", labels)), parameters={"mark": mark}))

    return make


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    made = Store(tmp_path / "store")
    made.open_alone()
    yield made
    made.close()


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

    def put(self, contribution, body, headers=None, model="net"):
        path = f"/v1/models/{model}/contributions/{contribution}"
        return self("PUT", path, content=body.body, headers=body.headers | (headers or {}))

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
