"""Flat rows of every table, from the cells' results. Nothing here trains, draws or reads an image."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from remnant.attacks.decoder import DECODERS
from remnant.base.results import Row, Value, number
from remnant.base.seeds import Seeds
from remnant.measure.identity import rank_histogram
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.multiplicity import holm
from remnant.measure.overlap import mean_dice
from remnant.studies import published
from remnant.studies.membership_tables import membership_tables
from remnant.studies.subbanna2021.contrasts import GROUPS, STATISTICS, comparison, leak, looked_at_together
from remnant.studies.subbanna2021.galleries import gallery_size, metrics_compared
from remnant.studies.subbanna2021.membership import outputs_tested
from remnant.studies.subbanna2021.recovered import recovered_rows
from remnant.studies.subbanna2021.search import FoldsSearch, search

Cells = dict[str, dict[str, Any]]
MEAN_IMAGE = "mean_image"  # in place of a decoder: the search by the attacker's mean image


def make_tables(
    cells: Cells, networks: Sequence[str], experiments: Sequence[str], seeds: Seeds
) -> dict[str, list[Row]]:
    """Every table of results.json but `training`, as lists of flat rows; `decoder` is the experiment's name."""
    tables: dict[str, list[Row]] = {
        name: []
        for name in (
            "similarity",
            "identification",
            "ranks",
            "other_session",
            "dice",
            "leak",
            "exposed",
            "scores",
            "comparison",
            "metrics",
            "gallery_size",
            "gallery_half",
            "response",
            "recovered",
        )
    }
    for network in networks:
        for decoder in experiments:
            attacks = [
                cell for cell in cells.values() if (cell.get("network"), cell.get("experiment")) == (network, decoder)
            ]
            if not attacks:
                continue
            groups = [group for group in GROUPS if any(group in cell["groups"] for cell in attacks)]
            bent = [cell for cell in cells.values() if (cell.get("network"), cell.get("bent")) == (network, decoder)]
            sources = dict.fromkeys(attacks[0]["similarity"], attacks) | ({"deformation": bent} if bent else {})
            for metric, source in sources.items():
                key: Row = {"network": network, "decoder": decoder, "metric": metric}
                branch = seeds.child("tables", network, decoder, metric)
                firsts = {group: search(source, metric, group, 1, 1) for group in groups}
                for group, found in firsts.items():
                    here = {**key, "group": group}
                    tables["similarity"].append(_similarity(here, found, branch.child(group)))
                    tables["identification"].append(_identification(here, found, branch.child(group)))
                    if decoder == experiments[0]:
                        guess = replace(found, scores=found.mean_image)
                        tables["identification"].append(
                            _identification({**here, "decoder": MEAN_IMAGE}, guess, branch.child(group, "mean"))
                        )
                    tables["ranks"] += _ranks(here, found)
                    others = search(source, metric, group, 1, 2)
                    tables["scores"] += _scores(here, found, others)
                    for direction, (session, sought) in {
                        "second->first": (2, 1),
                        "first->second": (1, 2),
                    }.items():
                        row = _other_session(
                            {**here, "direction": direction}, search(source, metric, group, session, sought)
                        )
                        tables["other_session"] += row
                    if metric == "ssim" and decoder == experiments[0]:
                        curve, half = gallery_size(here, found, branch.child(group, "gallery"))
                        tables["gallery_size"] += curve
                        tables["gallery_half"] += half
                if len(groups) == 2:
                    tables["leak"] += [leak(key, firsts, which, branch.child("leak")) for which in STATISTICS]
            tables["dice"] += _dice(network, decoder, attacks, groups, seeds.child("dice", network, decoder))
        tables["metrics"] += metrics_compared(tables["identification"], network, experiments[0])
        tables["exposed"] += _exposed(tables["scores"], network, experiments[0])
        tables["comparison"] += comparison(tables["scores"], network, experiments, seeds.child("comparison", network))
    tables["identification"] = identified_together(tables["identification"])
    tables["leak"] = looked_at_together(tables["leak"])
    tables["comparison"] = looked_at_together(tables["comparison"])
    tables |= membership_tables(outputs_tested(cells, seeds.child("membership")))
    tables["recovered"] = recovered_rows(cells)
    tables["response"] = cells["damage"]["response"] if "damage" in cells else []
    return tables


def _similarity(key: Row, found: FoldsSearch, seeds: Seeds) -> Row:
    own = bootstrap_mean(found.own_scores, seeds.child("own").numpy())
    others = np.nanmean(found.others, axis=1)
    rows = np.arange(len(found.own))
    mean_image = bootstrap_mean(found.mean_image[rows, found.own], seeds.child("mean_image").numpy())
    paper = published.SUBBANNA2021_SIMILARITY.get(_in_paper(key), {})
    row: Row = {
        **key,
        "n": own.n,
        "own": own.mean,
        "own_sd": _spread(found.own_scores),
        "own_low": number(own.low),
        "own_high": number(own.high),
        "others": float(others.mean()),
        "others_sd": _spread(found.others[np.isfinite(found.others)]),
        "mean_image": mean_image.mean,
        "mean_image_low": number(mean_image.low),
        "mean_image_high": number(mean_image.high),
        "published": paper.get("own"),
        "published_others": paper.get("others"),
    }
    return _in_millimetres(row) if key["metric"] == "deformation" else row


