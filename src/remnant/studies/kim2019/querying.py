"""The same patients sent many times with fresh secrets: the attack that a secret at the client has to stand."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.adversaries import Scored, adversary_scores
from remnant.attacks.queries import averaged, groupwise_means, looks, pairs_of_looks, registered_scores
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair
from remnant.cohort.scans import Role, Scans, names_of, pairs_of, tensor
from remnant.defenses.privacynet.networks import load_discriminator
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import epoch_log
from remnant.measure.verification import best_threshold
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import QUERIED, STUDY, Identity, Scores
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name
from remnant.targets.access import Codes

QUERIES = "queries"
AVERAGED, REGISTERED_MEAN = f"{QUERIES}-averaged", f"{QUERIES}-registered"
# Scans by their places, and pairs of them.
Asked = tuple[Sequence[int], Sequence[Pair]]
# The adversary that bends one image onto the other, and looks how like they are then.
REGISTERED = "registered"


def averaged_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Pairs of scans of which the server saw several codes each: what adversaries say of all pairs of codes, on average."""
    scans, loaded, seeds = kept(run, Scans, STUDY), View.load(folder), Seeds(seed).child(QUERIES)
    test, count = queried(scans, "test", attack.queried), attack.queries.queries
    own = scans.where("training").tolist()
    training = pairs_of(scans, own, attack.negatives, seeds.child("everybody"))
    tested = pairs_of(scans, test, attack.negatives, seeds.child("test"))
    found = adversary_scores(
        Codes(loaded.watched("code", seeds.child("own")), _sent(loaded, scans, test, attack, seeds)),
        tensor(scans, own),
        [scans.patients[i] for i in own],
        training,
        pairs_of_looks(tested, count),
        attack.adversaries,
        seeds.child("adversaries"),
        epoch_log(run, cell_name(AVERAGED, variant)),
        (load_discriminator(folder), loaded.patch),
        attack.looks,
        scans.spacing_mm if loaded.encoder is None else None,
    )
    averages = {name: replace(each, test=averaged(each.test, count)) for name, each in found.items()}
    _keep(run, scans, variant, QUERIED[0], count, (own, training), (test, tested), averages)
    return {}


def registered_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """The same pairs: what adversaries make of each scan's codes once these are bent onto each other and averaged."""
    scans, loaded, seeds = kept(run, Scans, STUDY), View.load(folder), Seeds(seed).child(QUERIES)
    # Registering takes its time, so that fewer are learnt from.
    own, test = (queried(scans, role, attack.queried) for role in ("training", "test"))
    training, tested = (
        pairs_of(scans, chosen, attack.negatives, seeds.child(name))
        for chosen, name in ((own, "training"), (test, "test"))
    )
    mine, theirs = (
        _means(_sent(loaded, scans, chosen, attack, seeds), attack, scans.spacing_mm) for chosen in (own, test)
    )
    bent = [registered_scores(*each, scans.spacing_mm) for each in ((mine, training), (theirs, tested))]
    registered = Scored(*bent, best_threshold(bent[0], names_of(scans, own, training)))
    found = adversary_scores(
        # What the attacker made of its own scans is looked at as it is.
        Codes(lambda means: means, theirs),
        mine,
        [scans.patients[i] for i in own],
        training,
        tested,
        # One seed of each, for the time.
        attack.adversaries.changed(seeds=1),
        seeds.child("adversaries"),
        epoch_log(run, cell_name(REGISTERED_MEAN, variant)),
        spacing_mm=scans.spacing_mm if loaded.encoder is None else None,
    )
    found = {REGISTERED: registered} | found
    _keep(run, scans, variant, QUERIED[1], attack.queries.queries, (own, training), (test, tested), found)
    return {}


def _sent(loaded: View, scans: Scans, chosen: list[int], attack: AttackSettings, seeds: Seeds) -> Tensor:
    """The codes of the chosen scans, each sent many times."""
    return looks(loaded.watched("code", seeds.child("sent", *chosen)), tensor(scans, chosen), attack.queries.queries)


def _keep(
    run: Run,
    scans: Scans,
    variant: str,
    view: str,
    queries: int,
    own: Asked,
    test: Asked,
    found: dict[str, Scored],
) -> None:
    scores = {
        # Retrieval is by codes; of several looks there is none for a scan.
        name: Scores(each.training, each.test, each.threshold, np.empty((len(test[0]), 0)))
        for name, each in found.items()
    }
    whose = tuple(scans.patients[i] for i in test[0])
    keep(
        run, Identity(variant, view, scans.kind, queries, names_of(scans, *own), names_of(scans, *test), whose, scores)
    )


def queried(scans: Scans, role: Role, patients: int) -> list[int]:
    """The first two visits of so many patients of a role, those before others who came twice: a pair of one needs two."""
    chosen = [int(i) for i in scans.where(role) if scans.visits[i] <= 2]
    came = Counter(scans.patients[i] for i in chosen)
    first = sorted(came, key=lambda patient: -came[patient])[:patients]
    return [i for i in chosen if scans.patients[i] in first]


def _means(codes: Tensor, attack: AttackSettings, spacing_mm: float) -> Tensor:
    with torch.no_grad():
        return groupwise_means(codes, attack.queries, spacing_mm)
