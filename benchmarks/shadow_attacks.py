"""How well each attack by shadow models tells members, simulated: where the model leaks as its shadow models do, and where not.

    python benchmarks/shadow_attacks.py [--out docs/results/membership/simulated.json]

Signals are normal. Patients differ in how well all models fit them, in their noise and in what training adds. docs/numbers.md has
some of its rows.
"""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import special

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.bavaria import bavaria, bavaria_offline
from remnant.measure.hierarchical import hierarchical
from remnant.measure.lira import lira
from remnant.measure.rmia import rmia
from remnant.measure.swaps import dealt_halves, without_patient

PATIENTS, MODELS = 170, 40
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_difference(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Difference calibration."""
    return fit - without_patient(fits, trained)


def by_ratio(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """RMIA, online, of a signed margin."""
    return rmia(special.expit(fit), special.expit(fits), trained, online=True)


SCORES: dict[str, Score] = {
    "difference": by_difference,
    "LiRA online": lira,
    "RMIA online": by_ratio,
    "BaVarIA online": bavaria,
    "BaVarIA offline": bavaria_offline,
    "hierarchical": hierarchical,
}
# What training adds of the shadow models and of the model, and by what this fits everybody better, in standard deviations.
KINDS = {"leaks as they do": (1.0, 1.0, 0.0), "leaks, they do not": (0.0, 3.0, 0.0), "better of all": (1.0, 1.0, 3.0)}


def simulated(
    draw: np.random.Generator, swaps: int, leak: float, own_leak: float, better: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The fits (n,) of a model and (n, k) of shadow models, who trained these, and who the model."""
    base, noise = draw.normal(0, 2, PATIENTS), np.exp(draw.normal(0, 0.4, PATIENTS))
    trained, own = dealt_halves(PATIENTS, swaps, draw), dealt_halves(PATIENTS, 1, draw)[:, 0]
    more = noise * np.abs(draw.normal(1, 0.5, PATIENTS))
    fits = base[:, None] + noise[:, None] * draw.normal(size=trained.shape) + leak * more[:, None] * trained
    fit = base + noise * (draw.normal(size=PATIENTS) + better) + own_leak * more * own
    return fit, fits, trained, own


def main() -> None:
    """Print a row a kind and number of shadow models, mean AUC of each attack over the models, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/simulated.json"))
    options = parser.parse_args()
    rows = []
    for kind, (leak, own_leak, better) in KINDS.items():
        for swaps in (2, 4, 8, 16):
            areas: dict[str, list[float]] = {name: [] for name in SCORES}
            for seed in range(MODELS):
                draw = np.random.default_rng([seed, swaps])
                fit, fits, trained, own = simulated(draw, swaps, leak, own_leak, better)
                for name, score in SCORES.items():
                    scores = score(fit, fits, trained)
                    areas[name].append(mann_whitney_auc(scores[own], scores[~own]).mean)
            row: dict[str, object] = {"model": kind, "shadow_models": 2 * swaps}
            for name, found in areas.items():
                half = float(1.96 * np.std(found, ddof=1) / MODELS**0.5)
                mean = float(np.mean(found))
                row[name] = {"auc": mean, "low": mean - half, "high": mean + half}
            rows.append(row)
            print(kind, 2 * swaps, *(f"{name} {np.mean(found):.2f}" for name, found in areas.items()), sep=", ")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "patients": PATIENTS,
            "models": MODELS,
            "seeds": [0, MODELS - 1],
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"simulated": rows},
        },
    )


if __name__ == "__main__":
    main()
