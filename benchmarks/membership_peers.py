"""Attacks by shadow models, ours and those of PrivacyGuard, SACRO-ML and ART, on the same patients by the same networks.

    python benchmarks/membership_peers.py data/cxr_private [--networks runs/membership_peers] [--swaps 16]
        [--out docs/results/membership/peers.json]

Wants `pip install --no-deps` of `adversarial-robustness-toolbox` and `six` beside what `make setup` installs. 170 patients of
the study lee2025 train a ResNet18 each time by halves, without and with what keeps it from learning them by heart. Every network
is the target once; its shadow models are networks of other swaps, drawn anew for it, of which every patient trained half. All
attacks score the same radiograph of a patient, his first, and read his label; the study's validation patients are a population
that no network was trained on. Networks and what was said of each target are kept and not made again.

Intervals are Student's t over the swaps, whose two networks learned from the two halves. Networks share shadow models, so that
they are not quite independent.
"""

import argparse
import importlib.metadata
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peer_attacks import ALONE, OURS, PEERS, THEIRS, Asked, Score, quiet
from _peer_networks import EPOCHS, QUERIES, SEED, SIDE, TRAININGS, Network, over_swaps, people, train_networks

from remnant.base import provenance
from remnant.base.files import read_json, write_json
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.auc import mann_whitney_auc
from remnant.measure.tpr import true_positive_rate

SHADOWS = (4, 8, 16)
RATE = 0.1
CHOSEN = "hierarchical, image and 3 shifts weighed"  # beforehand: the primary test of an audit
SLOW = {("ART", "black box, nn, of shadow models")}  # a minute of 16 shadow models: by the fewest alone
Attacks = dict[tuple[str, str], Score]
BY_SHADOWS: Attacks = {
    (who, name): one for who, own in (("Remnant", OURS), *THEIRS.items()) for name, one in own.items()
}
WITHOUT: Attacks = {(who, name): one for who, own in ALONE.items() for name, one in own.items()}


def asked_of(
    networks: Sequence[Network], target: int, shadows: Sequence[int], candidates: Images, others: Images
) -> Asked:
    """What the attacks read of a target, a network's number, and of its `shadows`."""
    labels, theirs = (np.asarray(group.labels) for group in (candidates, others))
    margins = [network.logits * (2 * labels - 1)[:, None] for network in networks]
    of_others = [network.of_others * (2 * theirs - 1) for network in networks]
    return Asked(
        margins=margins[target],
        of_shadows=np.stack([margins[i] for i in shadows], axis=1),
        trained=np.stack([networks[i].trained for i in shadows], axis=1),
        own=networks[target].trained,
        labels=labels,
        images=candidates.images.flatten(1).numpy(),
        margins_of_others=of_others[target],
        others_of_shadows=np.stack([of_others[i] for i in shadows], axis=1),
        labels_of_others=theirs,
        images_of_others=others.images.flatten(1).numpy(),
    )


def scored(networks: Sequence[Network], target: int, candidates: Images, others: Images) -> list[dict[str, Any]]:
    """A row an attack and number of shadow models, 0 of those that have none: AUC and true positive rate on the target."""
    swaps = np.delete(np.arange(len(networks) // 2), target // 2)
    order = Seeds(SEED).child("peers", "shadows", target).numpy().permutation(swaps)
    rows = []
    for count in (0, *SHADOWS):
        shadows = [2 * swap + side for swap in order[: max(1, count // 2)] for side in (0, 1)]
        asked = asked_of(networks, target, shadows, candidates, others)
        for (who, name), score in (BY_SHADOWS if count else WITHOUT).items():
            if (who, name) in SLOW and count > SHADOWS[0]:
                continue
            with quiet():
                values = score(asked)
            groups = values[asked.own], values[~asked.own]
            found = {"auc": mann_whitney_auc(*groups).mean, "tpr": true_positive_rate(*groups, RATE).mean}
            rows.append({"by": who, "attack": name, "shadow_models": count, **found})
    return rows


def compared(training: str, by_target: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of an attack and number of shadow models over all targets. `ahead`: by how much the chosen attack, by as many as
    `against` says, is above it."""
    values = {
        (row["shadow_models"], row["by"], row["attack"]): {
            statistic: np.array([rows[place][statistic] for rows in by_target]) for statistic in ("auc", "tpr")
        }
        for place, row in enumerate(by_target[0])
    }
    table = []
    for (count, who, name), own in values.items():
        for against in [count] if count else SHADOWS:
            best = values[against, "Remnant", CHOSEN]
            found = {statistic: over_swaps(own[statistic]) for statistic in own}
            found |= {f"{statistic}_ahead": over_swaps(best[statistic] - own[statistic]) for statistic in own}
            row = {"training": training, "by": who, "attack": name, "shadow_models": count, "against": against}
            table.append(row | found)
    return table


def accuracy(training: str, networks: Sequence[Network], candidates: Images, others: Images) -> dict[str, Any]:
    """A row: balanced accuracy of members, non-members and others, over all networks."""

    def balanced(right: np.ndarray, labels: np.ndarray) -> float:
        return float(np.mean([right[labels == label].mean() for label in (0, 1)]))

    labels, theirs = (np.asarray(group.labels) for group in (candidates, others))
    groups: dict[str, list[float]] = {"members": [], "non_members": [], "others": []}
    for network in networks:
        right = (network.logits[:, 0] > 0) == (labels == 1)
        for name, side in (("members", network.trained), ("non_members", ~network.trained)):
            groups[name].append(balanced(right[side], labels[side]))
        groups["others"].append(balanced((network.of_others > 0) == (theirs == 1), theirs))
    found = {name: over_swaps(np.array(values)) for name, values in groups.items()}
    return {"training": training, "networks": len(networks), "epochs": EPOCHS[training], **found}


def main() -> None:
    """Train what is not there, score every target by every attack, and write the tables as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--networks", type=Path, default=Path("runs/membership_peers"))
    parser.add_argument("--swaps", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("docs/results/membership/peers.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    candidates, others = people(options.data)
    rows, accuracies = [], []
    for training, networks in train_networks(options.networks, options.swaps, candidates, others).items():
        by_target = []
        for target in range(len(networks)):
            path = options.networks / f"{training}-{target}-of-{options.swaps}.json"
            if not path.exists():
                write_json(path, {"rows": scored(networks, target, candidates, others)})
                print(path.name, flush=True)
            by_target.append(read_json(path)["rows"])
        rows += compared(training, by_target)
        accuracies.append(accuracy(training, networks, candidates, others))
    write_json(
        options.out,
        {
            "command": shlex.join(["python", *sys.argv]),
            "patients": len(candidates),
            "population": len(others),
            "side": SIDE,
            "queries": QUERIES,
            "seed": SEED,
            "rate": RATE,
            "chosen": CHOSEN,
            "defenses": TRAININGS,
            "hardware": provenance.hardware(),
            "versions": provenance.versions()
            | {package: importlib.metadata.version(package) for package in PEERS.values()},
            "tables": {"accuracy": accuracies, "peers": rows},
        },
    )


if __name__ == "__main__":
    main()
