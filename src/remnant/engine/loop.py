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
from remnant.engine.device import fabric, place

Batch = TypeVar("Batch")
EpochReport = Callable[[int, float, float | None], None]
Schedule = Literal["one_cycle", "constant"]


class FitSettings(Settings):
    """How long and how fast: AdamW under one cycle of the learning rate (`rate_at`), or at a constant rate.

    Without weight decay AdamW is Adam.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 1e-4
    schedule: Schedule = "one_cycle"


class Plateau(Settings):
    """When a loss has levelled off: its moving median has gained less than a share `gain` over `span` epochs.

    The median of the last `window` epochs against that of the `window` epochs that ended `span` epochs earlier, so that the
    noise of single epochs neither stops a training nor keeps it going.
    """

    window: int = pydantic.Field(default=50, ge=1)
    span: int = pydantic.Field(default=200, ge=1)
    gain: float = pydantic.Field(default=0.01, gt=0)

    def reached(self, losses: Sequence[float]) -> bool:
        """Whether the `losses` of all epochs so far, in order, have levelled off."""
        if len(losses) < self.window + self.span:
            return False
        before = statistics.median(losses[-self.window - self.span : -self.span])
        now = statistics.median(losses[-self.window :])
        return before - now < self.gain * abs(before)


def fit(
    model: nn.Module,
    draw_epoch: Callable[[int], Iterable[Batch]],
    steps_per_epoch: int,
    loss: Callable[[nn.Module, Batch], Tensor],
    settings: FitSettings,
    *,
    report: EpochReport = lambda epoch, loss, validation: None,
    validate: Callable[[nn.Module], float] | None = None,
    stop: Callable[[Sequence[float]], bool] = lambda losses: False,
) -> nn.Module:
    """Train `model` in place and return it in evaluation mode.

    `draw_epoch(epoch)` yields `steps_per_epoch` batches, which alone decide the order and the randomness of training;
    `loss(model, batch)` is a scalar. `report(epoch, mean loss, validation)` is called after every epoch; `validate` is
    asked ten times over the training, since its cost may exceed an epoch's. The training ends early once `stop`, asked after
    every epoch with the mean losses of all epochs so far, says so. Raises `RemnantError` when the loss is no longer finite.
    """
    model = place(model)
    # Fused: a tenth of a small decoder's step went into the passes of the other one over the weights.
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    steps = settings.epochs * steps_per_epoch
    shape = rate_at if settings.schedule == "one_cycle" else lambda step, steps: 1.0
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: shape(step, steps))
    wrapped, optimizer = fabric().setup(model, optimizer)
    every = max(1, settings.epochs // 10)
    means: list[float] = []
    for epoch in range(settings.epochs):
        wrapped.train()
        losses = []
        for batch in draw_epoch(epoch):
            optimizer.zero_grad()
            value = loss(wrapped, batch)
            fabric().backward(value)
            optimizer.step()
            schedule.step()
            losses.append(value.item())
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise RemnantError(
                f"The loss became {mean} in epoch {epoch + 1}; lower the learning rate (now {settings.learning_rate})."
            )
        last = epoch + 1 == settings.epochs
        validation = None
        if validate and (last or (epoch + 1) % every == 0):
            wrapped.eval()
            validation = validate(wrapped)
        report(epoch, mean, validation)
        means.append(mean)
        if stop(means):
            break
    return model.eval()


def rate_at(step: int, steps: int) -> float:
    """The learning rate at a step as a share of the largest: linear to 1 over a tenth of the steps, then a half cosine."""
    warm_up = max(1, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))
