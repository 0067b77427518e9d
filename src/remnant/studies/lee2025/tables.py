"""The tables of the paper and of how a run came about: targets, patients, stage 1, candidates, and whether the prior is alike."""

from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any

import numpy as np

from remnant.attacks.demographics import Reader
from remnant.audit.cells.kept import Likely
from remnant.base.results import Row, matching
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX
from remnant.measure.anonymity import Population
from remnant.measure.likeness import likeness
from remnant.studies import published
from remnant.studies.lee2025.distribution_tables import ReaderFeatures, distribution_tables
from remnant.studies.lee2025.drawn import DrawnCandidates
from remnant.studies.lee2025.groups import Groups
from remnant.studies.lee2025.likely_tables import anonymity_rows, likely_row, match, people_tables
from remnant.studies.lee2025.settings import ATTACK
from remnant.studies.lee2025.stage1 import TOTAL

Told = Mapping[str, Any]
Key = tuple[str, str]  # target and attack


def make_tables(
    trained: Mapping[str, Row],
    told: Mapping[Key, Told],
    drawn: Iterable[tuple[Key, DrawnCandidates]],
    likely: Mapping[Key, Likely],
    groups: Mapping[str, Groups],
    reader: Reader,
    *,
    population: Population,
    site: float,
    seeds: Seeds,
) -> dict[str, list[Row]]:
    """The tables beside the findings, as lists of flat rows.

    `trained`: what the cell of each target told, a row of the table `targets`; `told`: what each attack's did, with `stage1` rows
    {part, term, step, value}, `steps` and `levelled_off`; `groups` of each source. What was
    `drawn` is asked for one after another, since there is much of it. `site`: how many people a site draws from.
    """
    names = ("stage1", "tuning", "candidates", "likely", "distribution", "kurtosis", "entropy", "anonymity")
    tables: dict[str, list[Row]] = {name: [] for name in names}
    features, matched = ReaderFeatures(reader.model), {}
    for (target, attack), found in drawn:
        source = str(trained[target]["source"])
        members = groups[source]["members"]
        tables["tuning"] += tuning_rows(target, attack, told[target, attack])
        tables["likely"].append(likely_row(target, source, attack, found, likely[target, attack], members, reader))
        if attack == ATTACK:
            tables["stage1"] += curve_rows(target, attack, told[target, attack])
            tables["candidates"] += candidate_rows(target, found)
            matched[target] = match(found, members, reader)
            tables["anonymity"] += anonymity_rows(target, found, reader, population, site)
            spread = distribution_tables(target, found, groups[source], features, seeds.child("distribution"))
            tables |= {name: [*tables[name], *rows] for name, rows in spread.items()}
    targets = [row | {"published_accuracy": published.LEE2025_ACCURACY.get(name)} for name, row in trained.items()]
    return {
        "targets": targets,
        "patients": list(patient_rows(groups)),
        **tables,
        **people_tables(matched, reader),
    }


def patient_rows(groups: Mapping[str, Groups]) -> Iterator[Row]:
    """How many patients and images each group has, and of whom they are."""
    for source, parts in groups.items():
        for name, group in parts.items():
            known = group.details[AGE][np.isfinite(group.details[AGE])]
            labels, sexes = np.asarray(group.labels), group.details[SEX]
            yield {
                "source": source,
                "group": name,
                "patients": len(set(group.patients)),
                "images": len(group.patients),
                "positive": None if (labels < 0).all() else float((labels == 1).mean()),
                "women": int((sexes == 0).sum()),
                "men": int((sexes == 1).sum()),
                "age": float(known.mean()) if len(known) else None,
            }


def curve_rows(target: str, attack: str, told: Told) -> Iterator[Row]:
    """The losses that the cell of an attack told, to five digits."""
    for row in told["stage1"]:
        yield {"target": target, "method": attack, **row, "value": _short(row["value"])}


def tuning_rows(target: str, attack: str, told: Told) -> Iterator[Row]:
    """Of each stage 1, how many steps it ran, whether its loss had levelled off, and where it began and ended.

    `first` and `last`: the median loss of the first and last ten steps that were kept. A loss may level off without ever
    having fallen.
    """
    for part, steps in told["steps"].items():
        losses = [row["value"] for row in matching(told["stage1"], {"part": part, "term": TOTAL})]
        yield {
            "target": target,
            "method": attack,
            "part": part,
            "steps": steps,
            "levelled_off": told["levelled_off"].get(part),
            "first": median(losses[:10]),
            "last": median(losses[-10:]),
        }


def candidate_rows(target: str, drawn: DrawnCandidates) -> Iterator[Row]:
    """The candidates of an attack by their two scores, to five digits: there are thousands."""
    cuts = {"stage1_cut": _short(drawn.excitation_cutoff), "mahalanobis_cut": _short(drawn.distance_cutoff)}
    scores = (drawn.excitation.tolist(), drawn.distance.tolist(), drawn.likely.tolist())
    for stage1, distance, likely in zip(*scores, strict=True):
        row: Row = {"target": target, "stage1": _short(stage1), "mahalanobis": _short(distance)}
        yield row | {"likely": likely} | cuts


def prior_rows(prior: np.ndarray, groups: Mapping[str, Groups]) -> Iterator[Row]:
    """A row a source of `groups`: its radiographs, all groups together, beside images uint8 (n, N, N) of the untuned prior.

    Every target meets the same prior. Planted patients are patients of another source.
    """
    for source, parts in groups.items():
        real = np.concatenate([np.asarray(group.images[:, 0]) for group in parts.values()])
        if source == "planted" or len(real) < 2:
            continue
        found = likeness(prior.astype(np.float32) / 255, real)
        names = ("drawn", "real", "typical", "spread", "varied", "alike")
        yield {"source": source, **{name: getattr(found, name) for name in names}}


def _short(value: float) -> float:
    return float(f"{value:.5g}")
