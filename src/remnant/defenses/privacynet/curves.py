"""The curves of a Privacy-Net's losses while it is trained."""

import contextlib
from typing import Self

from remnant.base.files import write_text
from remnant.base.progress import Task
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.engine.adversarial import REPORT_EVERY, TermReport
from remnant.report.figures.stage1 import stage1_terms
from remnant.report.figures.style import house_style, to_svg


class Curves:
    """The losses of a training on their way: into the log, the progress bar and RUN/figures/losses.svg. A context manager."""

    def __init__(self, run: Run, steps: dict[str, int], quiet: bool) -> None:
        """`steps` of each part of the training, in order."""
        self._run, self._steps, self._quiet = run, steps, quiet
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
                self.draw()

        return report

    def draw(self) -> None:
        """Draw all that the log holds: an earlier process may have begun."""
        values = {
            (event["cell"], term, event["step"]): value
            for event in self._run.events()
            if event["event"] == "step"
            for term, value in event["terms"].items()
        }
        rows: list[Row] = [
            {"target": part, "term": term, "step": step, "value": value} for (part, term, step), value in values.items()
        ]
        with house_style():
            drawn = to_svg(stage1_terms(rows), "losses")
        write_text(self._run.path / "figures" / "losses.svg", drawn)
