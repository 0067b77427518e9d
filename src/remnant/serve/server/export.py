"""A segmenter for other servers of the protocol: NVIDIA Triton's model repository, with TorchScript that stitches by itself.

<https://github.com/triton-inference-server/server>, `docs/user_guide/model_repository.md` and `model_configuration.md`.
"""

import io
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError
from remnant.base.files import fresh_folder, require_new, write_text
from remnant.defenses.privacynet.networks import Server
from remnant.engine.device import fabric
from remnant.engine.stitch import patch_weights, starts
from remnant.serve.protocol import CODE, MAPS
from remnant.serve.server.models import LARGEST, Served, metadata

DESCRIBED = "described.json"
OVERLAP = 0.25  # as `stitched` has it by default


def export(server: Server, name: str, version: int, out: Path) -> None:
    """Write `out`, a model repository that must not be there yet, with a segmenter as a version of the model `name`.

    It takes codes and gives maps in float16 as our server does; `parameters` of its configuration hold mark and classes, which
    Triton tells no client: `DESCRIBED` beside it is for `remnant client`.
    Raises `RemnantError` for a segmenter whose file does not say its encoder's grid, and where `out` is taken.
    """
    require_new(out)
    if server.shape is None:
        raise RemnantError(f"The file of {name} does not say its encoder's grid; train it anew to export it.")
    if not name.isprintable() or "/" in name or name.startswith("."):
        raise RemnantError(f"{name!r} is no name of a model that others take; rename the segmenter's folder.")
    with fresh_folder(out) as folder:
        (folder / name / str(version)).mkdir(parents=True)
        # Bytes first: on a full disk PyTorch's own writer ends the whole process.
        torch.jit.save(scripted(server), made := io.BytesIO())
        (folder / name / str(version) / "model.pt").write_bytes(made.getbuffer())
        write_text(folder / name / "config.pbtxt", configuration(server, name))
        told = metadata(Served(name, {version: server}), server)
        write_text(folder / name / DESCRIBED, told.model_dump_json(indent=1) + "\n")
    out.chmod(0o755)


def scripted(server: Server) -> torch.jit.ScriptModule:
    """From a code float16 (1, x, y, z) on the encoder's grid to maps float16 (classes, x, y, z), wherever the module lies."""
    assert server.shape is not None
    network = server.network.to("cpu", memory_format=torch.contiguous_format)
    patch = torch.zeros(1, 1, *(server.patch,) * 3)
    try:
        # In float32: which precision is fast here is nothing to the machine that it goes to.
        with torch.no_grad(), torch.autocast("cpu", enabled=False), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # that sides are taken for constants, which they are, and that a newer way is to come
            whole = _Whole(torch.jit.trace(network, patch), server.shape, server.patch, len(server.classes))
            return torch.jit.freeze(torch.jit.script(whole.eval()))
    finally:
        network.to(fabric().device)


class _Whole(nn.Module):
    """The network over every patch of a grid of `shape`, blended as `engine.stitch.stitched` blends them."""

    def __init__(self, network: nn.Module, shape: tuple[int, int, int], patch: int, classes: int) -> None:
        super().__init__()
        self.network, self.patch, self.classes = network, patch, classes
        self.largest = float(LARGEST)
        gaps = [max(patch - side, 0) for side in shape]
        self.sides = [side + gap for side, gap in zip(shape, gaps, strict=True)]
        self.first, self.shape = [gap // 2 for gap in gaps], list(shape)
        self.padding = [part for gap in reversed(gaps) for part in (gap // 2, gap - gap // 2)]
        x, y, z = (starts(side, patch, OVERLAP) for side in self.sides)
        self.corners = [[i, j, k] for i in x for j in y for k in z]
        weights = patch_weights((patch,) * 3)
        total = torch.zeros(self.sides)
        for i, j, k in self.corners:
            total[i : i + patch, j : j + patch, k : k + patch] += weights
        self.register_buffer("weights", weights)
        self.register_buffer("total", total)

    def forward(self, code: Tensor) -> Tensor:
        """(1, x, y, z) to (classes, x, y, z)."""
        side = self.patch
        padded = functional.pad(code.float(), self.padding)
        summed = torch.zeros([self.classes, self.sides[0], self.sides[1], self.sides[2]], device=code.device)
        for corner in self.corners:
            i, j, k = corner[0], corner[1], corner[2]
            drawn = self.network(padded[None, :, i : i + side, j : j + side, k : k + side])[0]
            summed[:, i : i + side, j : j + side, k : k + side] += drawn * self.weights
        blended = summed / self.total
        i, j, k = self.first[0], self.first[1], self.first[2]
        inside = blended[:, i : i + self.shape[0], j : j + self.shape[1], k : k + self.shape[2]]
        return inside.clamp(-self.largest, self.largest).half()


def configuration(server: Server, name: str) -> str:
    """`config.pbtxt`: what the metadata of our server says."""
    assert server.shape is not None

    def tensor(name: str, first: int) -> str:
        return f"{{ name: {_text(name)} data_type: TYPE_FP16 dims: {[first, *server.shape]} }}"

    told = {"mark": server.mark, "classes": json.dumps(server.classes)}
    lines = [
        f"name: {_text(name)}",
        'backend: "pytorch"',
        'platform: "pytorch_libtorch"',
        "max_batch_size: 0",
        f"input [ {tensor(CODE, 1)} ]",
        f"output [ {tensor(MAPS, len(server.classes))} ]",
        *(f"parameters {{ key: {_text(key)} value {{ string_value: {_text(said)} }} }}" for key, said in told.items()),
    ]
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """A string of protobuf's text format, which escapes as JSON does but for letters beyond ASCII."""
    return json.dumps(text, ensure_ascii=False)
