"""PRIVATE: how far a reconstruction is bent to become its own original, beside a wrong one (Subbanna 2021, Figure 7)."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from remnant.base.errors import RemnantError
from remnant.report.figures.reconstructions import PLANES, middle
from remnant.report.figures.style import WIDTH, line_label
from remnant.report.words import number

QUANTILE = 0.99  # of all displacements shown: where the scale of colours ends, so that a few voxels do not decide it


@dataclass(frozen=True)
class Bending:
    """One patient's reconstruction (x, y, z) in [0, 1] and its displacements (3, x, y, z) in mm.

    `own` leads to the own original, `other` to somebody else's, whom `other_pseudonym` names; `heads` (x, y, z) is True
    where displacements are counted.
    """

    pseudonym: str
    other_pseudonym: str
    reconstruction: np.ndarray
    own: np.ndarray
    other: np.ndarray
    heads: np.ndarray


def deformation_maps(bendings: list[Bending]) -> Figure:
    """Norm of the displacement in mm on three middle slices: own original left, a wrong one right; a line a patient.

    All maps share one scale of colours; outside the heads nothing is drawn. A map follows the outlines of a patient's
    anatomy: for RUN/private only. Raises `RemnantError` for no patient.
    """
    if not bendings:
        raise RemnantError("There is no patient to draw deformation maps of; give at least one.")
    maps = [[_norm(field, bending.heads) for field in (bending.own, bending.other)] for bending in bendings]
    top = float(np.nanquantile(np.stack([norm for pair in maps for norm in pair]), QUANTILE))
    figure = Figure(figsize=(WIDTH, 1.04 * len(bendings) + 0.9), layout="constrained")
    grid = figure.subplots(len(bendings), 9, squeeze=False)
    for bending, pair, line in zip(bendings, maps, grid, strict=True):
        for axis in range(3):
            drawn, *panels = line[3 * axis : 3 * axis + 3]
            drawn.imshow(middle(bending.reconstruction, axis), cmap="gray", vmin=0, vmax=1, origin="lower")
            for panel, norm in zip(panels, pair, strict=True):
                shades = panel.imshow(
                    middle(norm, axis, np.nan),
                    cmap="magma",
                    vmin=0,
                    vmax=top or 1,
                    origin="lower",
                    interpolation="nearest",
                )
        for panel in line:
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        own, other = (number(float(np.nanmean(norm))) for norm in pair)
        line_label(
            line[0],
            f"{bending.pseudonym}\nown {own} mm\n{bending.other_pseudonym} {other} mm",
        )
    for axis, plane in enumerate(PLANES):
        titles = (f"{plane}\nreconstruction", "\nown", "\nother")
        for panel, title in zip(grid[0][3 * axis :], titles, strict=False):
            panel.set_title(title, fontsize=7.5, loc="center", weight="normal")
    scale = figure.colorbar(shades, ax=grid, location="bottom", shrink=0.5, aspect=40, pad=0.02)
    scale.set_label("displacement (mm)")
    return figure


def _norm(field: np.ndarray, heads: np.ndarray) -> np.ndarray:
    """Norm (x, y, z) in mm inside the heads, NaN outside."""
    return np.where(heads, np.linalg.norm(field, axis=0), np.nan)
