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
from remnant.defenses.privacynet.networks import load_discriminator
from remnant.defenses.privacynet.view import View
from remnant.measure.verification import best_threshold
from remnant.studies.kim2019.attacking import epoch_log
from remnant.studies.kim2019.kept import QUERIED, STUDY, Identity, Role, Scans, Scores, keep, kept
from remnant.studies.kim2019.roles import names_of, pairs_of, tensor
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name
from remnant.targets.access import Codes

QUERIES = "queries"
# The adversary that bends one image onto the other, and looks how like they are then.
REGISTERED = "registered"


def queries_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Pairs of scans of which the server saw several codes each: what adversaries say on average, and of the codes' mean."""
    scans, loaded, seeds = kept(run, Scans, STUDY), View.load(folder), Seeds(seed).child(QUERIES)
    test, count = queried(scans, "test", attack.queried), attack.queries.queries
    tested = pairs_of(scans, test, attack.negatives, seeds.child("test"))
    report = epoch_log(run, cell_name(QUERIES, variant))
    # One seed of each, as there are two ways to look.
    adversaries = attack.adversaries.changed(seeds=1)

    def kept_as(view: str, own: Sequence[int], training: Sequence[Pair], found: dict[str, Scored]) -> None:
        scores = {
            # Retrieval is by codes; of several looks there is none for a scan.
            name: Scores(each.training, each.test, each.threshold, np.empty((len(test), 0)))
            for name, each in found.items()
        }
        whose = tuple(scans.patients[i] for i in test)
        pairs = (names_of(scans, own, training), names_of(scans, test, tested))
        keep(run, Identity(variant, view, scans.kind, count, *pairs, whose, scores))

    fresh = loaded.watched("code", seeds.child("sent"))
    sent = looks(fresh, tensor(scans, test), count)
    everybody = scans.where("training").tolist()
    training = pairs_of(scans, everybody, attack.negatives, seeds.child("everybody"))
    found = adversary_scores(
        Codes(fresh, sent),
        tensor(scans, everybody),
        [scans.patients[i] for i in everybody],
        training,
        pairs_of_looks(tested, count),
        adversaries,
        seeds.child("adversaries"),
        report,
        (load_discriminator(folder), loaded.patch),
        attack.looks,
    )
    averages = {name: replace(each, test=averaged(each.test, count)) for name, each in found.items()}
    kept_as(QUERIED[0], everybody, training, averages)

    # Registering takes its time, so that fewer are learnt from.
    own = queried(scans, "training", attack.queried)
    training = pairs_of(scans, own, attack.negatives, seeds.child("training"))
    mine, theirs = (
        _means(codes, attack, scans.spacing_mm) for codes in (looks(fresh, tensor(scans, own), count), sent)
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
        adversaries,
        seeds.child("adversaries"),
        report,
    )
    kept_as(QUERIED[1], own, training, {REGISTERED: registered} | found)
    return {}


def queried(scans: Scans, role: Role, patients: int) -> list[int]:
    """The first two visits of so many patients of a role, those before others who came twice: a pair of one needs two."""
    chosen = [int(i) for i in scans.where(role) if scans.visits[i] <= 2]
    came = Counter(scans.patients[i] for i in chosen)
    first = sorted(came, key=lambda patient: -came[patient])[:patients]
    return [i for i in chosen if scans.patients[i] in first]


def _means(codes: Tensor, attack: AttackSettings, spacing_mm: float) -> Tensor:
    with torch.no_grad():
        return groupwise_means(codes, attack.queries, spacing_mm)
