"""How well each attack by shadow models tells members, simulated: where the model leaks as its shadow models do, and where not;
and how much is lost where they choose between an image and its shifts.

    python benchmarks/shadow_attacks.py [--out docs/results/membership/simulated.json]

Signals are normal. Patients differ in how well all models fit them, in their noise and in what training adds, or, where it learns
by heart, in what it leaves, which is then about the same of all. docs/numbers.md has some of the rows.
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
from remnant.measure.image_share import as_one, image_share, weighed
from remnant.measure.lira import lira
from remnant.measure.rmia import rmia
from remnant.measure.swaps import dealt_halves, without_patient

PATIENTS, MODELS, QUERIES = 170, 40, 9
Score = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def by_difference(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Difference calibration."""
    return fit - without_patient(fits, trained)


def by_ratio(fit: np.ndarray, fits: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """RMIA, online, of a signed margin."""
    return rmia(special.expit(fit), special.expit(fits), trained, online=True)


SCORES: dict[str, Score] = {
    "margin": lambda fit, fits, trained: fit,
    "difference": by_difference,
    "LiRA online": lira,
    "RMIA online": by_ratio,
    "BaVarIA online": bavaria,
    "BaVarIA offline": bavaria_offline,
    "hierarchical": hierarchical,
}
# What training adds of the shadow models and of the model, and by what this fits everybody better, in standard deviations.
KINDS = {"leaks as they do": (1.0, 1.0, 0.0), "leaks, they do not": (0.0, 3.0, 0.0), "better of all": (1.0, 1.0, 3.0)}
BY_HEART = "learns by heart, as they do"
PLACE, LEAST_ADDED = 3.0, 0.3  # where such a training brings everybody, and what it adds at the least
# Which share of what training adds to an image its shifts keep, and the noise of a query in that of the model.
SHIFTED = {"shifts are known as well": (1.0, 1.0), "half as well": (0.5, 0.5), "hardly": (0.2, 0.5)}


def simulated(
    draw: np.random.Generator, swaps: int, leak: float, own_leak: float, better: float, *, by_heart: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The fits (n,) of a model and (n, k) of shadow models, who trained these, and who the model."""
    base, noise = draw.normal(0, 2, PATIENTS), np.exp(draw.normal(0, 0.4, PATIENTS))
    trained, own = dealt_halves(PATIENTS, swaps, draw), dealt_halves(PATIENTS, 1, draw)[:, 0]
    more = noise * np.abs(draw.normal(1, 0.5, PATIENTS))
    if by_heart:
        more = np.maximum(PLACE - base, 0) + LEAST_ADDED
    fits = base[:, None] + noise[:, None] * draw.normal(size=trained.shape) + leak * more[:, None] * trained
    fit = base + noise * (draw.normal(size=PATIENTS) + better) + own_leak * more * own
    return fit, fits, trained, own


def with_shifts(
    draw: np.random.Generator, swaps: int, kept: float, near: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of an image and its shifts, (n, queries) and (n, k, queries)."""
    fit, fits, trained, own = simulated(draw, swaps, 0.0, 0.0, 0.0)
    noise = np.exp(draw.normal(0, 0.4, PATIENTS))
    added = (noise * np.abs(draw.normal(1, 0.5, PATIENTS)))[:, None] * np.array([1] + [kept] * (QUERIES - 1))
    spread = near * noise[:, None]
    one = fit[:, None] + spread * draw.normal(size=(PATIENTS, QUERIES)) + added * own[:, None]
    several = fits[..., None] + spread[..., None] * draw.normal(size=(*fits.shape, QUERIES))
    return one, several + added[:, None] * trained[..., None], trained, own


def row_of(found: dict[str, list[float]], **named: object) -> dict[str, object]:
    """A row with mean AUC and its 95% interval for each score over the models."""
    row = dict(named)
    for name, areas in found.items():
        mean, half = float(np.mean(areas)), float(1.96 * np.std(areas, ddof=1) / MODELS**0.5)
        row[name] = {"auc": mean, "low": mean - half, "high": mean + half}
    print(*named.values(), *(f"{name} {np.mean(areas):.3f}" for name, areas in found.items()), sep=", ")
    return row


def main() -> None:
    """Print a row a kind and number of shadow models, mean AUC of each attack over the models, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/simulated.json"))
    options = parser.parse_args()
    rows, shifted = [], []
    for kind in (*KINDS, BY_HEART):
        leak, own_leak, better = KINDS.get(kind, (1.0, 1.0, 0.0))
        for swaps in (2, 4, 8, 16):
            areas: dict[str, list[float]] = {name: [] for name in SCORES}
            for seed in range(MODELS):
                draw = np.random.default_rng([seed, swaps])
                fit, fits, trained, own = simulated(draw, swaps, leak, own_leak, better, by_heart=kind == BY_HEART)
                for name, score in SCORES.items():
                    scores = score(fit, fits, trained)
                    areas[name].append(mann_whitney_auc(scores[own], scores[~own]).mean)
            rows.append(row_of(areas, model=kind, shadow_models=2 * swaps))
    for kind, (kept, near) in SHIFTED.items():
        for swaps in (2, 4, 8):
            areas = {"image": [], "mean over shifts": [], "weighed": []}
            shares = []
            for seed in range(MODELS):
                fit, fits, trained, own = with_shifts(np.random.default_rng([seed, swaps]), swaps, kept, near)
                found = [hierarchical(as_one(fit, one), as_one(fits, one), trained) for one in (1.0, 0.0)]
                for name, scores in zip(areas, (*found, weighed(fit, fits, trained)), strict=True):
                    areas[name].append(mann_whitney_auc(scores[own], scores[~own]).mean)
                shares.append(image_share(fits, trained))
            shifted.append(
                row_of(areas, training=kind, shadow_models=2 * swaps, share_of_the_image=float(np.mean(shares)))
            )
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "patients": PATIENTS,
            "models": MODELS,
            "queries": QUERIES,
            "seeds": [0, MODELS - 1],
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"simulated": rows, "shifts": shifted},
        },
    )


if __name__ == "__main__":
    main()
