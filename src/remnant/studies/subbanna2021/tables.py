"""Flat rows of the paper's own tables, from the cells' results. Nothing here trains, draws or reads an image."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from remnant.attacks.decoder import DECODERS
from remnant.audit.findings.compare import comparison_rows
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, Value, matching, number
from remnant.base.seeds import Seeds
from remnant.measure.identity import rank_histogram
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.overlap import mean_dice
from remnant.studies import published
from remnant.studies.frame import Cells
from remnant.studies.subbanna2021.contrasts import GROUPS, STATISTICS, compared, leak, looked_at_together
from remnant.studies.subbanna2021.recovered import recovered_rows
from remnant.studies.subbanna2021.search import FoldsSearch, gallery_size, search

MEAN_IMAGE = "mean_image"  # in place of a decoder: the search by the attacker's mean image
DIRECTIONS = {"second->first": (2, 1), "first->second": (1, 2)}
TABLES = ("similarity", "identification", "ranks", "other_session", "dice", "leak", "exposed", "scores", "metrics")


def make_tables(
    cells: Cells, networks: Sequence[str], experiments: Sequence[str], seeds: Seeds
) -> dict[str, list[Row]]:
    """The paper's own tables as lists of flat rows; `decoder` is the experiment's name."""
    tables: dict[str, list[Row]] = {name: [] for name in (*TABLES, "gallery_size", "gallery_half")}
    contrasts = []
    for network in networks:
        searches: dict[str, dict[tuple[str, str], FoldsSearch]] = {}
        for decoder in experiments:
            here = {"network": network, "decoder": decoder}
            attacks = _of(cells, network, "experiment", decoder)
            if not attacks:
                continue
            groups = [group for group in GROUPS if any(group in cell["groups"] for cell in attacks)]
            bent = _of(cells, network, "bent", decoder)
            sources = dict.fromkeys(attacks[0]["similarity"], attacks) | ({"deformation": bent} if bent else {})
            for metric, source in sources.items():
                branch = seeds.child("tables", network, decoder, metric)
                for group in groups:
                    key: Row = {**here, "metric": metric, "group": group}
                    found = search(source, metric, group, 1, 1)
                    searches.setdefault(metric, {})[decoder, group] = found
                    _searched(tables, key, found, branch, first=decoder == experiments[0])
                    tables["scores"] += _scores(key, found, search(source, metric, group, 1, 2))
                    for direction, sessions in DIRECTIONS.items():
                        again = search(source, metric, group, *sessions)
                        tables["other_session"] += _other_session({**key, "direction": direction}, again)
                if len(groups) == 2:
                    firsts = {group: searches[metric][decoder, group] for group in groups}
                    key = {**here, "metric": metric}
                    tables["leak"] += [leak(key, firsts, which, branch.child("leak")) for which in STATISTICS]
            tables["dice"] += _dice(network, decoder, attacks, groups, seeds.child("dice", network, decoder))
        for metric, own in searches.items():
            key = {"network": network, "metric": metric}
            contrasts += compared(own, key, experiments[0], seeds.child("comparison", network))
        first = {"network": network, "decoder": experiments[0]}
        tables["metrics"] += matching(tables["identification"], first)
        tables["exposed"] += _exposed(matching(tables["scores"], {**first, "metric": "ssim"}))
    tables["leak"] = looked_at_together(tables["leak"])
    response = cells["damage"]["response"] if "damage" in cells else []
    return tables | {"comparison": comparison_rows(contrasts), "recovered": recovered_rows(cells), "response": response}


def _of(cells: Cells, network: str, kind: str, experiment: str) -> list[dict[str, Any]]:
    return [cell for cell in cells.values() if (cell.get("network"), cell.get(kind)) == (network, experiment)]


def _searched(tables: dict[str, list[Row]], key: Row, found: FoldsSearch, branch: Seeds, *, first: bool) -> None:
    """The rows on a search of one group's first scans; of the `first` experiment also how a guess and a crowd do."""
    group = str(key["group"])
    tables["similarity"].append(_similarity(key, found, branch.child(group)))
    tables["identification"].append(_identification(key, found, branch.child(group)))
    tables["ranks"] += _ranks(key, found)
    if not first:
        return
    guess = replace(found, scores=found.mean_image)
    tables["identification"].append(_identification({**key, "decoder": MEAN_IMAGE}, guess, branch.child(group, "mean")))
    if key["metric"] == "ssim":
        curve, half = gallery_size(key, found, branch.child(group, "gallery"))
        tables["gallery_size"] += curve
        tables["gallery_half"] += half


