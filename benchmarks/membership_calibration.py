"""Whether what is said of single patients holds where the truth is known: bias, coverage of intervals, false discoveries.

    python benchmarks/membership_calibration.py [--audits 200] [--run runs/membership-calibration] [--resume]
        [--workers 1] [--out docs/results/membership/calibration.json]

Signals are normal but in worlds with heavy tails. docs/numbers.md says what the numbers mean. A row is a cell of a run: a second
start with `--resume` goes on. About half an hour of one core.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _exposed_world import everybody_like_them, exposed_world
from scipy import special

from remnant.attacks.membership.references import MARGIN
from remnant.attacks.registry import all_attacks
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.together import dealt_together
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.outcome import LEVEL
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.engine.cells import Cell, run_cells
from remnant.measure.exposure import (
    auc_of_fresh_people,
    exposures,
    pair_differences,
    spread_of_fresh_people,
    standardised,
)
from remnant.measure.intervals import Interval
from remnant.measure.most_exposed import by_rank, mean_exposure, splits
from remnant.measure.own_threshold import own_p
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.measure.swaps import dealt_halves

# What training adds to patients, in spreads, and by how much that differs between them; what of the spread is who else trained.
ALIKE = {"added": 0.251, "unlike": 0.0, "mirrored": 1.0, "spread": 0.2}  # everybody has an exposure of 0.55
WORLDS: dict[str, dict[str, float]] = {
    "everybody at 0.55": ALIKE,
    "no leak": {"added": 0.0, "unlike": 0.0},
    "a few exposed": {"added": -1.0, "unlike": 1.5},
    "most exposed": {"added": 1.0, "unlike": 1.0},
    "most exposed, heavy tails": {"added": 1.0, "unlike": 1.0, "mirrored": 0.0, "tails": 4.0},
}
QUERIES = 5
THRESHOLDS = (0.1, 0.01)  # false positive rates
PATIENTS, LEAKS = (60, 170), (0.0, 0.3, 0.5, 1.0)  # of audits; spreads that the audited model leaks
SIZES = ((170, 4), (170, 8), (170, 16), (60, 8), (24, 8))  # patients, swaps


def world_cell(run: Run, kind: str, patients: int, swaps: int, audits: int) -> dict[str, Any]:
    """A row: means over the audits of one kind of world."""
    everybody = everybody_like_them(**WORLDS[kind])
    found = [_audit(seed, patients, swaps, WORLDS[kind], everybody) for seed in range(audits)]
    row: Row = {"world": kind, "patients": patients, "networks": 2 * swaps, "audits": audits}
    return {"rows": [row | {name: float(np.mean([one[name] for one in found])) for name in found[0]}]}


def _audit(seed: int, patients: int, swaps: int, world: dict[str, float], everybody: float) -> dict[str, float]:
    values, trained, true = exposed_world(seed, patients, swaps, **world)
    differences, found = pair_differences(values, trained), exposures(values, trained)
    most, harmless = int(found.exposure.argmax()), true <= 0.5
    sizes = [patients // 10] * 10
    first = by_rank(differences, [1], np.random.default_rng(seed))[0]
    ranks = by_rank(differences, sizes, np.random.default_rng(seed))
    chosen, groups = chosen_truths(differences, ([1], sizes), true, seed)
    whole = mean_exposure(differences)
    return {
        "seems": found.exposure[most],
        "is": true[most],
        "shrunken": exposures(values, trained, shrink=True).exposure[most],
        "corrected": first.mean,
        "corrected_is": chosen[0],
        "corrected_covered": _holds(first, chosen[0]),
        "patients_bias": float((found.exposure - true).mean()),
        "patients_covered": float(((found.low <= true) & (true <= found.high)).mean()),
        "ranks_bias": ranks[0].mean - groups[0],
        "ranks_covered": float(np.mean([_holds(one, own) for one, own in zip(ranks, groups, strict=True)])),
        "mean_bias": whole.mean - everybody,
        "mean_covered": _holds(whole, everybody),
        "flagged": float(found.flagged.sum()),
        "false_discoveries": float((found.flagged & harmless).sum() / max(1, found.flagged.sum())),
        "audits_flagged": float(found.flagged.any()),
    }


def chosen_truths(
    differences: np.ndarray, groupings: Sequence[Sequence[int]], true: np.ndarray, seed: int
) -> list[list[float]]:
    """The mean true exposure of whom half of the networks choose for each group, by the sizes of the groups, over the splits that
    `by_rank` takes."""
    found: list[list[list[float]]] = [[] for _ in groupings]
    for ranking, _ in splits(differences.shape[1], np.random.default_rng(seed)):
        order = np.argsort(-standardised(differences[:, ranking])[0], kind="stable")
        for sizes, told in zip(groupings, found, strict=True):
            told.append([true[own].mean() for own in np.split(order, np.cumsum(sizes))[: len(sizes)]])
    return [np.mean(told, axis=0).tolist() for told in found]


def _holds(interval: Interval, truth: float) -> float:
    return float(interval.low <= truth <= interval.high)


def fresh_cell(run: Run, audits: int) -> dict[str, Any]:
    """Rows: a mean as the model, of halves of m people: with x in it, it is x / m nearer to x, and 2 m - 1 fresh people vary."""
    rows: list[Row] = []
    for patients in (24, 60, 170):
        found = []
        for seed in range(audits):
            draw = np.random.default_rng([seed, patients])
            people, trained = draw.normal(size=(patients, 20)), dealt_halves(patients, 8, draw)
            values = people @ (people.T @ trained / (patients // 2))
            apart = values - values.mean(0)
            halves = np.mean([(a[i][:, None] > a[~i]).mean() for a, i in zip(apart, trained, strict=True)])
            spread = spread_of_fresh_people(values, trained)
            truth = special.ndtr(np.linalg.norm(people, axis=1) / np.sqrt(patients - 1)).mean()
            exposed = exposures(values, trained).exposure.mean()
            found.append([truth, exposed, halves, auc_of_fresh_people(float(halves), spread), spread])
        names = ("fresh_people", "exposure", "halves", "halves_corrected", "spread")
        rows.append(
            {"patients": patients, "networks": 16, "audits": audits}
            | dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))
        )
    return {"rows": rows}


def threshold_cell(run: Run, audits: int) -> dict[str, Any]:
    """Rows: false positive rates among noisy and among quiet patients, by thresholds of their own and by one for all."""
    rows: list[Row] = []
    noisy = np.arange(170) < 85
    spread = np.where(noisy, 2.0, 0.5)
    for swaps in (4, 8, 16):
        found = []
        for seed in range(audits):
            draw = np.random.default_rng([seed, swaps])
            trained, base = dealt_halves(170, swaps, draw), draw.normal(0, 2, 170)
            fits = base[:, None] + spread[:, None] * (draw.normal(size=trained.shape) + trained)
            fit = base + spread * draw.normal(size=170)
            chance = own_p(fit, fits, trained, np.ones(170, dtype=bool))
            beyond = fit - (fits * ~trained).sum(1) / swaps
            found.append([[chance <= rate, beyond > np.quantile(beyond, 1 - rate)] for rate in THRESHOLDS])
        # Audits, rates, ways, patients.
        told = np.mean(found, axis=0)
        for rate, (own, one) in zip(THRESHOLDS, told, strict=True):
            rows.append(
                {"patients": 170, "networks": 2 * swaps, "audits": audits, "fpr": rate}
                | {"own_noisy": float(own[noisy].mean()), "own_quiet": float(own[~noisy].mean())}
                | {"one_noisy": float(one[noisy].mean()), "one_quiet": float(one[~noisy].mean())}
            )
    return {"rows": rows}


def audit_cell(run: Run, patients: int, own_leak: float, audits: int) -> dict[str, Any]:
    """A row: how many simulated audits by eight shadow models show a leak, by any test and by the first, by Holm and jointly.

    The shadow models leak one spread of every patient, and the audited model `own_leak`.
    """
    found = []
    for seed in range(audits):
        claims = _claims(seed, patients, own_leak)
        level = levels([(claim.key, claim.primary) for claim in claims])
        rows = membership_rows(claims, level, np.random.default_rng(seed))
        jointly = adjusted(rows, together=dealt_together(claims, np.random.default_rng(seed)))
        first = next(place for place, row in enumerate(rows) if row.primary and row.statistic == "auc")
        both = [np.array([row.adjusted_p for row in way], dtype=float) for way in (adjusted(rows), jointly)]
        found.append([p[place].min() <= at for at in (LEVEL, 0.05) for place in ([first], slice(None)) for p in both])
    names = [f"{what}_{way}{at}" for at in ("", "_at_5") for what in ("first", "any") for way in ("holm", "jointly")]
    row: Row = {"patients": patients, "networks": 8, "leak": own_leak, "tests": len(rows), "audits": audits}
    return {"rows": [row | dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))]}


def _claims(seed: int, patients: int, own_leak: float) -> list[ScoredPatients]:
    """What every attack by shadow models says of the patients of one model, of whom half are members."""
    draw = np.random.default_rng([seed, patients])
    base, noise = draw.normal(0, 2, patients), np.exp(draw.normal(0, 0.4, patients))
    trained, own = dealt_halves(patients, 4, draw), dealt_halves(patients, 1, draw)[:, 0]
    fits = base[:, None] + noise[:, None] * (draw.normal(size=trained.shape) + trained)
    fit = base + noise * (draw.normal(size=patients) + own_leak * own)
    # Shifts of an image are nearly the image.
    shifted, all_shifted = (one[..., None] + 0.3 * draw.normal(size=(*one.shape, QUERIES)) for one in (fit, fits))
    names, roles = tuple(map(str, range(patients))), np.where(own, MEMBER, NON_MEMBER)
    return [
        ScoredPatients(
            attack.name,
            one.view(MARGIN),
            names,
            one.score(one.taken(shifted), one.taken(all_shifted), trained),
            roles,
            attack.primary and place == 0,
        )
        for attack in all_attacks().values()
        for place, one in enumerate(one for one in attack.calibrations if one.suits(MARGIN))
    ]


def tables_of(run: Run, audits: int, workers: int = 1) -> dict[str, list[Row]]:
    """The tables, a cell a row or, where they take seconds, a table."""
    longer = ("everybody at 0.55", 170, 8)
    worlds = [(kind, *size) for kind in WORLDS for size in SIZES]
    by_table: dict[str, list[Cell]] = {
        "audits": [
            Cell(f"audits-{patients}-{leak}", audit_cell, {"patients": patients, "own_leak": leak, "audits": audits})
            for patients in PATIENTS
            for leak in LEAKS
        ],
        "exposure": [
            Cell(
                f"world-{list(WORLDS).index(kind)}-{patients}-{swaps}",
                world_cell,
                {"kind": kind, "patients": patients, "swaps": swaps}
                # Of the most exposed of many alike a bias of 0.01 shows in so many.
                | {"audits": 5 * audits if (kind, patients, swaps) == longer else audits},
            )
            for kind, patients, swaps in worlds
        ],
        "fresh_people": [Cell("fresh", fresh_cell, {"audits": audits})],
        "own_thresholds": [Cell("thresholds", threshold_cell, {"audits": audits})],
    }
    done = run_cells(run, [cell for cells in by_table.values() for cell in cells], workers=workers, quiet=False)
    return {table: [row for cell in cells for row in done[cell.name]["rows"]] for table, cells in by_table.items()}


def main() -> None:
    """Simulate what is not done yet, and write the tables as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--run", type=Path, default=Path("runs/membership-calibration"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/calibration.json"))
    options = parser.parse_args()
    settings = {"audits": options.audits}
    with Run.start(options.run, "membership-calibration", settings, resume=options.resume) as run:
        tables = tables_of(run, options.audits, options.workers)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": tables,
        },
    )


if __name__ == "__main__":
    main()
