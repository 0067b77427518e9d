"""Tables of what a training tells of single patients: the exposure of each, of groups of them, and thresholds of their own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from remnant.audit.findings.rests_on import Traits, groups_of, rests_on
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, number
from remnant.measure.exposure import (
    Exposures,
    enough_for_p,
    exposures,
    pair_differences,
    spread_of_fresh_people,
    unresolved,
)
from remnant.measure.intervals import FEWEST_PATIENTS, clopper_pearson
from remnant.measure.most_exposed import by_rank, mean_exposure
from remnant.measure.own_threshold import RATES, own_p, own_p_of_networks, rate_carried
from remnant.measure.roles import MEMBER, NON_MEMBER

# Tables: a row a patient; who seems most exposed; one row of all; groups by how exposed they are, and by traits.
PATIENTS, MOST, SUMMARY, RANKS, GROUPS = (
    "exposure",
    "most_exposed",
    "exposure_summary",
    "exposure_ranks",
    "exposure_groups",
)
THRESHOLDS = "own_thresholds"
MOST_RANKS = 10
NAMES = {MEMBER: "trained on", NON_MEMBER: "not trained on"}


@dataclass(frozen=True)
class PatientFits:
    """What networks of one training fit of each of the `patients` (n,) by one `signal`, `values` (n, networks), by who `trained`
    each (`measure.swaps`); `own` (n,) what the audited model does, None where nobody asked it."""

    patients: tuple[str, ...]
    values: np.ndarray
    trained: np.ndarray
    signal: str
    own: np.ndarray | None = None


def exposure_tables(
    fits: PatientFits,
    traits: Traits,
    roles: Mapping[str, int],
    pseudonym: Callable[[str], str],
    seeds: np.random.Generator,
) -> dict[str, list[Row]]:
    """The tables by name; of too few networks or patients the summary alone, with why.

    Rows of single patients are called by `pseudonym`, so that they stay in the house.
    """
    assert traits.patients == fits.patients
    n, networks = fits.values.shape
    summary: Row = {"patients": n, "networks": networks, "signal": fits.signal, "why": unresolved(n, networks // 2)}
    if summary["why"]:
        return {SUMMARY: [summary]}
    differences, found = pair_differences(fits.values, fits.trained), exposures(fits.values, fits.trained)
    fit = fits.values.mean(1)
    told = enough_for_p(n, networks // 2)
    summary |= {
        **interval_columns("exposure", mean_exposure(differences)),
        "flagged": int(found.flagged.sum()) if told else None,
        "spread": spread_of_fresh_people(fits.values, fits.trained),
    }
    return {
        SUMMARY: [summary],
        PATIENTS: _patient_rows(fits, found, traits, fit, roles, pseudonym),
        MOST: [_most_exposed(fits, found, differences, pseudonym, seeds)],
        RANKS: _rank_rows(differences, seeds),
        GROUPS: [
            {"trait": trait, "group": words, "patients": int(chosen.sum())}
            | interval_columns("exposure", mean_exposure(differences[chosen]))
            for trait, groups in groups_of(traits, fit)
            for words, chosen in groups
        ],
        THRESHOLDS: _threshold_rows(fits, roles),
    }


def _patient_rows(
    fits: PatientFits,
    found: Exposures,
    traits: Traits,
    fit: np.ndarray,
    roles: Mapping[str, int],
    pseudonym: Callable[[str], str],
) -> list[Row]:
    """A row a patient, the most exposed first."""
    ranks = np.argsort(np.argsort(fit, kind="stable"), kind="stable") / max(1, len(fit) - 1)
    return [
        {
            "pseudonym": pseudonym(fits.patients[i]),
            "role": NAMES[roles[fits.patients[i]]],
            "exposure": float(found.exposure[i]),
            "low": float(found.low[i]),
            "high": float(found.high[i]),
            "effect": float(found.effect[i]),
            "p": number(found.p[i]),
            "adjusted_p": number(found.adjusted[i]),
            "flagged": bool(found.flagged[i]),
            "images": int(traits.images[i]),
            "rests_on": rests_on(traits, int(i), float(ranks[i])),
        }
        for i in np.argsort(-found.exposure, kind="stable")
    ]


def _most_exposed(
    fits: PatientFits,
    found: Exposures,
    differences: np.ndarray,
    pseudonym: Callable[[str], str],
    seeds: np.random.Generator,
) -> Row:
    """Who seems most exposed, and what the most exposed are when other networks measure them than chose them."""
    most = int(found.exposure.argmax())
    shrunken = exposures(fits.values, fits.trained, shrink=True).exposure
    return {
        "pseudonym": pseudonym(fits.patients[most]),
        "seems": float(found.exposure[most]),
        "shrunken": float(shrunken[most]),
        **interval_columns("corrected", by_rank(differences, [1], seeds)[0]),
    }


def _rank_rows(differences: np.ndarray, seeds: np.random.Generator) -> list[Row]:
    """Groups of equal size, from the most exposed on, none below `FEWEST_PATIENTS`; the last takes who is left."""
    n = len(differences)
    count = min(MOST_RANKS, n // FEWEST_PATIENTS)
    sizes = [n // count] * (count - 1)
    return [
        {"rank": place, "ranks": count, "patients": found.n} | interval_columns("exposure", found)
        for place, found in enumerate(by_rank(differences, [*sizes, n - sum(sizes)], seeds), 1)
    ]


def _threshold_rows(fits: PatientFits, roles: Mapping[str, int]) -> list[Row]:
    """At each rate that so many networks carry, who passes a threshold of his own; the others with how many networks would do."""
    if fits.own is None:
        return []
    own = np.array([roles[patient] for patient in fits.patients])
    chance = own_p(fits.own, fits.values, fits.trained, own == NON_MEMBER)
    each = own_p_of_networks(fits.values, fits.trained)
    n, without = len(fits.patients), fits.values.shape[1] // 2
    sides = {name: chance[own == role] for name, role in (("told", MEMBER), ("false_alarms", NON_MEMBER))}
    rows: list[Row] = []
    for rate in RATES:
        carried = rate_carried(rate, n, without)
        row: Row = {"fpr": rate, "carried": carried}
        row |= {"members": len(sides["told"]), "non_members": len(sides["false_alarms"])}
        for name, chances in sides.items():
            passed, asked = int((chances <= rate).sum()), len(chances) if carried else 0
            # Of nobody asked there is neither a share nor an interval.
            row |= {name: passed if carried else None}
            row |= interval_columns(f"{name}_share", clopper_pearson(passed if carried else 0, asked))
        rows.append(row | {"networks_fpr": float((each[~fits.trained] <= rate).mean()) if carried else None})
    return rows
