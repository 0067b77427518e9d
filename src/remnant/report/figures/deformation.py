"""PRIVATE: how far a reconstruction is bent to become its own original, beside a wrong one (Subbanna 2021, Figure 7)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from remnant.base.errors import RemnantError
from remnant.base.results import Row
from remnant.report.figures.reconstructions import PLANES, middle
from remnant.report.figures.style import WIDTH, line_label
from remnant.report.private import Bending, read_bendings
from remnant.report.words import label, number

QUANTILE = 0.99  # of all displacements shown: where the scale of colours ends, so that a few voxels do not decide it


def bendings_of(run: Path, rows: list[Row]) -> list[Bending]:
    """Of each network and decoder of the rows, the kept patients of least, middle and most displacement to their own."""
    found = []
    for network, decoder in dict.fromkeys((str(row["network"]), str(row["decoder"])) for row in rows):
        kept = sorted(read_bendings(run, network, decoder), key=_own_mm)
        places = sorted({0, len(kept) // 2, len(kept) - 1}) if kept else []
        found += [kept[place] for place in places]
    return found


def _own_mm(bending: Bending) -> float:
    return float(np.linalg.norm(bending.own, axis=0)[bending.heads].mean())


def deformation_maps(rows: list[Row], bendings: list[Bending]) -> Figure:
    """Norm of the displacement in mm on three middle slices: own original left, a wrong one right; a line a patient.

    `rows` are of the table `scores`, `bendings` what `bendings_of` them gave. All maps share one scale of colours; outside
    the heads nothing is drawn. A map follows the outlines of a patient's anatomy: for RUN/private only. Raises
    `RemnantError` for no patient.
    """
    if not bendings:
        names = " and ".join(label(name) for name in dict.fromkeys(row["network"] for row in rows))
        raise RemnantError(
            f"The run kept no displacements of {names}; run the study again with --resume --keep-reconstructions."
        )
    maps = [[_norm(field, bending.heads) for field in (bending.own, bending.other)] for bending in bendings]
    top = float(np.nanquantile(np.stack([norm for pair in maps for norm in pair]), QUANTILE))
    figure = Figure(figsize=(WIDTH, 0.8 * len(bendings) + 0.9), layout="constrained")
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
            f"{label(bending.network)}\n{bending.pseudonym} {own} mm\n{bending.other_pseudonym} {other} mm",
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
