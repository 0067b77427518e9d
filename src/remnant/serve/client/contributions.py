"""Contributions as the client asks a server with a store for them: codes with label maps, under ids of their own."""

import json
from typing import Any
from urllib.parse import quote

import numpy as np

from remnant.base.errors import RemnantError
from remnant.serve.client.connection import RefusedError
from remnant.serve.client.remote import Remote
from remnant.serve.protocol import CODE, LABELS, Metadata, Request, Tensor, packed


def give(remote: Remote, model: Metadata, contribution: str, code: np.ndarray, labels: np.ndarray) -> bool:
    """Give a model a code float16 (1, x, y, z) with its labels uint8 (x, y, z) under an id; whether it is new there.

    The same again changes nothing. Raises `ServerError` as `Remote.segment` does.
    """
    sent = packed(Request((Tensor(CODE, code), Tensor(LABELS, labels)), parameters={"mark": model.mark}))
    body, _ = remote.ask("PUT", f"{_path(model.name)}/{contribution}", sent)
    with remote.understood(RefusedError):
        answer = _read(body)
        if answer.get("id") != contribution or not isinstance(answer.get("new"), bool):
            raise RemnantError("it does not say what it kept.")
        return answer["new"]


def _path(model: str) -> str:
    return f"/v1/models/{quote(model, safe='')}/contributions"


def _read(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise RemnantError("it is not a JSON object.")
    return answer
