"""A server of the Open Inference Protocol as the client sees it: what a model says of itself, and what it makes of a code.

Every request has the same headers, whoever sends it: no name of a machine, no version, nothing of the environment.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np

from remnant.base.errors import RemnantError, foreign
from remnant.base.files import require_file
from remnant.base.progress import say
from remnant.cohort.case import MOST_CLASSES
from remnant.serve.client.answers import MOST_SAID, read_body, refusal, said_in
from remnant.serve.client.connection import (
    PASSING,
    PassingError,
    RefusedError,
    ServerError,
    asked_pause,
    check_url,
    context_of,
    persevered,
    whether_certificate,
    whether_scheme,
)
from remnant.serve.protocol import CODE, MAPS, Answer, Metadata, Packed, Request, Tensor, packed, unpacked
from remnant.serve.protocol import HEADER_LENGTH as LENGTH

HEADERS = {"User-Agent": "remnant", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive"}
# A segmenter on a processor takes minutes a head, and others may be before it.
TIMEOUT = httpx.Timeout(connect=10, read=600, write=120, pool=10)


@dataclass(frozen=True)
class Segmented:
    """`maps`: float16 (classes, x, y, z), by a model's `version`; `request`: its random id; bytes `sent` and `received`."""

    maps: np.ndarray
    version: int
    request: str
    sent: int
    received: int


class Remote:
    """A server by its `url`. `token` opens it; `trusted`: a file of certificates to trust in place of the system's.

    `described`: a file that says what the segmenter is, for a server of somebody else's that tells neither encoder nor classes.

    Plain HTTP to another machine is refused unless `plain`: a code would be read on the way. `wait` sleeps (seconds) before a
    request is tried again, `transport` is for tests. Use as a context manager. Raises `RemnantError` for an address that is none.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        plain: bool = False,
        trusted: Path | None = None,
        described: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = say,
    ) -> None:
        self.url = check_url(url, plain)
        headers = HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
        # Neither proxies nor passwords of the environment: they would see or tell more than a code.
        self._http = httpx.Client(
            headers=headers,
            timeout=TIMEOUT,
            transport=transport,
            verify=context_of(trusted),
            trust_env=False,
            follow_redirects=False,
        )
        self._wait, self._tell = wait, tell
        self._described = None if described is None else _described(described)

    def __enter__(self) -> "Remote":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def describe(self, model: str) -> Metadata:
        """What a model says of itself; raises `ServerError` where there is no such model, or no answer that says it."""
        body, _ = self.ask("GET", _path(model))
        with self.understood():
            found = Metadata.read(body)
            if not found.mark and self._described is not None:
                if (found.inputs, found.outputs) != (self._described.inputs, self._described.outputs):
                    raise RemnantError("its tensors are not those of the exported segmenter.")
                found = self._described.model_copy(update={"name": found.name})
            if found.name != model or (found.mark and not 2 <= len(found.classes) <= MOST_CLASSES):
                raise RemnantError("it does not name the model and its classes.")
        if not found.mark:
            raise ServerError(
                f"{self.url} does not tell the model's encoder and classes; give --described, the file that `remnant server "
                "export` wrote beside the model."
            )
        return found

    def segment(self, model: Metadata, code: np.ndarray) -> Segmented:
        """What a model makes of a code, float16 (1, x, y, z).

        Raises `ServerError` as `ask` does, and `RefusedError` for an answer to something else.
        """
        asked = Request((Tensor(CODE, code),), str(uuid.uuid4()), {"mark": model.mark}, {MAPS: True})
        sent = packed(asked)
        shape = (len(model.classes), *code.shape[1:])
        most = MOST_SAID + 2 * int(np.prod(shape))
        body, headers = self.ask("POST", f"{_path(model.name)}/infer", sent, most)
        with self.understood(RefusedError):
            answer = unpacked(Answer, body, headers.get(LENGTH))
            maps = next((tensor.array for tensor in answer.tensors if tensor.name == MAPS), None)
            if maps is None or maps.shape != shape or maps.dtype.kind != "f" or answer.id not in (None, asked.id):
                raise RemnantError(f"no maps of shape {shape} for this request.")
        return Segmented(maps, answer.version, asked.id or "", len(sent.body), len(body))

    @contextmanager
    def understood(self, kind: type[ServerError] = ServerError) -> Iterator[None]:
        """What is wrong with an answer, as a `kind` in words of whose it is."""
        try:
            yield
        except RemnantError as error:
            said = str(error).split(";")[0].removesuffix(".")
            raise kind(
                f"{self.url} answers what a segmenter does not ({said}); check the address and the model."
            ) from None

    def ask(
        self, method: str, path: str, sent: Packed | None = None, most: int = MOST_SAID
    ) -> tuple[bytes, Mapping[str, str]]:
        """The body and headers of an answer of at most `most` bytes; what passes is waited for.

        Raises `ServerError` where the server refuses, or stays away after several tries; `RefusedError` where it refuses `sent`.
        """
        return persevered(self.url, lambda: self._once(method, path, sent, most), self._wait, self._tell)

    def _once(self, method: str, path: str, sent: Packed | None, most: int) -> tuple[bytes, Mapping[str, str]]:
        content, headers = (None, {}) if sent is None else (sent.body, sent.headers)
        try:
            with self._http.stream(method, self.url + path, content=content, headers=headers) as answer:
                body = read_body(answer, most)
        except httpx.TimeoutException:
            raise PassingError("does not answer in time") from None
        except httpx.TransportError as error:
            if problem := whether_certificate(error):
                raise ServerError(f"{self.url} {problem}.") from None
            if isinstance(error, httpx.ConnectError):
                raise PassingError("cannot be reached") from None
            if problem := whether_scheme(self.url):
                raise ServerError(f"{self.url} {problem}.") from None
            raise PassingError("broke the connection off") from None
        if body is None:
            raise ServerError(
                f"{self.url} answers with more than {most:,} bytes, or packed ones; is it `remnant serve`?"
            )
        if answer.status_code in (200, 201):
            return body, answer.headers
        if answer.status_code in PASSING:
            why = ": ".join(filter(None, (str(answer.status_code), said_in(body, ""))))
            raise PassingError(f"is busy or away ({why})", asked_pause(answer.headers))
        if answer.status_code == 400 and (problem := whether_scheme(self.url)):
            raise ServerError(f"{self.url} {problem}.")
        token = "Authorization" in self._http.headers
        raise refusal(self.url, path, answer.status_code, body, token=token, code=sent is not None)


def _described(path: Path) -> Metadata:
    """What an exported segmenter is; raise `RemnantError` for another file."""
    require_file(path, "description")
    with foreign(path, "cannot be read", "check your rights to it", told=False):
        body = path.read_bytes()[:MOST_SAID]
    try:
        return Metadata.read(body)
    except RemnantError:
        raise RemnantError(
            f"{path} does not describe a segmenter; give described.json of `remnant server export`."
        ) from None


def _path(model: str) -> str:
    return f"/v2/models/{quote(model, safe='')}"
