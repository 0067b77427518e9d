"""The attacks on what the server sees of one variant: whose is it, what did the scan look like, how old, which sex."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from remnant.attacks.adversaries import adversary_scores
from remnant.attacks.decoder import reconstruct
from remnant.attacks.people import read_people, train_people
from remnant.attacks.redraw import train_redrawer
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair
from remnant.defenses.privacynet.networks import load_discriminator
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import EpochReport
from remnant.measure.deformation import displacement_matrix
from remnant.measure.images import union_box
from remnant.measure.similarity import MATRICES
from remnant.studies.kim2019.kept import (
    KINDS,
    RAW,
    STUDY,
    VIEWS,
    Identity,
    Inversion,
    People,
    Scans,
    Scores,
    Views,
    keep,
    kept,
)
from remnant.studies.kim2019.kept import View as Seen
from remnant.studies.kim2019.roles import first_visits, names_of, pairs_of, tensor
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name
from remnant.targets.access import Codes

IDENTITY, INVERSION, PEOPLE = "identity", "inversion", "people"
# Half an SSIM window around the heads, so that every voxel of a head is the centre of a window.
BOX_MARGIN = 5


def identity_cell(
    run: Run, variant: str, view: Seen, folder: Path | None, attack: AttackSettings, seed: int
) -> dict[str, Any]:
    """Every adversary on pairs of test scans, of real visits too where the study's own are simulated.

    Without a `folder` of networks on the scans themselves, as a control.
    """
    scans, seeds = kept(run, Scans, STUDY), Seeds(seed).child(IDENTITY)
    loaded = View.load(folder) if folder else View(None, nn.Identity(), None, 1, scans.spacing_mm)
    own = scans.where("training")
    training = pairs_of(scans, own, attack.negatives, seeds.child("training"))
    # All kinds of test scans in one list, so that one training of the adversaries serves all.
    tested: list[int] = []
    pairs: dict[str, list[Pair]] = {}
    places: dict[str, slice] = {}
    for kind in KINDS:
        chosen = scans.where("test", kind)
        if not len(chosen):
            continue
        start = len(tested)
        places[kind] = slice(start, start + len(chosen))
        pairs[kind] = [
            Pair(pair.anchor + start, pair.other + start, pair.same)
            for pair in pairs_of(scans, chosen, attack.negatives, seeds.child("test", kind))
        ]
        tested += chosen.tolist()
    found = adversary_scores(
        access_of(run, view, loaded, tested, variant, seeds),
        tensor(scans, own),
        [scans.patients[i] for i in own],
        training,
        [pair for some in pairs.values() for pair in some],
        attack.adversaries,
        # The same branch for all variants: the same adversary as on raw scans, with the same budget and seeds.
        seeds.child("adversaries"),
        epoch_log(run, cell_name(IDENTITY, variant, view)),
        (load_discriminator(folder), loaded.patch) if folder and view == "code" else None,
        attack.looks if loaded.secret else 1,
        # Codes of an encoder show no head.
        scans.spacing_mm if loaded.encoder is None else None,
    )
    start = 0
    for kind, some in pairs.items():
        here, part = slice(start, start + len(some)), places[kind]
        start += len(some)
        adversaries = {
            name: Scores(
                each.training,
                each.test[here],
                each.threshold,
                np.empty((part.stop - part.start, 0)) if each.embeddings is None else each.embeddings[part],
            )
            for name, each in found.items()
        }
        keep(
            run,
            Identity(
                variant,
                view,
                kind,
                1,
                names_of(scans, own, training),
                names_of(scans, tested, some),
                tuple(scans.patients[i] for i in tested[part]),
                adversaries,
            ),
        )
    return {}


def inversion_cell(
    run: Run, variant: str, view: Seen, folder: Path, attack: AttackSettings, seed: int
) -> dict[str, Any]:
    """Redraw the first two visits of each test patient out of one view, and hold them against these patients' scans."""
    scans, seeds = kept(run, Scans, STUDY), Seeds(seed).child(INVERSION)
    test = [i for i in scans.where("test") if scans.visits[i] <= 2]
    own, originals = tensor(scans, scans.where("training")), scans.images[test, 0]
    access = access_of(run, view, View.load(folder), test, variant, seeds)
    model = train_redrawer(
        access, own, attack.redraw, seeds.child("decoder"), epoch_log(run, cell_name(INVERSION, variant, view))
    )
    drawn = reconstruct(model, access.codes)[:, 0].numpy()
    mean, box = own.mean(0).numpy(), union_box(originals, margin=BOX_MARGIN)
    ssim = MATRICES["ssim"]
    firsts = first_visits(scans, test)[: attack.displaced]
    displaced = np.array([test.index(i) for i in firsts], int)
    moved = np.empty((0, 0))
    if len(displaced):
        some = np.concatenate([drawn[displaced], mean])
        moved = displacement_matrix(some, originals[displaced], scans.spacing_mm)
    keep(
        run,
        Inversion(
            variant,
            view,
            tuple(scans.patients[i] for i in test),
            scans.visits[test],
            ssim.matrix(drawn, originals, box=box),
            ssim.matrix(mean, originals, box=box)[0],
            ssim.matrix(originals, originals, box=box),
            displaced,
            moved[:-1],
            moved[-1] if len(displaced) else np.empty(0),
            ssim.describe(originals.shape[1:], box),
        ),
    )
    return {}


