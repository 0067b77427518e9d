"""Rows of what is held against something else, patient by patient: members as non-members, one experiment another."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.measure.intervals import PairedDifference, paired_difference
from remnant.measure.multiplicity import holm
from remnant.studies.subbanna2021.search import Search

GROUPS = ("member", "non_member")
STATISTICS = ("own", "margin")


def leak(key: Row, firsts: dict[str, Search], statistic: str, seeds: Seeds) -> Row:
    """Members minus the same patients as non-members: their similarity to the `own` original, or its `margin` over others.

    The two can part: a target trained too long hands out latents that a decoder made for others draws worse, and that are
    the easier to tell apart.
    """
    # By a number that does not change with the run's key: a bootstrap depends on the order of its patients.
    number = {pseudonym: f"{i:06d}" for i, pseudonym in enumerate(firsts["member"].pseudonyms)}
    member, non_member = (
        {number.get(who, who): score for who, score in zip(found.pseudonyms, _statistic(found, statistic), strict=True)}
        for found in (firsts[group] for group in GROUPS)
    )
    return {**key, "statistic": statistic, **_columns(paired_difference(member, non_member, seeds.numpy()))}


def looked_at_together(rows: list[Row]) -> list[Row]:
    """The rows of `leak` with `holm_p`: each p-value beside those of all measures and statistics of one attack on one network."""
    families: dict[tuple[Value, ...], list[Row]] = {}
    for row in rows:
        families.setdefault((row["network"], row["decoder"]), []).append(row)
    return [
        {**row, "holm_p": number(p)}
        for family in families.values()
        for row, p in zip(family, holm([math.nan if row["p"] is None else row["p"] for row in family]), strict=True)
    ]


def _statistic(found: Search, statistic: str) -> list[float]:
    scores = found.own_scores if statistic == "own" else found.own_scores - np.nanmax(found.others, axis=1)
    return scores.tolist()


def comparison(scores: list[Row], network: str, experiments: Sequence[str], seeds: Seeds) -> Iterator[Row]:
    """Every other experiment minus the first, by the margin of the own original over the best other, paired by patient."""
    margins: dict[tuple[Value, ...], dict[str, float]] = {}
    for row in scores:
        if row["network"] == network:
            key = (row["decoder"], row["metric"], row["group"])
            # By place instead of pseudonym: a bootstrap depends on the order of its patients, and pseudonyms on the key.
            held = margins.setdefault(key, {})
            held[row["pseudonym"]] = row["own"] - row["best_other"]
    for (experiment, metric, group), held in margins.items():
        first = margins.get((experiments[0], metric, group))
        if experiment == experiments[0] or not first:
            continue
        # An experiment on few patients is held against the same few.
        number = {pseudonym: f"{i:06d}" for i, pseudonym in enumerate(first) if pseudonym in held}
        here, there = (
            {number[who]: margin for who, margin in values.items() if who in number} for values in (held, first)
        )
        found = paired_difference(here, there, seeds.child(str(experiment), str(metric), str(group)).numpy())
        yield {
            "network": network,
            "decoder": experiment,
            "against": experiments[0],
            "metric": metric,
            "group": group,
            "margin": float(np.mean(list(here.values()))),
            "margin_against": float(np.mean(list(there.values()))),
            **_columns(found),
        }


def _columns(found: PairedDifference) -> Row:
    return {
        "n": found.n,
        "difference": found.difference,
        "low": number(found.low),
        "high": number(found.high),
        "p": number(found.p),
        "detectable": number(found.detectable),
    }
