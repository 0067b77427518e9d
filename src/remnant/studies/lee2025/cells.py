"""The independent pieces of an audit: the reader of age and sex, each target, and each stage 1 with what is drawn after it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.attacks.checkpoint.likely import rank, score
from remnant.attacks.checkpoint.methods import METHODS, Attack, Own, Tuned
from remnant.attacks.demographics import (
    DemographicModel,
    load_demographics,
    save_demographics,
    train_demographics,
)
from remnant.attacks.prior import load_discriminator, load_prior
from remnant.base.provenance import sha256
from remnant.base.results import number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import AGE, SEX, Images
from remnant.engine.loop import epoch_log
from remnant.studies.lee2025.kept import (
    OWN,
    Attacked,
    Progression,
    Source,
    as_bytes,
    read_groups,
    write_attacked,
    write_progression,
)
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.similar import Yardstick
from remnant.studies.lee2025.stage1 import Stage1
from remnant.studies.lee2025.targets import COLUMNS, TARGETS
from remnant.targets.access import weights_of
from remnant.targets.checkpoint import load_checkpoint
from remnant.targets.classifier import train_classifier
from remnant.targets.classifier_files import save_classifier
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.swapped import with_statistics_of

DEMOGRAPHICS = "demographics"


def demographics_cell(run: Run, settings: StudySettings) -> dict[str, Any]:
    """Train the reader of age and sex on the attacker's own patients, as far as both are known of them."""
    groups = {name: _known(group) for name, group in read_groups(run, OWN).items()}
    seeds = Seeds(settings.seed).child(DEMOGRAPHICS)
    model = train_demographics(
        groups["training"], groups["validation"], settings.demographic, seeds, epoch_log(run, DEMOGRAPHICS)
    )
    path = demographics_file(run)
    save_demographics(path, model)
    return {"checkpoint": path.name, "sha256": sha256(path)}


def demographics_file(run: Run) -> Path:
    """Where the reader of age and sex lies: beside it stand the exact ages of public patients, who are patients too."""
    return run.private / DEMOGRAPHICS / f"{DEMOGRAPHICS}.safetensors"


def target_cell(run: Run, target: str, settings: StudySettings) -> dict[str, Any]:
    """Train one target; what its training told, and the columns of its row in the table `targets`."""
    name, chosen = target_cell_name(target), TARGETS[target]
    groups = read_groups(run, chosen.source)
    training, validation = (groups[part] for part in ("members", "validation"))
    own, seeds = settings.classifier(target), Seeds(settings.seed).child(name)
    if chosen.swapped:
        weights = load_checkpoint(target_file(run, chosen.swapped))
        others = groups["non_members"]
        trained = with_statistics_of(others, weights, own, seeds, training=training, validation=validation)
    else:
        trained = train_classifier(training, validation, own, seeds, epoch_log(run, name))
    path = target_file(run, target)
    save_classifier(path, trained)
    told = trained.validation
    values = (
        trained.settings.network,
        chosen.recipe,
        chosen.source,
        len(set(training.patients)),
        len(training.images),
        len(trained.history),
        trained.kept + 1,
        trained.accuracy,
        told.accuracy.mean,
        *(number(bound) for skill in (told.balanced, told.auc) for bound in (skill.mean, skill.low, skill.high)),
        told.guess_accuracy,
    )
    return {"checkpoint": path.name, "sha256": sha256(path), **dict(zip(COLUMNS, values, strict=True))}


def target_file(run: Run, target: str) -> Path:
    """Where a target lies: one that was trained on patients may not leave."""
    return run.private / "targets" / f"{target}.safetensors"


@dataclass(frozen=True)
class Aim:
    """What an attack is on, and with what: the file of the target, how it takes images, the file of the prior, and the
    `source` whose patients the candidates are held against."""

    checkpoint: Path
    input_range: InputRange
    prior: Path
    source: Source


def attack_cell(run: Run, target: str, aim: Aim, methods: tuple[str, ...], settings: StudySettings) -> dict[str, Any]:
    """Stage 1 once for `methods` that share it, then what each draws, scored, ranked and held against the patients.

    Returns the `methods`, the rows `stage1` {method, part, term, step, value} of their losses, and by part the `steps` and
    whether its loss had `levelled_off`.
    """
    own, model = read_groups(run, OWN), _reader(demographics_file(run))
    access = weights_of(load_target(aim.checkpoint))
    yardstick = Yardstick(read_groups(run, aim.source), access.target, aim.input_range, model, settings.crop)
    stage1 = Stage1(run, attack_cell_name(target, methods[0]), methods[0])
    attack = Attack(
        Own(
            load_prior(aim.prior).generator,
            load_discriminator(aim.prior),
            torch.cat([group.images for group in own.values()]),
        ),
        access,
        aim.input_range,
        settings.attack,
        # The same branch for all targets: their candidates come from the same latents, so that targets alone differ.
        Seeds(settings.seed).child("attack"),
        stage1.report,
    )
    tuned = METHODS[methods[0]].tune(attack)
    for method in methods:
        stage1.method = method
        images = METHODS[method].draw(attack, tuned).images
        write_attacked(run, _judged(attack, target, method, images, yardstick, model))
    if tuned:
        # One a method that was tuned; of generators for a class each, that of the first.
        write_progression(run, _progression(target, methods[0], tuned))
    return {"methods": list(methods), "stage1": stage1.rows(), **stage1.ends(tuned)}


@lru_cache(maxsize=1)
def _reader(path: Path) -> DemographicModel:
    """Once for all attacks of a process: at the smallest sizes to build it takes longer than to use it."""
    return load_demographics(path)


def _judged(
    attack: Attack, target: str, method: str, images: torch.Tensor, yardstick: Yardstick, model: DemographicModel
) -> Attacked:
    scores = score(images, attack.goals, attack.settings.likely)
    ranking = rank(scores, attack.settings.likely.q)
    age, male = model.predict(images)
    return Attacked(
        target,
        method,
        as_bytes(images),
        scores.excitation.astype(float),
        scores.distance.astype(float),
        ranking.order,
        ranking.likely,
        ranking.excitation_cutoff,
        ranking.distance_cutoff,
        age,
        male,
        yardstick.compare(images),
    )


def _progression(target: str, method: str, tuned: Tuned) -> Progression:
    shown = tuned[0].progression
    images = np.stack([as_bytes(strip.clamp(0, 1)) for strip in shown.values()])
    return Progression(target, method, np.array(list(shown)), images)


def target_cell_name(target: str) -> str:
    return f"target-{target}"


def attack_cell_name(target: str, method: str) -> str:
    """Called after the stage 1 that the method begins with: methods of one stage 1 are one cell."""
    return f"attack-{target}-{METHODS[method].tune.__name__.lstrip('_')}"


def by_stage1(methods: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The methods that share a stage 1 together, each in their order."""
    parts: dict[Any, list[str]] = {}
    for method in methods:
        parts.setdefault(METHODS[method].tune, []).append(method)
    return [tuple(part) for part in parts.values()]


def _known(group: Images) -> Images:
    """Those of a group whose age and sex are known."""
    return group.take(np.flatnonzero(np.isfinite([group.details[AGE], group.details[SEX]]).all(0)))
