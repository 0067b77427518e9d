"""The routes of a server with a store: codes with label maps in, and the versions that come of them.

To a tenant there is nothing but what the tenant contributed: another's id is as free as any.
"""

import asyncio
import uuid
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request, Response

from remnant.base.texts import short
from remnant.defenses.privacynet.networks import Server
from remnant.serve import protocol
from remnant.serve.protocol import CODE, HEADER_LENGTH, LABELS
from remnant.serve.server import models
from remnant.serve.server.gate import require
from remnant.serve.server.limits import BODY, body_of, slot
from remnant.serve.server.refusal import RefusalError, answers
from remnant.serve.server.versions import Versions

routes = APIRouter(prefix="/v1/models/{name}")
KNOWN = answers(400, 401, 403, 404, 429, 503)
KEPT = KNOWN | answers(408, 409, 411, 413, 415, 507) | {201: {"description": "New, and on the disk."}}
Contributor = Annotated[str, Depends(require("contribute"))]
Admin = Annotated[str, Depends(require("admin"))]


@routes.put("/contributions/{id}", responses=KEPT, openapi_extra=BODY)
async def contribute(
    request: Request, response: Response, name: str, id: str, tenant: Contributor, held: Annotated[None, Depends(slot)]
) -> dict[str, Any]:
    """Keep a code with its label map: answered when it is on the disk, and the same again where it was already."""
    model, _, segmenter = await models.model_of(request, name, None)
    contribution = _id(id)
    body = await body_of(request, models.most_bytes(segmenter) // 2 * 3)
    header = request.headers.get(HEADER_LENGTH)
    sent = await asyncio.to_thread(protocol.unpacked, protocol.Request, body, header)
    code, labels = _pair_in(segmenter, sent)
    new = await asyncio.to_thread(request.app.state.store.add, tenant, model.name, contribution, code, labels)
    response.status_code = 201 if new else 200
    return {"id": contribution, "new": new}


@routes.get("/contributions", responses=KNOWN)
async def contributions(request: Request, name: str, tenant: Contributor) -> dict[str, Any]:
    """The tenant's own, with the versions that learned from each, also of those that were deleted."""
    model, store = models.find(request.app.state.models, name), request.app.state.store

    def found() -> dict[str, Any]:
        kept, deleted = (store.contributions(model.name, tenant, deleted=gone) for gone in (False, True))
        return {
            "contributions": [
                {"id": one.id, "created": one.created, "held_out": one.held_out, "versions": one.versions}
                for one in kept
            ],
            "deleted": [{"id": one.id, "versions": one.versions} for one in deleted],
            "bytes": store.used(tenant),
            "quota": store.quota,
        }

    return await asyncio.to_thread(found)


@routes.delete("/contributions/{id}", responses=KNOWN)
async def delete(request: Request, name: str, id: str, tenant: Contributor) -> dict[str, Any]:
    """Forget a contribution; the versions that learned from it are told, and keep what they learned."""
    model = models.find(request.app.state.models, name)
    versions = await asyncio.to_thread(request.app.state.store.delete, tenant, model.name, _id(id))
    if versions is None:
        raise RefusalError(404, f"You have no contribution {short(id)} to {model.name} here.")
    return {"id": id, "versions": versions}


@routes.get("/versions", responses=KNOWN, dependencies=[Depends(require(None))])
async def versions(request: Request, name: str) -> dict[str, Any]:
    """Which there are, of how many contributions, and what the held-out ones say of each."""
    return {"versions": await asyncio.to_thread(_kept(request, name).listing)}


@routes.post("/versions/{version}/promote", responses=KNOWN | answers(409))
async def promote(request: Request, name: str, version: str, tenant: Admin) -> dict[str, int]:
    """Let a version answer from now on, if its check holds."""
    kept = _kept(request, name)
    number = await asyncio.to_thread(models.find(request.app.state.models, name).version, version)
    await asyncio.to_thread(kept.promote, number)
    return {"promoted": number}


@routes.post("/rollback", responses=KNOWN | answers(409))
async def rollback(request: Request, name: str, tenant: Admin) -> dict[str, int]:
    """Let the version answer that did so before."""
    return {"promoted": await asyncio.to_thread(_kept(request, name).rollback)}


def _kept(request: Request, name: str) -> Versions:
    kept = models.find(request.app.state.models, name).kept
    assert kept is not None  # every model of a server with a store
    return kept


def _id(text: str) -> str:
    """An id as `uuid.uuid4` draws it and in its one form: it becomes a row's key, and nothing else."""
    try:
        if str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4:
            return text
    except ValueError:
        pass
    raise RefusalError(400, f"The id of a contribution must be a random UUID (version 4). Got {short(text)!r} instead.")


def _pair_in(server: Server, sent: protocol.Request) -> tuple[np.ndarray, np.ndarray]:
    """The code float16 (1, x, y, z) and its labels uint8 (x, y, z) in a request; raises `RefusalError` for anything else."""
    models.check_mark(server, sent)
    arrays = {tensor.name: tensor.array for tensor in sent.tensors}
    if arrays.keys() != {CODE, LABELS}:
        raise RefusalError(400, f"A contribution must have two inputs, named {CODE!r} and {LABELS!r}.")
    code, labels = arrays[CODE], arrays[LABELS]
    if server.shape is None:
        raise RefusalError(
            409, "The file of this segmenter does not say its encoder's grid, so that it takes no contributions."
        )
    models.check_code(server, code)
    if labels.dtype != np.uint8 or labels.shape != server.shape:
        raise RefusalError(
            400,
            f"The labels must be UINT8 of shape {server.shape}. Got {labels.dtype} of shape {labels.shape} instead.",
        )
    if labels.max() >= len(server.classes):
        raise RefusalError(
            400, f"The labels must be below {len(server.classes)}, the number of classes. Got {labels.max()} instead."
        )
    if not labels.any():
        raise RefusalError(400, "The labels hold the background alone; send the label map of this scan.")
    return code, labels
