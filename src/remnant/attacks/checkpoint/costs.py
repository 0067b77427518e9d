"""What a method takes on this machine: two short runs of it, and from their difference what every further step adds."""

import math
from collections import Counter
from collections.abc import Callable

from torch import Tensor

from remnant.attacks.checkpoint.methods import MethodSettings
from remnant.engine.cost import timed

STEPS = (1, 4)  # of the short runs
FEW = 32  # candidates


def seconds_of(part: str, settings: MethodSettings, made: Callable[[MethodSettings], Tensor], classes: int) -> float:
    """Seconds that the method or control `part` takes at the most. `made` runs it by other settings; `classes` of the target."""
    if part == "gmi":
        gmi = settings.gmi.changed(images=min(settings.gmi.batch, settings.gmi.images))
        batches = math.ceil(settings.gmi.images / gmi.images)
        return batches * _grown(lambda steps: made(settings.changed(gmi=gmi.changed(steps=steps))), gmi.steps)
    if part.startswith("pixels"):
        pixels = settings.pixels.changed(images=min(settings.pixels.batch, settings.pixels.images))
        batches = math.ceil(settings.pixels.images / pixels.images)
        return batches * _grown(lambda steps: made(settings.changed(pixels=pixels.changed(steps=steps))), pixels.steps)
    if part == "joint":
        return sum(count * _of_a_set(size, settings, made) for size, count in Counter(settings.joint.sets).items())
    drawn = settings.changed(candidates=min(FEW, settings.candidates))
    further = settings.candidates / drawn.candidates
    if part == "prior":
        return further * timed(lambda: made(drawn))
    # `per_class` has as many steps in all as the one generator of `published`.
    tuned, stage1 = classes if part == "per_class" else 1, "author" if part == "author" else "manifold"
    manifold = getattr(settings, stage1)

    def shortened(steps: int) -> MethodSettings:
        return drawn.changed(**{stage1: manifold.changed(steps=steps * tuned)})

    tuning = _grown(lambda steps: made(shortened(steps)), math.ceil(manifold.steps / tuned))
    return tuning + (further - 1) * timed(lambda: made(shortened(1)), times=1)


def _of_a_set(size: int, settings: MethodSettings, made: Callable[[MethodSettings], Tensor]) -> float:
    return _grown(
        lambda steps: made(settings.changed(joint=settings.joint.changed(sets=(size,), steps=steps))),
        settings.joint.steps,
    )


def _grown(made: Callable[[int], Tensor], steps: int) -> float:
    """Seconds of so many steps, from those of few."""
    few, more = STEPS
    begun = timed(lambda: made(few))
    return begun + max(0.0, timed(lambda: made(more), times=1) - begun) / (more - few) * (steps - few)
