"""What the server answers instead of a result: a status and one sentence."""

from collections.abc import Mapping

import pydantic

from remnant.base.errors import RemnantError


class RefusalError(RemnantError):
    """A request that is refused by a `status` of HTTP; `headers` come along, as when to try again."""

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, dict(headers or {})


class Told(pydantic.BaseModel):
    """The body of every refusal."""

    error: str


# Every status of a refusal, for the OpenAPI document.
MEANING = {
    400: "The request is of another form than the protocol's.",
    401: "No token, an unknown or an expired one.",
    403: "The token's scopes do not allow it.",
    404: "No such model, version or contribution.",
    408: "The body arrived too slowly.",
    409: "The code is another encoder's, the id has other content, or the version may not be promoted.",
    411: "The body's length is not said.",
    413: "The body is longer than a code can be.",
    415: "Neither octets nor JSON, or compressed.",
    429: "Too many requests; Retry-After says when to come again.",
    503: "Busy; Retry-After says when to come again.",
    507: "The quota is used up, or the disk full; nothing was kept.",
}


def answers(*statuses: int) -> dict[int | str, dict]:
    """The refusals of a route, as FastAPI wants them."""
    return {status: {"model": Told, "description": MEANING[status]} for status in statuses}
