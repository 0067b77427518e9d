"""What attacks on codes take, and what it takes to measure the segmentation: one step of each tried, and multiplied."""

import tempfile
from pathlib import Path

import numpy as np

from remnant.attacks.attack import Attack, Work
from remnant.audit.cells.codes import WORTH
from remnant.audit.cells.model_cells import sides
from remnant.audit.cells.piece import Piece
from remnant.audit.materials.material import Material
from remnant.base.seeds import Seeds
from remnant.cohort.spoilt import CONDITIONS
from remnant.defenses.privacynet.worth import FOLDS, Timing
from remnant.engine.cost import timed
from remnant.measure.roles import NON_MEMBER

# Trainings of each attack: on codes, on their segmentations, on the scans themselves; of a reader on exchanged attributes, too.
VIEWS = {"pair_scores": 3, "reconstructions": 3, "attributes": 4}
SENT_AGAIN = 2  # more, of scans that are sent many times
PATCHES = 2  # steps of a segmenter on patches, as many as a whole scan takes, about


def code_piece(material: Material, attack: Attack, seed: int) -> Piece:
    """The piece of an attack on codes, all of its views and controls together."""
    assert material.sent
    own, others = sides(material, attack)
    few = others.take(range(min(2, len(others))))
    access = material.sent.seen("code", few, np.array([[0, len(few) - 1]]))
    settings = material.settings_of(attack)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Seeds(seed).child("forecast", attack.name), Path(folder))
        if attack.cost:
            seconds = attack.cost(access, own, settings, work)
        else:
            seconds = timed(lambda: attack.run(access, own, settings, work)) * len(others) / len(few)
    views = VIEWS[attack.claim] + SENT_AGAIN * (material.sent.view.secret is not None and attack.claim == "pair_scores")
    drawn = 2 * 2 * len(others) * others.images[0].numel() if attack.claim == "reconstructions" else 0
    return Piece(attack.name, attack.words, seconds * views, drawn)


def worth_piece(material: Material) -> Piece:
    """The piece of what the segmentation is worth."""
    assert material.sent
    sent, others = material.sent, material.images.of(material.group(NON_MEMBER))
    timing = Timing(sent.view)
    look = timed(lambda: timing.look(others.images[0][None], sent.seeds, undo=True))
    scans = len(others) + min(sent.worth.degraded, len(set(others.patients))) * len(CONDITIONS)
    elsewhere = sum(2 * len(set(scans.patients)) for scans in sent.second.values())
    trained = FOLDS * len(sent.second) * sent.worth.retraining.steps / PATCHES
    words = "Dice of patients in no training, on spoilt scans and other cohorts too"
    return Piece(WORTH, words, look * (scans + elsewhere + trained), always=True)
