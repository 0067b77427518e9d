"""`remnant protect train`: from a cohort to an encoder and a segmenter, each in a file of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from remnant.base.files import read_json, write_json
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.store import private_folder
from remnant.cohort.case import Cohort
from remnant.cohort.folds import held_out
from remnant.cohort.pairs import draw_pairs
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.template import Template, build_template
from remnant.cohort.prepare.volumes import prepare
from remnant.cohort.revisit import as_revisited
from remnant.cohort.unchanged import require_unchanged
from remnant.defenses.privacynet.concealing import references_of
from remnant.defenses.privacynet.networks import SEGMENTER, Networks, save_pair
from remnant.defenses.privacynet.settings import PrivacyNetSettings
from remnant.defenses.privacynet.training import finish, pretrain, train_adversarially
from remnant.defenses.privacynet.watched import LossWatch
from remnant.measure.correlation import ncc_matrix

STUDY = "privacynet"
PATIENTS = "patients.json"
DATA = "data"  # what the run calls the cohort that it was begun with
# Where a training that is killed goes on from.
STATES = "training"


def train_privacynet(
    cohort: Cohort,
    settings: PrivacyNetSettings,
    out: Path,
    *,
    resume: bool,
    cache: Path | None = None,
    workers: int = 1,
    quiet: bool = False,
    draw: Callable[[Run], None] = lambda run: None,
) -> Path:
    """Train on the cohort's scans in the run directory `out`; return its folder of checkpoints.

    In it lie the encoder with its template, the segmenter and the discriminator; every loss is in the log, of which `draw` is
    asked for curves every 200 steps. Who was trained on and who was held out stays in
    private/patients.json. A killed run goes on with `resume`, on the same machine to the same weights.
    Raises `RemnantError` as `prepare`, `held_out`, `Run.start` and `require_unchanged` do, and where nobody has two scans.
    """
    seeds = Seeds(settings.seed).child(STUDY)
    training, others = held_out(
        cohort.patients, seeds=seeds.child("split"), share=settings.held_out, sessions=cohort.sessions
    )
    if settings.revisits is None:
        # Refused here, where there are no pairs, nothing of a run stands in the way of a second try.
        draw_pairs([case.patient for case in cohort.of(training).cases], seeds=seeds, positives=1)
    run = Run.start(out, STUDY, settings.resolved(), resume=resume)
    with run:
        require_unchanged(run, {DATA: cohort}, quiet=quiet)
        if not (run.checkpoints / SEGMENTER).exists():
            write_json(run.private / PATIENTS, {"training": training, "held_out": others})
            _train(run, cohort.of(training), settings, seeds, cache, workers, quiet, draw)
        # Also of a run that was killed when all else was done.
        shutil.rmtree(run.private / STATES, ignore_errors=True)
    return run.checkpoints


def patients_of(run: Run) -> dict[str, list[str]]:
    """Whom a run's networks were trained on (`training`) and whom no training saw (`held_out`)."""
    return read_json(run.private / PATIENTS)


def _train(
    run: Run,
    cohort: Cohort,
    settings: PrivacyNetSettings,
    seeds: Seeds,
    cache: Path | None,
    workers: int,
    quiet: bool,
    draw: Callable[[Run], None],
) -> None:
    heads = prepare(
        cohort,
        settings.preparation,
        cache=cache,
        workers=workers,
        quiet=quiet,
        announce=run.keep_note_of,
    )
    template = None
    if settings.preparation.align:
        template = build_template(heads, workers=workers, quiet=quiet, announce=run.keep_note_of)
    prepared = align(heads, template, workers=workers, quiet=quiet, announce=run.keep_note_of)
    scans = prepared
    if settings.revisits:
        scans = as_revisited(prepared, heads.grid, settings.revisits, seeds.child("revisits"))
    networks = Networks.untrained(settings, len(prepared.classes), seeds)
    states = private_folder(run.path, STATES)
    trainings = {"pretraining": pretrain, "adversarial": train_adversarially, "finishing": finish}
    with LossWatch(run, settings.parts, draw, quiet) as watched:
        for part in settings.parts:
            trainings[part](networks, scans, settings, seeds, states / f"{part}.pt", watched.of(part))
    save_pair(
        run.checkpoints,
        networks,
        settings,
        heads.grid,
        prepared.classes,
        likeness(prepared.images.numpy(), template),
        None if template is None else torch.from_numpy(template.image),
        references_of(scans, settings),
    )


def likeness(images: np.ndarray, template: Template | None) -> float:
    """The lowest correlation of these scans (n, 1, x, y, z) with the template, or with their own mean where there is none."""
    mean = images.mean(0) if template is None else template.image[None]
    return float(ncc_matrix(images[:, 0], mean).min())
