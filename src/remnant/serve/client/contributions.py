"""Contributions as the client asks a server with a store for them: codes with label maps, under ids of their own."""

import json
import uuid
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import numpy as np

from remnant.base.errors import RemnantError
from remnant.serve.client.connection import AbsentError, RefusedError
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


def learned_from(remote: Remote, model: str) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """The versions that learned from each contribution of the token's holder to a model, by id: of those that the server has,
    and of those that it has deleted. Raises `ServerError` as `Remote.describe` does.
    """
    body, _ = remote.ask("GET", _path(model))
    with remote.understood():
        answer = _read(body)
        try:
            kept, deleted = (
                {str(uuid.UUID(one["id"])): [int(number) for number in one["versions"]] for one in answer[key]}
                for key in ("contributions", "deleted")
            )
        except (KeyError, TypeError, ValueError):
            raise RemnantError("it does not say what it has.") from None
    return kept, deleted


def delete(remote: Remote, model: str, contribution: str) -> None:
    """Have a contribution deleted; one that is not there is. Raises `ServerError` as `Remote.describe` does."""
    with suppress(AbsentError):
        remote.ask("DELETE", f"{_path(model)}/{contribution}")


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
