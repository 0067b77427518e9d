"""Whether what is said of single patients holds where the truth is known: bias, coverage of intervals, false discoveries.

    python benchmarks/membership_calibration.py [--audits 200] [--out docs/results/membership/calibration.json]

Signals are normal but for one row. docs/numbers.md says what the numbers mean.
"""

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
from scipy import special

from benchmarks._exposed_world import exposed_world
from remnant.attacks.membership.references import MARGIN
from remnant.attacks.registry import all_attacks
from remnant.audit.findings.rows import ScoredPatients, membership_rows
from remnant.audit.findings.together import dealt_together
from remnant.audit.verdict.family import adjusted, levels
from remnant.audit.verdict.outcome import LEVEL
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.results import Row
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
SIZES = ((170, 4), (170, 8), (170, 16), (60, 8), (24, 8))  # patients, swaps


def world_row(kind: str, patients: int, swaps: int, audits: int) -> Row:
    """Means over the audits of one kind of world."""
    found = [_audit(seed, patients, swaps, WORLDS[kind]) for seed in range(audits)]
    row: Row = {"world": kind, "patients": patients, "networks": 2 * swaps, "audits": audits}
    return row | {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _audit(seed: int, patients: int, swaps: int, world: dict[str, float]) -> dict[str, float]:
    values, trained, true = exposed_world(seed, patients, swaps, **world)
    differences, found = pair_differences(values, trained), exposures(values, trained)
    most, harmless = int(found.exposure.argmax()), true <= 0.5
    sizes = [patients // 10] * 10
    first = by_rank(differences, [1], np.random.default_rng(seed))[0]
    ranks = by_rank(differences, sizes, np.random.default_rng(seed))
    chosen, groups = (_truth(differences, one, true, seed) for one in ([1], sizes))
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
        "mean_covered": _holds(whole, _everybody(world)),
        "flagged": float(found.flagged.sum()),
        "false_discoveries": float((found.flagged & harmless).sum() / max(1, found.flagged.sum())),
        "audits_flagged": float(found.flagged.any()),
    }


def _truth(differences: np.ndarray, sizes: list[int], true: np.ndarray, seed: int) -> list[float]:
    """The mean true exposure of whom half of the networks choose for each group, over the splits that `by_rank` takes."""
    found = []
    for ranking, _ in splits(differences.shape[1], np.random.default_rng(seed)):
        order = np.argsort(-standardised(differences[:, ranking])[0], kind="stable")
        found.append([true[own].mean() for own in np.split(order, np.cumsum(sizes))[: len(sizes)]])
    return np.mean(found, axis=0).tolist()


def _everybody(world: dict[str, float]) -> float:
    """The mean exposure of all people like those of a world."""
    return float(exposed_world(10**6, 3000, 1, **world)[2].mean())


def _holds(interval: Interval, truth: float) -> float:
    return float(interval.low <= truth <= interval.high)


def fresh_rows(audits: int) -> list[Row]:
    """A mean as the model, of halves of so many people: with x in it, it is x / m nearer to x, and 2 m - 1 fresh people vary."""
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
    return rows


def threshold_rows(audits: int) -> list[Row]:
    """False positive rates among patients who are noisy and who are quiet, by thresholds of their own and by one for all."""
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
    return rows


def audit_row(patients: int, own_leak: float, audits: int) -> Row:
    """How many simulated audits by eight shadow models show a leak by any test, and by the first, by Holm's sum and jointly.

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
    return row | dict(zip(names, np.mean(found, axis=0).tolist(), strict=True))


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


def main() -> None:
    """Print a row a world, and write all as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--audits", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/calibration.json"))
    options = parser.parse_args()
    rows = [world_row("everybody at 0.55", 170, 8, 5 * options.audits)]
    for kind in WORLDS:
        for patients, swaps in SIZES:
            if (kind, patients, swaps) != ("everybody at 0.55", 170, 8):
                rows.append(world_row(kind, patients, swaps, options.audits))
                print(rows[-1], flush=True)
    audited = [audit_row(patients, leak, options.audits) for patients in (60, 170) for leak in (0.0, 0.3, 0.5, 1.0)]
    tables = {
        "audits": audited,
        "exposure": rows,
        "fresh_people": fresh_rows(options.audits),
        "own_thresholds": threshold_rows(options.audits),
    }
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
