"""The attacks on what the server sees of one variant: whose is it, and what did the scan look like."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from remnant.attacks.adversaries import adversary_scores
from remnant.attacks.decoder import reconstruct
from remnant.attacks.redraw import train_redrawer
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair
from remnant.cohort.scans import KINDS, Scans, first_visits, names_of, pairs_of, tensor
from remnant.defenses.privacynet.networks import load_discriminator
from remnant.defenses.privacynet.view import View
from remnant.engine.loop import epoch_log
from remnant.measure.deformation import displacement_matrix
from remnant.measure.images import union_box
from remnant.measure.similarity import MATRICES
from remnant.studies.kim2019.access import access_of
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import STUDY, Identity, Inversion, Scores
from remnant.studies.kim2019.records import View as Seen
from remnant.studies.kim2019.settings import AttackSettings
from remnant.studies.kim2019.training import cell_name

IDENTITY, INVERSION = "identity", "inversion"
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
