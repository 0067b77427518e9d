"""One training by several processes that `torchrun` began: each runs the network on its share of a batch, and all step alike.

What the network makes of the shares is gathered before the loss, which every process takes of the whole batch, so that a loss
that couples images, such as the Dice of a batch, is that of one process. Each then has the gradient of its own share, and all of
them are summed (data parallelism; Li 2020, "PyTorch Distributed", sums them, too, but takes the loss of each share alone).
BatchNorm takes the mean and variance of the whole batch.
"""

import atexit
import contextlib
import math
import multiprocessing
import os
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from remnant.base.errors import RemnantError


@cache
def joined() -> int:
    """How many processes train together: those of `torchrun`, which meet here; 1 without it, and in a worker of one of them."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 or "TORCHELASTIC_RUN_ID" not in os.environ or multiprocessing.parent_process() is not None:
        return 1
    if not distributed.is_initialized():
        distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        atexit.register(distributed.destroy_process_group)
    return world


class SharedNetwork(nn.Module):
    """The `network` as a loss asks it in training: of inputs that begin with n images the whole output (n, ...), of which this
    process runs a part. Fewer images than processes each runs alone, and outside of training, too.

    All processes begin with the weights of the first. What a loss asks of anything but `forward` is not shared. Random numbers
    within the network, as those of dropout, are not those of one process. Raises `RemnantError` for an output that is no tensor.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        self._used = False
        for tensor in (*network.parameters(), *network.buffers()):
            distributed.broadcast(tensor.detach(), 0)

    def forward(self, images: Tensor, *further: Any) -> Tensor:
        """As the network's own."""
        processes, n = distributed.get_world_size(), len(images)
        if not self.training or n < processes:
            return self.network(images, *further)
        own = [
            part.tensor_split(processes)[distributed.get_rank()]
            if isinstance(part, Tensor) and len(part) == n
            else part
            for part in (images, *further)
        ]
        with _whole_batches(self._norms):
            found = self.network(*own)
        if not isinstance(found, Tensor):
            raise RemnantError(
                f"A network that several processes train must answer with one tensor. Got {type(found).__name__} instead; train "
                "it in one process."
            )
        self._used = True
        return _Gathered.apply(found, n)

    def sum_gradients(self) -> None:
        """After a backward pass: the gradient of the whole batch for every weight, in all processes."""
        gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
        # Where nothing was shared each process has it already.
        if self._used and gradients:
            together = torch.cat([gradient.flatten() for gradient in gradients])
            distributed.all_reduce(together)
            for gradient, part in zip(gradients, together.split([each.numel() for each in gradients]), strict=True):
                gradient.copy_(part.view_as(gradient))
        self._used = False


class _Gathered(torch.autograd.Function):
    """Shares of a batch put together, of n images in all; back, the gradient of the own share."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, n: int) -> Tensor:
        processes = distributed.get_world_size()
        sizes = [len(part) for part in torch.arange(n).tensor_split(processes)]
        before = sum(sizes[: distributed.get_rank()])
        ctx.place = slice(before, before + len(own))
        # Of one size, and in a type that every backend sends.
        padded = own.new_zeros(max(sizes), *own.shape[1:], dtype=torch.float32)
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in sizes]
        distributed.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)]).to(own.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[ctx.place], None


class _Summed(torch.autograd.Function):
    """The sum over processes; back, that of the gradients, since each process has a part of the loss behind it."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        whole = own.clone()
        distributed.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        whole = gradient.contiguous().clone()
        distributed.all_reduce(whole)
        return whole


@contextlib.contextmanager
def _whole_batches(norms: list[_BatchNorm]) -> Iterator[None]:
    """Inside, BatchNorm in training normalises by all shares of a batch together."""
    for norm in norms:
        norm.forward = partial(_normalised, norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def _normalised(norm: _BatchNorm, images: Tensor) -> Tensor:
    """What `norm` makes of a share (n, channels, *spatial), in float32 as its statistics are."""
    if not norm.training:
        return type(norm).forward(norm, images)
    axes = [0, *range(2, images.dim())]
    shape = (1, -1, *[1] * (images.dim() - 2))
    values = images.float()
    count = _Summed.apply(values.new_tensor(float(math.prod(images.shape) // images.shape[1])))
    mean = _Summed.apply(values.sum(axes)) / count
    centred = values - mean.view(shape)
    variance = _Summed.apply(centred.square().sum(axes)) / count
    if norm.track_running_stats:
        norm.num_batches_tracked += 1
        share = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
        norm.running_mean.lerp_(mean.detach(), share)
        norm.running_var.lerp_(variance.detach() * count / (count - 1), share)
    found = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.affine:
        found = found * norm.weight.view(shape) + norm.bias.view(shape)
    return found.to(images.dtype)
