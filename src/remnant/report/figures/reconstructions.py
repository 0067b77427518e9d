"""PRIVATE: original beside reconstruction, for the best, the median and the worst patient of each network."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from remnant.base.errors import RemnantError
from remnant.base.results import Row
from remnant.report.figures.style import WIDTH, line_label
from remnant.report.private import VolumePair, read_reconstructions
from remnant.report.words import label, number, split

PLANES = ("sagittal", "coronal", "axial")


def chosen(rows: list[Row]) -> list[tuple[str, Row]]:
    """("best" | "median" | "worst", row) by own score, for each network, decoder and metric of `scores`."""
    picked = []
    for part in split(rows, "network", "decoder", "metric").values():
        ordered = sorted(part, key=lambda row: (-row["own"], str(row["pseudonym"]), str(row["group"])))
        places = {"best": 0, "median": len(ordered) // 2, "worst": len(ordered) - 1}
        picked += [(word, ordered[place]) for word, place in places.items()]
    return picked


def identity(row: Row) -> tuple[str, str, str, str, str]:
    """What tells one kept reconstruction from another."""
    return tuple(str(row[key]) for key in ("network", "decoder", "pseudonym", "group", "session"))


def pairs_of(run: Path, rows: list[Row]) -> list[VolumePair]:
    """The kept volumes of the chosen rows."""
    return read_reconstructions(run, {identity(row) for _, row in chosen(rows)})


def reconstructions(rows: list[Row], pairs: list[VolumePair]) -> Figure:
    """Three orthogonal slices through the middle, original left and reconstruction right, a line a patient.

    `rows` are of the table `scores`, `pairs` the kept volumes of the chosen rows. Shows patients' anatomy:
    for RUN/private only.
    """
    volumes = {(p.network, p.decoder, p.pseudonym, p.group, p.session): p for p in pairs}
    lines = chosen(rows)
    figure = Figure(figsize=(WIDTH, 1.04 * len(lines) + 0.4), layout="constrained")
    grid = figure.subplots(len(lines), 6, squeeze=False)
    for (word, row), line in zip(lines, grid, strict=True):
        pair = volumes.get(identity(row))
        if pair is None:
            raise RemnantError(
                f"The kept reconstructions do not hold patient {row['pseudonym']} ({label(row['network'])}); "
                "run the study again with --resume --keep-reconstructions."
            )
        for axis in range(3):
            for panel, volume in zip(line[2 * axis :], (pair.original, pair.reconstruction), strict=False):
                panel.imshow(
                    middle(volume, axis),
                    cmap="gray",
                    vmin=0,
                    vmax=1,
                    origin="lower",
                    interpolation="nearest",
                )
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
        line_label(
            line[0],
            f"{label(row['network'])} · {word}\n{row['pseudonym']} ({label(row['group'])[:-1]})\n"
            f"{label(row['metric'])} {number(row['own'])}, rank {row['rank']}",
        )
    for axis, plane in enumerate(PLANES):
        grid[0][2 * axis].set_title(f"{plane}\noriginal", fontsize=7.5, loc="center", weight="normal")
        grid[0][2 * axis + 1].set_title("\nreconstruction", fontsize=7.5, loc="center", weight="normal")
    return figure


def middle(volume: np.ndarray, axis: int, around: float = 0.0) -> np.ndarray:
    """The middle slice, padded by `around` to a square of the volume's longest side, so that panels share a scale."""
    cut = np.take(volume, volume.shape[axis] // 2, axis).T
    spare = [max(volume.shape) - side for side in cut.shape]
    return np.pad(cut, [(room // 2, room - room // 2) for room in spare], constant_values=around)
