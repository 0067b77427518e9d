"""Adam over weighed terms, every one of them reported at every step."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from remnant.engine.loop import FitSettings, fit

# step, loss, each term by name
StepReport = Callable[[int, float, dict[str, float]], None]


def counted_on(report: StepReport, before: int) -> StepReport:
    """The report of one of several descents in a row, whose steps count on from the `before` steps of earlier ones."""
    return lambda step, loss, terms: report(before + step, loss, terms)


def descend(
    model: nn.Module,
    draw: Callable[[int], Any],
    terms: Callable[[nn.Module, Any], tuple[Tensor, dict[str, Tensor]]],
    steps: int,
    learning_rate: float,
    report: StepReport,
    *,
    warm_up: int = 0,
    cool_down: float = 0,
    stop: Callable[[Sequence[float]], bool] = lambda losses: False,
) -> nn.Module:
    """Train `model` in place by `engine.loop.fit`, for `steps` or until `stop` says so of the losses so far.

    `draw(step)` gives what a step is made of; `terms(model, drawn)` the loss and its terms, scalars. `report` hears of both.
    `warm_up` and `cool_down` are those of `FitSettings`.
    """
    said: dict[str, float] = {}

    def draw_epoch(step: int) -> Iterable[Any]:
        yield draw(step)

    def loss(model: nn.Module, drawn: Any) -> Tensor:
        total, values = terms(model, drawn)
        # All at once: a device is asked for its numbers only once a step.
        numbers = torch.stack([value.detach().float() for value in values.values()]).tolist()
        said.update(zip(values, numbers, strict=True))
        return total

    settings = FitSettings(
        epochs=steps,
        learning_rate=learning_rate,
        weight_decay=0,
        schedule="constant",
        warm_up=warm_up,
        cool_down=cool_down,
    )
    # One step an epoch, so that every step is reported.
    return fit(
        model,
        draw_epoch,
        1,
        loss,
        settings,
        report=lambda step, total, validation: report(step, total, dict(said)),
        stop=stop,
    )
