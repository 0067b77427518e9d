"""A network under audit, whoever built it, as attacks are handed it: asked in batches, in evaluation mode, never changed."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.cohort.images import Images, Label, stacked
from remnant.targets.head import OutputHead

# What PyTorch raises where memory runs out, on the CPU and on a GPU.
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass
class Audited:
    """`module` in evaluation mode, its `head`, and `forward`, from a batch (n, channels, *spatial) on the module's device to what
    it answers: the module itself, or a sliding window of it. `loss(module, image, label)`: the owner's own, a scalar tensor for a
    batch of one. `batch`: images that pass together, fewer once memory ran out.

    `references`: networks of the same recipe that learned from others, or from other shares of the same people; `passed_over`: by
    patient the number, from 1, of the one that does not count for him. `shadows`: how
    many more are trained the same way on known halves of the candidates, whose answers alone are kept. Where `forward`
    is not the module, `around(module)` makes it of one, and `training(module, image, label)` is the loss, differentiable, by
    which a copy is trained on. `before`: the same network as an earlier version, None where none is known."""

    module: nn.Module
    head: OutputHead
    forward: Callable[[Tensor], object] = field(default=None)  # type: ignore[assignment]
    loss: Callable[[nn.Module, Tensor, object], Tensor] | None = None
    batch: int = 8
    references: tuple["Audited", ...] = ()
    shadows: int = 0
    passed_over: Mapping[str, int] = field(default_factory=dict)
    around: Callable[[nn.Module], Callable[[Tensor], object]] | None = None
    training: Callable[[nn.Module, Tensor, Label], Tensor] | None = None
    before: "Audited | None" = None

    def __post_init__(self) -> None:
        if self.forward is None:
            self.forward = self.module

    @property
    def device(self) -> torch.device:
        """Where the module's weights are."""
        found = next(self.module.parameters(), None)
        return torch.device("cpu") if found is None else found.device

    def answers(
        self, images: Images, change: Callable[[Tensor], Tensor] = lambda batch: batch
    ) -> Iterator[tuple[int, Tensor]]:
        """The place and the logits (outputs, *spatial), float32 on the CPU, of every image, after `change` of its batch.

        Where memory runs out, smaller batches are tried, and said so. Raises `RemnantError` where one image is too large.
        """
        for places in images.batches(self.batch):
            asked = [images.images[i] for i in places]
            yield from zip(places, self.together(asked, lambda batch: self._logits(change(batch))), strict=True)

    def _logits(self, batch: Tensor) -> Tensor:
        return self.head.logits(self.forward(batch.to(self.device))).cpu()

    @torch.no_grad()
    def together(self, images: Sequence[Tensor], run: Callable[[Tensor], Tensor]) -> Tensor:
        """What `run` makes of `images` (channels, *spatial) of one shape as a batch, (n, ...), without gradient.

        Where memory runs out, halves are tried, all later batches are as small, and it is said. Raises `RemnantError` where one
        image is too large.
        """
        try:
            return run(stacked(images))
        except (RuntimeError, MemoryError) as error:
            if not lacks_memory(error):
                raise
            if len(images) == 1:
                shape = tuple(images[0].shape)
                raise RemnantError(
                    f"Memory runs out over one image of shape {shape}; give a window in [target], or run on a larger machine."
                ) from None
        half = len(images) // 2
        self.batch = half
        say(f"Memory ran out; going on with {self.batch} images at a time.")
        return torch.cat([self.together(part, run) for part in (images[:half], images[half:])])

    def of(self, patient: str) -> "Audited":
        """The network that a patient's images are put to."""
        return self

    @property
    def trainable(self) -> bool:
        """Whether a copy can be trained on."""
        return self.forward is self.module or (self.around is not None and self.training is not None)

    def copied(self) -> "Audited":
        """The same with a copy of the module, to be trained on."""
        if not self.trainable:
            raise RemnantError("A network behind a sliding window is not trained on; give patches by data().")
        module = copy.deepcopy(self.module)
        return replace(self, module=module, forward=self.around(module) if self.around else module)


def lacks_memory(error: BaseException) -> bool:
    """Whether this is PyTorch's or Python's way to say that memory ran out."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in NO_MEMORY)
