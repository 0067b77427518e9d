"""The trainings: each network alone on raw scans, once for all variants, and from there each variant by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.base.provenance import sha256
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep, private_folder
from remnant.cohort.images import Images
from remnant.cohort.prepare.grid import Grid
from remnant.defenses.privacynet.concealing import references_of
from remnant.defenses.privacynet.networks import SEGMENTER, Networks, save_pair
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.training import finish, pretrain, train_adversarially
from remnant.engine.adversarial import TermReport
from remnant.engine.state import load_state, save_state
from remnant.measure.correlation import ncc_matrix
from remnant.measure.roles import MEMBER
from remnant.studies.kim2019.materials import kept_scans, looks_file, material, sent_file
from remnant.studies.kim2019.settings import StudySettings
from remnant.studies.kim2019.variants import VARIANTS, Recipe

PRETRAIN, TRAIN = "pretrain", "train"
TEMPLATE = "template"


def pretrain_cell(run: Run, recipe: Recipe, settings: StudySettings, until: int | None = None) -> dict[str, Any]:
    """Every network of a recipe alone on the raw scans of the training patients; the decoder too, where some variant needs it.

    `until`: no further than this step, for another cell to go on from there.
    """
    shared, name = settings.trained_by(recipe), pretraining(recipe)
    own = [each.hiding for each in VARIANTS.values() if each.recipe == recipe and each.hiding]
    if any(hiding.adversary == "inversion" for hiding in own):
        shared = shared.changed(adversary="inversion")
    everybody = kept_scans(run)
    scans = training_scans(everybody)
    networks = _untrained(shared, len(everybody.classes), settings.seed)
    state = states(run) / f"{name}-going.pt"
    steps = shared.pretraining.steps
    part = shared.changed(pretraining=shared.pretraining.changed(steps=min(steps, until or steps)))
    pretrain(networks, scans, part, Seeds(settings.seed).child("training"), state, term_log(run, name))
    if part != shared:
        return {}
    save_state(states(run) / f"{name}.pt", vars(networks), steps)
    state.unlink()
    return {}


def train_cell(run: Run, variant: str, settings: StudySettings, until: int | None = None) -> dict[str, Any]:
    """One variant, from the pre-trained networks on; its files in RUN/checkpoints/<variant>, each without the other. What it
    sends of every scan is kept for the cells that attack it.

    `until` as in `pretrain_cell`.
    """
    name, recipe = cell_name(TRAIN, variant), VARIANTS[variant].recipe
    own = VARIANTS[variant].settings(settings.trained_by(recipe))
    everybody = kept_scans(run)
    scans = training_scans(everybody)
    networks = _untrained(own, len(everybody.classes), settings.seed)
    load_state(states(run) / f"{pretraining(recipe)}.pt", vars(networks))
    # The same branch for all variants: they see the same patches in the same order.
    seeds, state = Seeds(settings.seed).child("training"), states(run) / f"{name}.pt"
    steps = own.adversarial.steps
    part = own.changed(adversarial=own.adversarial.changed(steps=min(steps, until or steps)))
    train_adversarially(networks, scans, part, seeds, state, term_log(run, name))
    if part != own:
        return {}
    last = states(run) / f"{name}-finishing.pt"
    if own.game.finishing:
        finish(networks, scans, own, seeds, last, term_log(run, name, steps))
    folder = folder_of(run, variant)
    mean = scans.images.mean(0).numpy()
    save_pair(
        folder,
        networks,
        own,
        Grid.of(everybody),
        everybody.classes,
        float(ncc_matrix(scans.images[:, 0].numpy(), mean).min()),
        torch.from_numpy(np.load(template_file(run))) if own.preparation.align else None,
        references_of(scans, own),
    )
    # Once for all cells that attack what is sent: to encode and segment every scan takes minutes.
    made = material(run, variant, settings)
    sent = made.sent
    assert sent
    keep(sent_file(run, variant), sent.all_sent())
    if sent.view.varies:
        keep(looks_file(run, variant), sent.own_looks(made.images.of(made.group(MEMBER)), settings.attack.looks))
    for path in (state, last):
        path.unlink(missing_ok=True)
    return {"checkpoint": f"{variant}/{SEGMENTER}", "sha256": sha256(folder / SEGMENTER)}


def folder_of(run: Run, variant: str) -> Path:
    """Where a variant's networks lie."""
    return run.checkpoints / variant


def template_file(run: Run) -> Path:
    """The mean of the training patients, to which scans are registered."""
    return private_folder(run.path, "scans") / f"{TEMPLATE}.npy"


def training_scans(scans: Images) -> Images:
    """What trainings take: scans of training patients alone."""
    return scans.take(scans.where("training"))


def states(run: Run) -> Path:
    """Where trainings keep what they go on from."""
    return private_folder(run.path, "training")


def cell_name(kind: str, *parts: str) -> str:
    """What a cell is called: `train-published-1`, `pairs-published-1-code`."""
    return "-".join((kind, *parts))


def pretraining(recipe: Recipe) -> str:
    """The cell in which the networks of a recipe are pre-trained."""
    return PRETRAIN if recipe == "ours" else cell_name(PRETRAIN, recipe)


def term_log(run: Run, cell: str, before: int = 0) -> TermReport:
    """Losses of networks that play, into the log, `before` steps of the cell's having been done earlier."""

    def report(step: int, terms: dict[str, float]) -> None:
        run.log(cell, "step", step=before + step, terms=terms)

    return report


def _untrained(net: PrivacyNetSettings, classes: int, seed: int) -> Networks:
    return Networks.untrained(net, classes, Seeds(seed).child("networks"))
