"""How near each reconstruction comes to its patient, beside everybody else and the attacker's mean image."""

import numpy as np
from matplotlib.figure import Figure

from remnant.base.results import Row
from remnant.report.figures.style import GROUP_COLOURS, legend_above, panels, patient_dots
from remnant.report.words import facet, label, split

COMPARED = {
    "own": "own\noriginal",
    "best_other": "most similar\nother patient",
    "others_mean": "mean of all\nothers",
    "mean_image": "mean image,\nown original",
}


def own_against_others(rows: list[Row]) -> Figure:
    """One dot a patient: similarity to the own original, to the best and mean of the others, and baseline.

    `rows` are of the table `scores`; one panel per network, decoder and metric. The bar across each strip is
    its median. `mean_image` is what the attacker scores without any attack, showing the mean of its own
    patients.
    """
    parts = split(rows, "network", "decoder", "metric")
    figure, axes = panels(len(parts), height=2.7)
    for panel, (keys, part) in zip(axes, parts.items(), strict=True):
        for side, group in zip((-0.17, 0.17), GROUP_COLOURS, strict=True):
            for place, column in enumerate(COMPARED):
                values = np.array(
                    [row[column] for row in part if row["group"] == group and row.get(column) is not None]
                )
                if not len(values):
                    continue
                name = label(group) if place == 0 else None
                patient_dots(panel, place + side, values, _spread(values), group, name=name, size=13)
        panel.set_xticks(range(len(COMPARED)), COMPARED.values(), fontsize=7.5)
        panel.set_xlim(-0.5, len(COMPARED) - 0.5)
        panel.grid(axis="x", visible=False)
        panel.set_title(facet(keys, parts))
    metrics = {label(row["metric"]) for row in rows}
    axes[0].set_ylabel(f"similarity ({' or '.join(sorted(metrics))})")
    legend_above(figure, axes[0])
    return figure


def _spread(values: np.ndarray) -> np.ndarray:
    """Sideways shifts, at most 0.1, that part the dots: by order of value, so that drawings are alike."""
    order = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return (order % 5 - 2) * 0.05
