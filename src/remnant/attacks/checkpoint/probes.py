"""What a frozen target's layers see of a batch of images, read by hooks, with gradient."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from remnant.base.errors import RemnantError


class Moments(NamedTuple):
    """Mean and variance of a layer's channels, (..., channels), over `places` positions and the images pooled."""

    mean: Tensor
    variance: Tensor


class ImageMoments(NamedTuple):
    """Mean and biased variance of a layer's channels over the `places` of each image alone, both (n, channels)."""

    mean: Tensor
    variance: Tensor
    places: int

    def pooled(self) -> Moments:
        """Mean and unbiased variance (channels,) over all images and places, by the law of total variance.

        Unbiased, since that is what BatchNorm stores.
        """
        count = len(self.mean) * self.places
        variance = self.variance.mean(0) + self.mean.var(0, unbiased=False)
        return Moments(self.mean.mean(0), variance * count / max(count - 1, 1))

    def alone(self) -> Moments:
        """Mean and unbiased variance (n, channels) of each image: `pooled` of every image by itself."""
        return Moments(self.mean, self.variance * self.places / max(self.places - 1, 1))


@dataclass(frozen=True)
class Probe:
    """What to read at a module: `read(module, tensor)` of its first input or of its output."""

    module: str
    at: Literal["input", "output"]
    read: Callable[[nn.Module, Tensor], Any]


@contextmanager
def hooked(target: nn.Module, readings: dict[str, Probe]) -> Iterator[dict[str, Any]]:
    """What the `readings` find at each forward pass of `target`, by their names; no hook is left behind.

    Raises `RemnantError` when a reading names a
    module that the target does not have.
    """
    modules = dict(target.named_modules())
    found: dict[str, Any] = {}
    handles = []
    try:
        for name, reading in readings.items():
            if reading.module not in modules:
                raise RemnantError(
                    f"The target has no module '{reading.module}' to read '{name}' at; it has {_some(modules)}."
                )
            handles.append(_hook(modules[reading.module], name, reading, found))
        yield found
    finally:
        for handle in handles:
            handle.remove()


def look(target: nn.Module, inputs: Tensor, readings: dict[str, Probe]) -> tuple[Tensor, dict[str, Any]]:
    """The target's logits for `inputs` (n, channels, size, size), and what the `readings` found on the way.

    Raises `RemnantError` when a reading found nothing: its module is no part of the forward pass.
    """
    with hooked(target, readings) as found:
        logits = target(inputs)
    silent = [reading.module for name, reading in readings.items() if name not in found]
    if silent:
        raise RemnantError(f"The target never called its module '{silent[0]}', so that nothing could be read there.")
    return logits, found


def batch_norms(target: nn.Module) -> list[str]:
    """Names of the BatchNorm layers that store running statistics, in order."""
    return [
        name
        for name, module in target.named_modules()
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]


def layer_norms(target: nn.Module) -> list[str]:
    """Names of the LayerNorm layers, in order."""
    return [name for name, module in target.named_modules() if isinstance(module, nn.LayerNorm)]


def attentions(target: nn.Module) -> list[str]:
    """Names of the self-attention layers (`in_proj_weight` and `num_heads`, as PyTorch's), in order."""
    return [
        name
        for name, module in target.named_modules()
        if getattr(module, "in_proj_weight", None) is not None and hasattr(module, "num_heads")
    ]


def attention_reading(target: nn.Module, name: str) -> Probe:
    """How the attention of the self-attention layer `name` is read: its own, or computed a second time where it keeps none."""
    if hasattr(target.get_submodule(name), "attention"):
        return Probe(f"{name}.attention", "output", read_weights)
    return Probe(name, "input", read_attention)


def last_of(target: nn.Module, kind: type[nn.Module]) -> str:
    """Name of the target's last module of one `kind`; raises `RemnantError` when it has none."""
    names = [name for name, module in target.named_modules() if isinstance(module, kind)]
    if not names:
        raise RemnantError(f"The target has no {kind.__name__}; this attack needs a classifier that has one.")
    return names[-1]


def read_moments(module: nn.Module, tensor: Tensor) -> ImageMoments:
    """Moments of the channels of (n, channels, *space), or of (n, tokens, channels) before a LayerNorm."""
    if isinstance(module, nn.LayerNorm):
        tensor = tensor.movedim(-1, 1)
    places = tensor.float().flatten(2) if tensor.dim() > 2 else tensor.float().unsqueeze(2)
    # In two passes: on a CPU the one of `torch.var_mean` takes several times as long.
    mean = places.mean(2)
    return ImageMoments(mean, (places - mean.unsqueeze(2)).square().mean(2), places.shape[2])


def read_class_token(module: nn.Module, tensor: Tensor) -> Tensor:
    """The class token (n, width), which torchvision's ViT puts first of (n, tokens, width)."""
    return tensor[:, 0].float()


def read_weights(module: nn.Module, tensor: Tensor) -> Tensor:
    """Attention (n, heads, queries, keys) where the layer has a module for it, as `nets.vit.SelfAttention` has."""
    return tensor.float()


def read_attention(module: nn.Module, tensor: Tensor) -> Tensor:
    """Attention (n, heads, queries, keys) that the layer gives its input (n, tokens, width): softmax(Q K^T / sqrt(d)).

    Computed from the layer's input projection (Vaswani et al. 2017, eq. 1), since torchvision calls the layer with
    `need_weights=False` and it then keeps none.
    """
    if not getattr(module, "batch_first", True):
        tensor = tensor.transpose(0, 1)
    width = tensor.shape[2]
    bias = None if module.in_proj_bias is None else module.in_proj_bias[: 2 * width]
    both = nn.functional.linear(tensor, module.in_proj_weight[: 2 * width], bias)
    query, key = both.unflatten(2, (2, module.num_heads, -1)).permute(2, 0, 3, 1, 4)
    scale = query.shape[-1] ** -0.5
    # As in `nets.vit`: on a CPU bfloat16 would take longer here.
    with torch.autocast("cpu", enabled=False):
        if tensor.device.type == "cpu":
            query, key = query.float(), key.float()
        return (query @ key.transpose(-2, -1) * scale).float().softmax(-1)


def _hook(module: nn.Module, name: str, reading: Probe, found: dict[str, Any]) -> Any:
    if reading.at == "output":

        def after(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
            # What follows may overwrite its input in place, as ReLU and residual sums do.
            found[name] = reading.read(module, output.clone())

        return module.register_forward_hook(after)

    def before(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        found[name] = reading.read(module, inputs[0] if inputs else next(iter(named.values())))

    return module.register_forward_pre_hook(before, with_kwargs=True)


def _some(modules: dict[str, nn.Module]) -> str:
    names = [name for name in modules if name]
    return ", ".join(names[:4]) + (f" ... {names[-1]}" if len(names) > 4 else "")
