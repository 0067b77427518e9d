"""The cell of the blind baseline: what tells members from non-members without the model."""

from typing import Any

import numpy as np

from remnant.attacks.membership.blind import blind_features
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import batch_of
from remnant.audit.findings.controls import blind_control
from remnant.audit.findings.given import given_of
from remnant.audit.materials.material import Material
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.measure.blind import RESAMPLES, blind_test
from remnant.measure.membership_inference import ALL_ORDERS

BLIND = "blind"
WORDS = "a classifier that never sees the model"
BATCH = 8  # images whose features are timed
FEW = 10  # resamples, which are timed


def blind_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """The blind baseline on the same patients; of a cross-validation, those of each fold against the others."""
    names = tuple(dict.fromkeys(material.candidates.patients))
    roles, groups = np.array([material.roles[name] for name in names]), "the groups"
    if material.folds is not None:
        roles, groups = material.folds.roles(names), "one fold from the others"
    return {"controls": [blind_of(material.candidates, roles, seed, groups).model_dump(mode="json")]}


def blind_of(
    images: Images, roles: np.ndarray, seed: int, groups: str = "the groups", matched: np.ndarray | None = None
) -> Control:
    """The blind baseline on the patients of `images`, each once in the order of their first image, with `roles` (n,) for one
    target or (targets, n) for several, in which they change places; `groups`: which ones it is to distinguish, in words.
    `matched` (n,): a number that a patient shares with those of whom some were dealt to either group."""
    names, features = blind_features(images)
    patients = np.array(images.patients)
    known = {
        name: np.array([np.nan_to_num(np.asarray(values, float)[patients == one], nan=-np.inf).max() for one in names])
        for name, values in images.details.items()
    }
    draw = Seeds(seed).child("audit", "blind").numpy()
    several = features if roles.ndim == 1 else np.broadcast_to(features, (len(roles), *features.shape))
    found = blind_test(several, roles, draw, matched=matched)
    return blind_control(found, given_of(known, roles, images=True), groups=groups)


def blind_piece(material: Material) -> Piece:
    """The piece of the blind baseline, of whatever model: features of each image, and a regression a resample."""
    names = tuple(dict.fromkeys(material.candidates.patients))
    roles = np.array([material.roles[name] for name in names])
    models = material.folds.models if material.folds else 1
    return Piece(BLIND, WORDS, blind_seconds(material.candidates, roles, models), always=True)


def blind_seconds(images: Images, roles: np.ndarray, models: int = 1) -> float:
    """About how many seconds the blind baseline takes here on the patients of `images`, with `roles` (n,) for each of the
    `models`."""
    part = batch_of(images, BATCH)
    features = timed(lambda: blind_features(part)) * len(images) / len(part)
    draw = np.random.default_rng(0)
    table = draw.normal(size=(len(roles), blind_features(part)[1].shape[1]))
    # Of few patients all deals are made, however many are asked for.
    share = 1 if len(roles) <= ALL_ORDERS else RESAMPLES / FEW
    return features + models * share * timed(lambda: blind_test(table, roles, draw, resamples=FEW))
