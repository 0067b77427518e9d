"""What a server answers instead of a result, in words of what can be done about it; its own words are a stranger's."""

import json
from urllib.parse import unquote

import httpx

from remnant.base.texts import short
from remnant.serve.client.connection import AbsentError, RefusedError, ServerError

MOST_SAID = 2**20  # bytes of an answer without tensors


def read_body(answer: httpx.Response, most: int) -> bytes | None:
    """The body; None where it is longer than `most` bytes, or compressed, and might unpack to any length."""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        return None
    body = bytearray()
    for part in answer.iter_raw():
        body += part
        if len(body) > most:
            return None
    return bytes(body)


def refusal(url: str, path: str, status: int, body: bytes, *, token: bool, code: bool) -> ServerError:
    """The error of an answer by its `status`: a `RefusedError` where it is of the one `code` that was sent.

    `token`: one was sent.
    """
    model = path.split("/")[3]
    if status == 401 and not token:
        said = f"{url} wants a token; give --token-file."
    elif status == 401:
        said = f"{url} does not take the token ({said_in(body)}); ask whoever runs the server for another."
    elif status == 403:
        said = (
            f"The token for {url} does not allow this ({said_in(body)}); ask whoever runs the server for one that does."
        )
    elif status == 404 and path.startswith("/v1/"):
        return AbsentError(
            f"{url} takes no contributions to {short(unquote(model))!r}; ask whoever runs it for --store."
        )
    elif status == 507:
        said = f"{url} has no room for more ({said_in(body)})."
    elif status == 404:
        return AbsentError(f"{url} has no model named {short(unquote(model))!r}; give --model as the server names it.")
    elif 300 <= status < 400:
        said = f"{url} sends elsewhere ({status}), and a code goes where it was told alone; give that address."
    else:
        said = f"{url} refuses the request ({status}: {said_in(body)}); check that both sides are of one version."
        return RefusedError(said) if code else ServerError(said)
    return ServerError(said)


def said_in(body: bytes, otherwise: str = "it does not say why") -> str:
    """The sentence of a refusal, without its end."""
    try:
        return short(json.loads(body)["error"], 200).removesuffix(".")
    except (ValueError, KeyError, TypeError, RecursionError):
        return otherwise