def _similarity(key: Row, found: FoldsSearch, seeds: Seeds) -> Row:
    own = bootstrap_mean(found.own_scores, seeds.child("own").numpy())
    others = np.nanmean(found.others, axis=1)
    rows = np.arange(len(found.own))
    mean_image = bootstrap_mean(found.mean_image[rows, found.own], seeds.child("mean_image").numpy())
    paper = published.SUBBANNA2021_SIMILARITY.get(_in_paper(key), {})
    row: Row = {
        **key,
        "n": own.n,
        **interval_columns("own", own),
        "own_sd": _spread(found.own_scores),
        "others": float(others.mean()),
        "others_sd": _spread(found.others[np.isfinite(found.others)]),
        **interval_columns("mean_image", mean_image),
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
    paper = _in_paper(key)
    first = published.SUBBANNA2021_RANK1.get(paper)
    return {
        **key,
        **_rank1(found),
        "mean_rank": found.mean_rank,
        **interval_columns("auc", found.auc(seeds.numpy())),
        "chance_mean_rank": found.chance_mean_rank,
        "published_rank1": None if first is None else first / published.SUBBANNA2021_PATIENTS,
        "published_mean_rank": published.SUBBANNA2021_MEAN_RANK.get(paper),
    }


def _rank1(found: FoldsSearch) -> Row:
    """How often the right patient is at rank 1, among how many."""
    rate = found.rank1()
    return {
        "n": rate.n,
        "gallery": found.gallery,
        **interval_columns("rank1", rate),
        "rank1_count": found.count,
        "chance": found.chance,
    }


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
    return [{**key, **_rank1(found)}] if found.pseudonyms else []


def _dice(network: str, decoder: str, attacks: list[dict[str, Any]], groups: list[str], seeds: Seeds) -> Iterator[Row]:
    classes = attacks[0]["classes"]
    for group, image in itertools.product(groups, attacks[0]["dice"]):
        values = np.array(
            [
                [np.nan if value is None else value for value in row]
                for cell in attacks
                for row, own_group, session in zip(cell["dice"][image], cell["groups"], cell["sessions"], strict=True)
                if own_group == group and session == 1
            ]
        )
        columns = {"mean": mean_dice(values)} | {name: values[:, i] for i, name in enumerate(classes) if i > 0}
        for name, column in columns.items():
            held = column[np.isfinite(column)]
            mean = bootstrap_mean(held, seeds.child(group, image, name).numpy())
            known = name == "mean" and decoder in DECODERS
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
                "published": published.SUBBANNA2021_DICE.get((network, image)) if known else None,
            }


def _exposed(scores: list[Row], most: int = 6) -> list[Row]:
    """The patients whose reconstruction stands out most from everybody else's."""
    kept = ("network", "decoder", "metric", "pseudonym", "group", "own", "best_other", "rank")
    rows = [{name: row[name] for name in kept} | {"margin": row["own"] - row["best_other"]} for row in scores]
    return sorted(rows, key=lambda row: -row["margin"])[:most]


def _in_paper(key: Row) -> tuple[Value, Value] | None:
    """What the published numbers of a row are listed under; None for experiments that the paper has no table of."""
    return (key["network"], key["metric"]) if key["decoder"] in DECODERS else None


def _spread(values: np.ndarray) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
