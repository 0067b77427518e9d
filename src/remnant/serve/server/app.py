"""The routes of the server. `create_app` makes an ASGI application of models, tokens and a log."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from remnant import __version__
from remnant.base.errors import RemnantError
from remnant.serve import protocol
from remnant.serve.protocol import BINARY, HEADER_LENGTH, MAPS, PLAIN, Metadata, Tensor
from remnant.serve.server import contributions, models
from remnant.serve.server.database import StoreError
from remnant.serve.server.gate import TokenGate, require
from remnant.serve.server.limits import BODY, Closing, Paced, Rate, Slots, body_of, slot
from remnant.serve.server.log import RequestWatch, Write, to_stderr
from remnant.serve.server.metrics import KIND, Metrics
from remnant.serve.server.models import Served, Worker
from remnant.serve.server.refusal import RefusalError, answers
from remnant.serve.server.store import Store
from remnant.serve.server.tokens import Tokens

FAULT = "A fault of the server; its log says more."
STORE_FAULT = "The server cannot use its store; tell its operator."
MAPS_OF = {"description": "Logits of the classes.", "content": {BINARY: {}, PLAIN: {"schema": {"type": "object"}}}}
KNOWN = answers(401, 403, 429, 503)
NAMED = answers(400, 404)
routes = APIRouter()


def create_app(
    served: dict[str, Served],
    tokens: Tokens | None,
    store: Store | None = None,
    *,
    rate: Rate | None = None,
    write: Write = to_stderr,
) -> FastAPI:
    """The server of these models. `tokens`: None lets everybody in. `store`: where contributions to them are kept; None takes
    none. `write` takes each line of the audit log.
    """

    @asynccontextmanager
    async def alive(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.worker.stop()
        if store is not None:
            store.close()

    app = FastAPI(
        title="Remnant", version=__version__, lifespan=alive, docs_url=None, redoc_url=None, redirect_slashes=False
    )
    slots = Slots()
    metrics = Metrics(lambda: slots.taken)
    app.state.models, app.state.gate = served, TokenGate(tokens, rate or Rate())
    app.state.slots, app.state.worker, app.state.metrics = slots, Worker(), metrics
    app.include_router(routes)
    if store is not None:
        app.state.store = store
        app.include_router(contributions.routes)
    app.add_middleware(Closing)
    app.add_middleware(RequestWatch, write=write, metrics=metrics)
    for kind in (RemnantError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _told)
    app.openapi = functools.partial(_document, app, app.openapi)
    return app


async def _told(request: Request, error: Exception) -> Response:
    """Every error as the protocol has it."""
    if isinstance(error, RefusalError):
        return JSONResponse({"error": str(error)}, error.status, error.headers)
    if isinstance(error, StoreError):  # whose sentence names a path: it is for the log alone
        request.state.why = str(error)
        return JSONResponse({"error": STORE_FAULT}, 503, {"Retry-After": "60"})
    if isinstance(error, HTTPException):
        return JSONResponse({"error": f"{error.detail}."}, error.status_code, error.headers)
    if isinstance(error, RemnantError | RequestValidationError):
        said = str(error) if isinstance(error, RemnantError) else "The request does not fit the route."
        return JSONResponse({"error": said}, 400)
    return JSONResponse({"error": FAULT}, 500)


def _document(app: FastAPI, made: Any) -> dict[str, Any]:
    """The OpenAPI document, without 422, which FastAPI puts where a path has a name in it."""
    if app.openapi_schema is None:
        for path in made()["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
    return made()


@routes.get("/v2/health/live")
async def live() -> dict[str, bool]:
    """The process answers."""
    return {"live": True}


@routes.get("/v2/health/ready", responses=answers(503))
async def ready(request: Request) -> dict[str, bool]:
    """Models are loaded, and tokens and store can be read."""
    if (tokens := request.app.state.gate.tokens) is not None:
        tokens.current()
    if (store := getattr(request.app.state, "store", None)) is not None:
        await asyncio.to_thread(store.database.rows, "SELECT 1 FROM versions LIMIT 1")
    return {"ready": True}


@routes.get("/v2", responses=KNOWN, dependencies=[Depends(require(None))])
async def server() -> dict[str, Any]:
    """What answers here."""
    return {"name": "remnant", "version": __version__, "extensions": ["binary_tensor_data"]}


@routes.get("/metrics", responses=KNOWN | {200: {"content": {"text/plain": {}}}}, response_class=Response)
async def metrics(request: Request, tenant: Annotated[str, Depends(require("admin"))]) -> Response:
    """For Prometheus."""
    return Response(request.app.state.metrics.text(), media_type=KIND)


@routes.get("/v2/models/{name}/versions/{version}", responses=KNOWN | NAMED, dependencies=[Depends(require(None))])
@routes.get("/v2/models/{name}", responses=KNOWN | NAMED, dependencies=[Depends(require(None))])
async def describe(request: Request, name: str, version: str | None = None) -> Metadata:
    """Inputs, outputs, the encoder's mark and the classes."""
    model, _, segmenter = await models.model_of(request, name, version)
    return await asyncio.to_thread(models.metadata, model, segmenter)


@routes.get(
    "/v2/models/{name}/versions/{version}/ready", responses=KNOWN | NAMED, dependencies=[Depends(require(None))]
)
@routes.get("/v2/models/{name}/ready", responses=KNOWN | NAMED, dependencies=[Depends(require(None))])
async def model_ready(request: Request, name: str, version: str | None = None) -> dict[str, Any]:
    """A model that there is, is ready."""
    model, _, _ = await models.model_of(request, name, version)
    return {"name": model.name, "ready": True}


REFUSED = KNOWN | NAMED | answers(408, 409, 411, 413, 415)


@routes.post("/v2/models/{name}/versions/{version}/infer", responses=REFUSED | {200: MAPS_OF}, openapi_extra=BODY)
@routes.post("/v2/models/{name}/infer", responses=REFUSED | {200: MAPS_OF}, openapi_extra=BODY)
async def infer(
    request: Request,
    name: str,
    tenant: Annotated[str, Depends(require("segment"))],
    held: Annotated[None, Depends(slot)],
    version: str | None = None,
) -> Response:
    """The logits of a code's classes."""
    model, number, segmenter = await models.model_of(request, name, version)
    body = await body_of(request, models.most_bytes(segmenter))
    header = request.headers.get(HEADER_LENGTH)
    asked = await asyncio.to_thread(protocol.unpacked, protocol.Request, body, header)
    code = models.code_in(segmenter, asked)  # what is refused does not wait for its turn

    def work() -> protocol.Packed:
        with request.app.state.metrics.network.labels(model.name).time():
            maps = Tensor(MAPS, models.maps_of(segmenter, code))
        answer = protocol.Answer((maps,), model.name, number, asked.id, {"mark": segmenter.mark})
        return protocol.packed(answer, binary=asked.wanted.get(MAPS, asked.binary))

    sent = await request.app.state.worker.run(request, work)
    return Paced(sent.body, headers={**sent.headers, "Cache-Control": "no-store"})
