"""How far the training of a Privacy-Net is: its losses into the log, and what watches them."""

import contextlib
from collections.abc import Callable
from typing import Self

from remnant.base.progress import Task
from remnant.base.run import Run
from remnant.engine.adversarial import REPORT_EVERY, TermReport


class LossWatch:
    """The losses of a training on their way: into the log and the progress bar. A context manager."""

    def __init__(self, run: Run, steps: dict[str, int], draw: Callable[[Run], None], quiet: bool) -> None:
        """`steps` of each part of the training, in order; `draw` is asked now and then to draw what the log holds."""
        self._run, self._steps, self._draw, self._quiet = run, steps, draw, quiet
        self._stack = contextlib.ExitStack()
        self._task: Task | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def of(self, part: str) -> TermReport:
        """The report of one part."""
        earlier = sum(list(self._steps.values())[: list(self._steps).index(part)])

        def report(step: int, terms: dict[str, float]) -> None:
            self._run.log(part, "step", step=step, terms=terms)
            done = earlier + step
            if self._task is None:
                # Only now is it known what an earlier process had done.
                self._task = self._stack.enter_context(
                    Task("training", sum(self._steps.values()), done=max(0, done - REPORT_EVERY), quiet=self._quiet)
                )
            shown = ", ".join(f"{term} {value:.3g}" for term, value in terms.items())
            self._task.advance(f"{part}: {shown}", done - self._task.done)
            if step % (10 * REPORT_EVERY) == 0 or step == self._steps[part]:
                self._draw(self._run)

        return report
