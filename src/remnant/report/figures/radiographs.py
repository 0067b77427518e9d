"""PRIVATE: what stage 1 makes of the prior's images, and likely samples beside the training images that they resemble."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.style import WIDTH, line_label
from remnant.report.radiographs import SHOWN, CandidateMatch, Strip
from remnant.report.words import label, number

COLUMNS = 9  # steps shown at most, the first and the last among them
LINES = 2  # latents of a target


def progression(rows: list[Row], strips: list[Strip]) -> Figure:
    """The same latents' images along stage 1, a line a latent, two of a target; the step stands above.

    `rows` are of the table `stage1`, `strips` what was kept of their targets. For RUN/private only.
    """
    lines = [(strip, latent) for strip in strips for latent in range(min(LINES, strip.images.shape[1]))]
    columns = min(COLUMNS, max(len(strip.steps) for strip in strips))
    figure = Figure(figsize=(WIDTH, 0.72 * len(lines) + 0.12 * len(strips) + 0.2), layout="constrained")
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for (strip, latent), line in zip(lines, grid, strict=True):
        places = np.unique(np.linspace(0, len(strip.steps) - 1, columns).round().astype(int))
        for panel in line:
            _empty(panel)
        for panel, place in zip(line, places, strict=False):
            _show(panel, strip.images[place, latent])
            if latent == 0:
                panel.set_title(f"{strip.steps[place]:,}", fontsize=7, loc="center", weight="normal", pad=2)
        if latent == 0:
            line_label(line[0], label(strip.target))
    return figure


def likely_beside_nearest(rows: list[Row], pairs: list[CandidateMatch]) -> Figure:
    """Candidates (left of each pair) beside the training image nearest in the target's features, a line a target.

    `rows` are of the table `likely`, `pairs` what was kept of their targets. Below each pair its cosine and its SSIM. For
    RUN/private only.
    """
    targets = list(dict.fromkeys(pair.target for pair in pairs))
    figure = Figure(figsize=(WIDTH, 1.12 * len(targets) + 0.2), layout="constrained")
    grid = figure.subplots(len(targets), 2 * SHOWN, squeeze=False)
    for target, line in zip(targets, grid, strict=True):
        for panel in line:
            _empty(panel)
        own = [pair for pair in pairs if pair.target == target]
        for place, pair in enumerate(own):
            left, right = line[2 * place : 2 * place + 2]
            _show(left, pair.candidate)
            _show(right, pair.nearest)
            left.set_xlabel(f"cosine {number(pair.cosine)}", fontsize=7, labelpad=2)
            right.set_xlabel(f"SSIM {number(pair.ssim)}", fontsize=7, labelpad=2)
        line_label(line[0], label(target) + ("" if own[0].likely else "\nnone likely:\nfirst of the list"))
    for place in range(SHOWN):
        grid[0][2 * place].set_title("drawn", fontsize=7.5, loc="center", weight="normal", pad=3)
        grid[0][2 * place + 1].set_title("nearest", fontsize=7.5, loc="center", weight="normal", pad=3)
    return figure


def _empty(panel: Axes) -> None:
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _show(panel: Axes, image: np.ndarray) -> None:
    panel.imshow(image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
