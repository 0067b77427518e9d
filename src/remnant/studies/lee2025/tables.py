"""Flat rows of every table of an audit of checkpoints. Nothing here trains or attacks; the demographic model alone is run."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from remnant.attacks.demographics import DemographicModel, Reader
from remnant.base.results import Row, matching
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX
from remnant.measure.anonymity import Population
from remnant.studies import published
from remnant.studies.lee2025.demographic_tables import anonymity_rows, demographic_tables
from remnant.studies.lee2025.distribution_tables import Features, distribution_tables
from remnant.studies.lee2025.kept import Attacked
from remnant.studies.lee2025.leak_tables import (
    leak_rows,
    method_rows,
    mitigation_rows,
    rank_rows,
    score_rows,
    shares,
    with_verdicts,
)
from remnant.studies.lee2025.likely_tables import likely_rows
from remnant.studies.lee2025.nearest_tables import group_rows, over_prior_rows
from remnant.studies.lee2025.scores import ATTACK, Audited, Groups, audited
from remnant.studies.lee2025.stage1 import TOTAL
from remnant.studies.lee2025.targets import CONTROLS

OVERFIT = "cnn_overfit"
# Each mitigation alone: targets that are there to answer the question of what helps.
HELPERS = ("cnn_dropout", "cnn_augmentation", "cnn_early_stopping")
# Held against the overfit CNN: the regular recipe, which has all mitigations, and each of them alone.
MITIGATIONS = ("cnn", *HELPERS)
NAMES = (
    "targets",
    "patients",
    "tuning",
    "stage1",
    "distribution",
    "kurtosis",
    "entropy",
    "candidates",
    "likely",
    "membership",
    "membership_verdicts",
    "leak",
    "leak_by_rank",
    "membership_scores",
    "score_groups",
    "over_prior",
    "mitigations",
    "methods",
    "ceiling",
    "identifiability",
    "demographics",
    "ages",
    "sexes",
    "anonymity",
)


def make_tables(
    attacked: Sequence[Attacked],
    groups: Mapping[str, Groups],
    trained: Mapping[str, Mapping[str, Any]],
    attacks: Mapping[str, Sequence[Mapping[str, Any]]],
    model: DemographicModel,
    *,
    population: Population,
    site: float,
    seeds: Seeds,
) -> dict[str, list[Row]]:
    """Every table of results.json, as lists of flat rows; those that nothing was measured for are empty, and those of the
    oracles, `ceiling` and `identifiability`, which are the rows of their cells.

    `groups` of each source; `trained`: what the cell of each target told, its `source` and the columns of the table
    `targets`; `attacks`: the records of each target's attack cells, with `stage1` rows {method, part, term, step, value},
    `steps` and `levelled_off`. `site`: how many people a
    site draws from.
    """
    audits = audited(attacked, groups, {target: str(record["source"]) for target, record in trained.items()})
    tables: dict[str, list[Row]] = {name: [] for name in NAMES}
    tables["targets"] = [_target(target, record) for target, record in trained.items()]
    tables["patients"] = list(patient_rows(groups))
    reader, features = Reader.of(model, seeds.child("demographics")), Features(model)
    share = shares(audits, CONTROLS)
    for audit in audits:
        for record in attacks.get(audit.target, ()):
            tables["stage1"] += _curves(audit.target, record)
            tables["tuning"] += _tuning(audit.target, record)
        for name, rows in distribution_tables(audit, features, seeds.child("distribution")).items():
            tables[name] += rows
        if ATTACK in audit.found:
            tables["candidates"] += _candidates(audit.found[ATTACK])
        tables["likely"] += likely_rows(audit, reader)
        tables["leak"] += leak_rows(audit, seeds.child("leak"), share)
        tables["leak_by_rank"] += rank_rows(audit)
        tables["membership_scores"] += score_rows(audit)
        tables["score_groups"] += group_rows(audit)
        tables["anonymity"] += anonymity_rows(audit, reader, population, site)
    tables["leak"] = with_verdicts(tables["leak"], CONTROLS)
    tables["over_prior"] = over_prior_rows(audits, seeds.child("over_prior"))
    tables["methods"] = method_rows(audits, tables["leak"], seeds.child("methods"))
    tables["mitigations"] = list(_mitigations(audits, tables["targets"], seeds.child("mitigations")))
    return tables | demographic_tables(audits, reader)


def _target(target: str, record: Mapping[str, Any]) -> Row:
    row = {"target": target} | {
        name: value for name, value in record.items() if isinstance(value, str | int | float | None)
    }
    return row | {"published_accuracy": published.LEE2025_ACCURACY.get(target)}


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


def _curves(target: str, record: Mapping[str, Any]) -> Iterator[Row]:
    """The published attack's losses, to five digits; those of the other methods, tens of thousands, stay in the run's cells."""
    for row in record["stage1"]:
        if row["method"] == ATTACK:
            yield {"target": target, **row, "value": _short(row["value"])}


def _tuning(target: str, record: Mapping[str, Any]) -> Iterator[Row]:
    """Of each stage 1, how many steps it ran, whether its loss had levelled off, and where it began and ended.

    `first` and `last`: the median loss of the first and last ten steps that were kept. A loss may level off without ever
    having fallen.
    """
    for part, steps in record["steps"].items():
        told = matching(record["stage1"], {"part": part, "term": TOTAL})
        losses = [row["value"] for row in told]
        yield {
            "target": target,
            "method": told[0]["method"],
            "part": part,
            "steps": steps,
            "levelled_off": record["levelled_off"].get(part),
            "first": median(losses[:10]),
            "last": median(losses[-10:]),
        }


def _candidates(attacked: Attacked) -> Iterator[Row]:
    """The published attack's candidates by their two scores, to five digits: there are thousands."""
    cuts = {
        "stage1_cut": _short(attacked.excitation_cutoff),
        "mahalanobis_cut": _short(attacked.distance_cutoff),
    }
    for stage1, distance, likely in zip(
        attacked.excitation.tolist(), attacked.distance.tolist(), attacked.likely.tolist(), strict=True
    ):
        row: Row = {"target": attacked.target, "stage1": _short(stage1), "mahalanobis": _short(distance)}
        yield row | {"likely": likely} | cuts


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _mitigations(audits: Sequence[Audited], targets: Sequence[Row], seeds: Seeds) -> Iterator[Row]:
    by_name = {audit.target: audit for audit in audits}
    if OVERFIT in by_name:
        others = [by_name[name] for name in MITIGATIONS if name in by_name]
        yield from mitigation_rows(by_name[OVERFIT], others, {str(row["target"]): row for row in targets}, seeds)
