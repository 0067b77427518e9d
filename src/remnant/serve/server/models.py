"""The segmenters that are served: what they say of themselves, and what they make of a code."""

import asyncio
import json
import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from starlette.requests import Request as HttpRequest

from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.defenses.privacynet.networks import Server, load_server
from remnant.engine.device import place
from remnant.engine.stitch import stitched
from remnant.serve.protocol import CODE, MAPS, Metadata, Request, Signature
from remnant.serve.server.refusal import RefusalError
from remnant.serve.server.store import Store
from remnant.serve.server.versions import Versions

PLATFORM = "remnant_torch"
VOXELS = 256**3  # the largest code of a segmenter whose file does not say how large its codes are
LARGEST = np.finfo(np.float16).max
Result = TypeVar("Result")


@dataclass(frozen=True)
class Served:
    """A model: its versions by number, and where they are kept in a store, `kept` is the same."""

    name: str
    versions: Mapping[int, Server]
    kept: Versions | None = None

    @property
    def promoted(self) -> int:
        """The version that answers where none is asked for, at this moment."""
        return 1 if self.kept is None else self.kept.promoted

    def version(self, number: str | None) -> int:
        """The version that a path names, the promoted one if it names none; raises `RefusalError` where there is none such."""
        if number is None:
            return self.promoted
        found = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
        if found not in self.versions:
            raise RefusalError(404, f"The model {self.name} has no version {short(number)}.")
        return found


def load_models(paths: Iterable[Path], store: Store | None = None) -> dict[str, Served]:
    """Segmenters by name: that of the folder, or `segmenter` for a file; where there is a `store`, with all versions in it.

    Raises `RemnantError` as `load_server` does, for two of one name, and where the store has another segmenter of that name.
    """
    found: dict[str, Served] = {}
    for path in paths:
        name = (path.resolve().name if path.is_dir() else "") or "segmenter"
        if name in found:
            raise RemnantError(f"Two segmenters are named {name}, the second by {path}; rename its folder.")
        if store is None:
            server = load_server(path)
            place(server.network)  # now, and not while the first client waits
            found[name] = Served(name, {1: server})
            continue
        versions = Versions(store, name)
        versions.adopt(path)
        versions[versions.promoted]  # likewise
        found[name] = Served(name, versions, versions)
    return found


def find(models: dict[str, Served], name: str) -> Served:
    """The model of a path; raises `RefusalError` where there is none."""
    if name not in models:
        raise RefusalError(404, f"There is no model {short(name)} here.")
    return models[name]


async def model_of(request: HttpRequest, name: str, version: str | None) -> tuple[Served, int, Server]:
    """The model of a path, its version's number and network; the log may tell the first two then."""
    model = find(request.app.state.models, name)
    request.state.model = model.name
    number = await asyncio.to_thread(model.version, version)
    request.state.version = number
    return model, number, await asyncio.to_thread(model.versions.__getitem__, number)


def metadata(model: Served, server: Server) -> Metadata:
    """What a model says of itself, with the version's segmenter that was asked for."""
    sides = list(server.shape or (-1, -1, -1))
    return Metadata(
        name=model.name,
        versions=[str(version) for version in sorted(model.versions)],
        platform=PLATFORM,
        inputs=[Signature(name=CODE, datatype="FP16", shape=[1, *sides])],
        outputs=[Signature(name=MAPS, datatype="FP16", shape=[len(server.classes), *sides])],
        parameters={"mark": server.mark, "classes": json.dumps(server.classes)},
    )


def most_bytes(server: Server) -> int:
    """Bytes of the largest code."""
    return 2 * (VOXELS if server.shape is None else math.prod(server.shape))


def code_in(server: Server, request: Request) -> np.ndarray:
    """The code in a request, float16 (1, x, y, z) in [0, 1].

    Raises `RefusalError` for another encoder's and for what is no code.
    """
    check_mark(server, request)
    if [tensor.name for tensor in request.tensors] != [CODE]:
        raise RefusalError(400, f"The request must have one input, named {CODE!r}.")
    if not request.wanted.keys() <= {MAPS}:
        raise RefusalError(400, f"The one output is named {MAPS!r}.")
    check_code(server, request.tensors[0].array)
    return request.tensors[0].array


def check_mark(server: Server, request: Request) -> None:
    """Raise `RefusalError` for a code of another encoder."""
    if (mark := request.parameters.get("mark")) != server.mark:
        whose = "no mark" if mark is None else f"the mark {short(mark)!r}"
        raise RefusalError(
            409, f"The code has {whose}, and this segmenter was trained with the encoder {server.mark!r}."
        )


def check_code(server: Server, code: np.ndarray) -> None:
    """Raise `RefusalError` for what is no code float16 (1, x, y, z) in [0, 1] on the encoder's grid."""
    shape = (1, *server.shape) if server.shape else "[1, x, y, z]"
    fits = code.shape == shape if server.shape else code.ndim == 4 and code.shape[0] == 1 and code.size <= VOXELS
    if code.dtype != np.float16 or not fits:
        raise RefusalError(
            400, f"The code must be FP16 of shape {shape}. Got {code.dtype} of shape {code.shape} instead."
        )
    if code.min() < 0 or code.max() > 1:
        raise RefusalError(400, "A code must lie in [0, 1].")


def maps_of(server: Server, code: np.ndarray) -> np.ndarray:
    """The logits of a code: those of `remnant protect segment` in float32, rounded to float16 (classes, x, y, z)."""
    maps = stitched(server.network, torch.from_numpy(code.astype(np.float32)), server.patch).cpu().numpy()
    return maps.clip(-LARGEST, LARGEST).astype(np.float16)


class Worker:
    """One thread for all networks, so that requests are computed in the order in which they came."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._pool = ThreadPoolExecutor(1, "segment")

    async def run(self, request: HttpRequest, work: Callable[[], Result]) -> Result:
        """What `work` returns; raises `RefusalError` where nobody waits for it any more."""
        async with self._turn:
            if await request.is_disconnected():
                raise RefusalError(499, "The client went away.")
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def stop(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(cancel_futures=True)
