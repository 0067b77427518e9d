"""The losses of a training as they stand in the log of its run, drawn while it goes on."""

from remnant.base.files import write_text
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.report.figures.stage1 import stage1_terms
from remnant.report.figures.style import house_style, to_svg


def draw_losses(run: Run) -> None:
    """Draw RUN/figures/losses.svg, of all that the log holds: an earlier process may have begun."""
    values = {
        (event["cell"], term, event["step"]): value
        for event in run.events()
        if event["event"] == "step"
        for term, value in event["terms"].items()
    }
    rows: list[Row] = [
        {"target": part, "term": term, "step": step, "value": value} for (part, term, step), value in values.items()
    ]
    with house_style():
        drawn = to_svg(stage1_terms(rows), "losses")
    write_text(run.path / "figures" / "losses.svg", drawn)