def people_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Age and sex as read from either view, of test scans whose both are known."""
    scans, seeds = kept(run, Scans, STUDY), Seeds(seed).child(PEOPLE)
    own = scans.where("training")
    learnt = people_known(scans)
    test = [
        i
        for i in scans.where("test")
        if not (learnt[0] and np.isnan(scans.ages[i])) and not (learnt[1] and not scans.sexes[i])
    ]
    loaded = View.load(folder)
    for view in VIEWS:
        access = access_of(run, view, loaded, test, variant, seeds)
        model = train_people(
            access,
            tensor(scans, own),
            scans.ages[own],
            [{"M": True, "F": False}.get(scans.sexes[i]) for i in own],
            [scans.patients[i] for i in own],
            attack.people,
            seeds.child("reader"),
            epoch_log(run, cell_name(PEOPLE, variant)),
            attack.looks if loaded.secret else 1,
        )
        ages, male = read_people(model, access.codes)
        actual = np.array([scans.sexes[i] == "M" for i in test], bool)
        keep(
            run,
            People(
                variant,
                view,
                tuple(scans.patients[i] for i in test),
                ages if learnt[0] else np.empty(0),
                scans.ages[test] if learnt[0] else np.empty(0),
                male if learnt[1] else np.empty(0),
                actual if learnt[1] else np.empty(0, bool),
                float(model.age_mean),
            ),
        )
    return {}


def people_known(scans: Scans) -> tuple[bool, bool]:
    """Whether age and sex can be learnt: two different ages, and both sexes, among the training patients."""
    own = scans.where("training")
    ages = scans.ages[own]
    return len(np.unique(ages[np.isfinite(ages)])) > 1, {"F", "M"} <= {scans.sexes[i] for i in own}


def access_of(run: Run, view: Seen, loaded: View, chosen: list[int], variant: str, seeds: Seeds) -> Codes:
    """What an attacker has: how a scan becomes what is seen, and what was seen of the `chosen` scans."""
    return Codes(loaded.watched(view, seeds.child("own")), seen_of(run, view, loaded, chosen, variant))


def seen_of(run: Run, view: Seen, loaded: View, chosen: list[int], variant: str) -> Tensor:
    """What the server saw of the `chosen` scans: (m, 1, x, y, z) codes, or maps with a channel a class; float32."""
    if variant == RAW and view == "code":
        return tensor(kept(run, Scans, STUDY), chosen)
    views = kept(run, Views, variant)
    if view == "code":
        return torch.from_numpy(views.codes[chosen].astype(np.float32)).unsqueeze(1)
    return loaded.one_hot(torch.from_numpy(views.maps[chosen]))


def epoch_log(run: Run, cell: str) -> EpochReport:
    """Losses of an attack's training, into the log."""

    def report(epoch: int, loss: float, validation: float | None) -> None:
        run.log(cell, "epoch", epoch=epoch + 1, loss=loss, validation=validation)

    return report
