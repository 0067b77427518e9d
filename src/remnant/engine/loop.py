"""The one training loop. Segmenters, inversion decoders, generators under attack and whatever comes train here."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, TypeVar

import pydantic
import torch
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.engine.device import fabric, place
from remnant.engine.memory import freed_memory_kept
from remnant.engine.shared import SharedNetwork, joined

Batch = TypeVar("Batch")
EpochReport = Callable[[int, float, float | None], None]
Loss = Callable[[nn.Module, Batch], Tensor]


def epoch_log(run: Run, cell: str) -> EpochReport:
    """The losses of each epoch, counted from 1, into the run's log, as those of a training that the `cell` does."""

    def report(epoch: int, loss: float, validation: float | None) -> None:
        run.log(cell, "epoch", epoch=epoch + 1, loss=loss, validation=validation)

    return report


class FitSettings(Settings):
    """How long and how fast: AdamW under one cycle of the learning rate (`rate_at`), or at a constant rate.

    A constant rate is reached over the first `warm_up` epochs. Where the training is to end, by `fit`'s `stop` or after `epochs`,
    it falls to 0 over a last stretch, a share `cool_down` of the epochs before it. Without weight decay AdamW is Adam. No epoch
    leaves an untrained network, a control.
    """

    epochs: int = pydantic.Field(ge=0)
    learning_rate: float = pydantic.Field(gt=0)
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    warm_up: int = pydantic.Field(default=0, ge=0)
    cool_down: float = pydantic.Field(default=0.0, ge=0, le=1)


class Plateau(Settings):
    """When a loss has levelled off: its moving median has gained less than a share `gain` over `span` epochs.

    The median of the last `window` epochs against that of the `window` epochs that ended `span` epochs earlier, so that the
    noise of single epochs neither stops a training nor keeps it going. A share of the loss itself, or of all that it had
    fallen since the first `window` epochs where that is more: of what has fallen to a tenth, a hundredth is hardly seen.
    """

    window: int = pydantic.Field(default=50, ge=1)
    span: int = pydantic.Field(default=200, ge=1)
    gain: float = pydantic.Field(default=0.01, gt=0)

    def reached(self, losses: Sequence[float]) -> bool:
        """Whether the `losses` of all epochs so far, in order, have levelled off."""
        if len(losses) < self.window + self.span:
            return False
        first = statistics.median(losses[: self.window])
        before = statistics.median(losses[-self.window - self.span : -self.span])
        now = statistics.median(losses[-self.window :])
        return before - now < self.gain * max(abs(before), first - before)


@freed_memory_kept()
def fit(
    model: nn.Module,
    draw_epoch: Callable[[int], Iterable[Batch]],
    steps_per_epoch: int,
    loss: Loss[Batch],
    settings: FitSettings,
    *,
    learn: Callable[[nn.Module, Batch, Loss[Batch]], Tensor] | None = None,
    report: EpochReport = lambda epoch, loss, validation: None,
    validate: Callable[[nn.Module], float] | None = None,
    stop: Callable[[Sequence[float]], bool] = lambda losses: False,
) -> nn.Module:
    """Train `model` in place and return it in evaluation mode.

    `draw_epoch(epoch)` yields `steps_per_epoch` batches, which alone decide the order and the randomness of training;
    `loss(model, batch)` is a scalar. `learn(model, batch, loss)` gives every weight the gradient that a step follows, and
    returns the loss; by default that of the batch, by backpropagation. `report(epoch, mean loss, validation)` is called after
    every epoch; `validate` is asked ten times over the training, since its cost may exceed an epoch's. The training comes to its
    end early once `stop`, asked after every epoch with the mean losses of all epochs so far, says so. Several
    processes of `torchrun` that make the same call train together, as one process would (`engine.shared`); where a `learn` is
    given each trains on all. Raises `RemnantError` when the loss is no longer finite.
    """
    model = place(model)
    # Fused: a tenth of a small decoder's step went into the passes of the other one over the weights.
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    steps = settings.epochs * steps_per_epoch
    # At a constant rate: after how many epochs it begins to fall, and how many there are.
    level, total = math.ceil(settings.epochs / (1 + settings.cool_down)), settings.epochs

    def shape(step: int) -> float:
        if settings.schedule == "one_cycle":
            return rate_at(step, steps)
        epoch = step / steps_per_epoch
        rising = (epoch + 1) / settings.warm_up if epoch < settings.warm_up else 1.0
        return min(rising, 1.0) if epoch < level else rising * (total - epoch) / (total - level + 1)

    groups, done = optimizer.param_groups, 0
    wrapped, optimizer = fabric().setup(model, optimizer)
    shared = SharedNetwork(wrapped) if joined() > 1 and learn is None else None
    wrapped = shared or wrapped
    every = max(1, settings.epochs // 10)
    means: list[float] = []
    for epoch in range(settings.epochs):
        if epoch == total:
            break
        wrapped.train()
        losses = []
        for batch in draw_epoch(epoch):
            for group in groups:
                group["lr"] = settings.learning_rate * shape(done)
            optimizer.zero_grad()
            value = (learn or _backpropagated)(wrapped, batch, loss)
            if shared:
                shared.sum_gradients()
            optimizer.step()
            done += 1
            losses.append(value.item())
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise RemnantError(
                f"The loss became {mean} in epoch {epoch + 1}; lower the learning rate (now {settings.learning_rate})."
            )
        last = epoch + 1 == total
        validation = None
        if validate and (last or (epoch + 1) % every == 0):
            wrapped.eval()
            validation = validate(wrapped)
        report(epoch, mean, validation)
        means.append(mean)
        if epoch < level and stop(means):
            level, total = epoch + 1, min(total, epoch + 1 + math.ceil(settings.cool_down * (epoch + 1)))
    return model.eval()


def _backpropagated(model: nn.Module, batch: Batch, loss: Loss[Batch]) -> Tensor:
    value = loss(model, batch)
    fabric().backward(value)
    return value


def rate_at(step: int, steps: int) -> float:
    """The learning rate at a step as a share of the largest: linear to 1 over a tenth of the steps, then a half cosine."""
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