def _in_millimetres(row: Row) -> Row:
    """A row of similarities that are negative displacements, with displacements."""
    names = ("own", "others", "mean_image", "own_low", "own_high", "mean_image_low", "mean_image_high")
    positive = {name: None if row[name] is None else -row[name] for name in names}
    for name in ("own", "mean_image"):
        positive[f"{name}_low"], positive[f"{name}_high"] = positive[f"{name}_high"], positive[f"{name}_low"]
    return row | positive


def _identification(key: Row, found: FoldsSearch, seeds: Seeds) -> Row:
    rate, auc = found.rank1(), found.auc(seeds.numpy())
    paper = _in_paper(key)
    first = published.SUBBANNA2021_RANK1.get(paper)
    return {
        "network": key["network"],
        "metric": key["metric"],
        "decoder": key["decoder"],
        "group": key["group"],
        "n": rate.n,
        "gallery": found.gallery,
        "rank1": rate.mean,
        "rank1_low": rate.low,
        "rank1_high": rate.high,
        "rank1_count": found.count,
        "mean_rank": found.mean_rank,
        "auc": number(auc.mean),
        "auc_low": number(auc.low),
        "auc_high": number(auc.high),
        "chance": found.chance,
        "p": number(found.p),
        "chance_mean_rank": found.chance_mean_rank,
        "published_rank1": None if first is None else first / published.SUBBANNA2021_PATIENTS,
        "published_mean_rank": published.SUBBANNA2021_MEAN_RANK.get(paper),
    }


def identified_together(rows: list[Row]) -> list[Row]:
    """The rows of `identification` with `holm_p`: the exact one-sided p-values of all attacks together."""
    attacks = [row for row in rows if row["decoder"] != MEAN_IMAGE]
    adjusted = iter(holm([math.nan if row["p"] is None else row["p"] for row in attacks]))
    return [{**row, "holm_p": None if row["decoder"] == MEAN_IMAGE else number(next(adjusted))} for row in rows]


def _ranks(key: Row, found: FoldsSearch) -> list[Row]:
    counts = rank_histogram(found.ranks, found.gallery)
    paper = published.SUBBANNA2021_RANKS[key["network"]] if _in_paper(key) == (key["network"], "ssim") else ()
    return [
        {
            **key,
            "rank": rank,
            "count": int(count),
            "published": paper[rank - 1] if rank <= len(paper) else None,
        }
        for rank, count in enumerate(counts, start=1)
    ]


def _scores(key: Row, found: FoldsSearch, others: FoldsSearch) -> list[Row]:
    other_ranks = dict(zip(others.pseudonyms, others.ranks.tolist(), strict=True)) if others.pseudonyms else {}
    rows = []
    for i, pseudonym in enumerate(found.pseudonyms):
        rows.append(
            {
                **key,
                "pseudonym": pseudonym,
                "session": "1",
                "own": float(found.own_scores[i]),
                "others_mean": float(np.nanmean(found.others[i])),
                "best_other": float(np.nanmax(found.others[i])),
                "mean_image": float(found.mean_image[i, found.own[i]]),
                "rank": float(found.ranks[i]),
                "other_session_rank": other_ranks.get(pseudonym),
            }
        )
    return rows


def _other_session(key: Row, found: FoldsSearch) -> list[Row]:
    if not found.pseudonyms:
        return []
    rate = found.rank1()
    return [
        {
            **key,
            "n": rate.n,
            "gallery": found.gallery,
            "rank1": rate.mean,
            "rank1_low": rate.low,
            "rank1_high": rate.high,
            "rank1_count": found.count,
            "chance": found.chance,
        }
    ]


def _dice(network: str, decoder: str, attacks: list[dict[str, Any]], groups: list[str], seeds: Seeds) -> Iterator[Row]:
    classes = attacks[0]["classes"]
    for group in groups:
        for image in attacks[0]["dice"]:
            values = np.array(
                [
                    [np.nan if value is None else value for value in row]
                    for cell in attacks
                    for row, own_group, session in zip(
                        cell["dice"][image], cell["groups"], cell["sessions"], strict=True
                    )
                    if own_group == group and session == 1
                ]
            )
            columns = {"mean": mean_dice(values)} | {name: values[:, i] for i, name in enumerate(classes) if i > 0}
            for name, column in columns.items():
                held = column[np.isfinite(column)]
                mean = bootstrap_mean(held, seeds.child(group, image, name).numpy())
                known = name == "mean" and decoder in DECODERS
                paper = published.SUBBANNA2021_DICE.get((network, image)) if known else None
                yield {
                    "network": network,
                    "decoder": decoder,
                    "group": group,
                    "image": image,
                    "class": name,
                    "n": mean.n,
                    "dice": number(mean.mean),
                    "sd": _spread(held),
                    "low": number(mean.low),
                    "high": number(mean.high),
                    "published": paper,
                }


def _exposed(scores: list[Row], network: str, decoder: str, most: int = 6) -> list[Row]:
    """The patients whose reconstruction stands out most from everybody else's, by SSIM."""
    key = {"network": network, "decoder": decoder, "metric": "ssim"}
    rows = [
        {
            **key,
            **{name: row[name] for name in ("pseudonym", "group", "own", "best_other", "rank")},
            "margin": row["own"] - row["best_other"],
        }
        for row in scores
        if key.items() <= row.items()
    ]
    return sorted(rows, key=lambda row: -row["margin"])[:most]


def _in_paper(key: Row) -> tuple[Value, Value] | None:
    """What the published numbers of a row are listed under; None for experiments that the paper has no table of."""
    return (key["network"], key["metric"]) if key["decoder"] in DECODERS else None


def _spread(values: np.ndarray) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
