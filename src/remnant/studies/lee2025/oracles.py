"""The cells that ask whether an attack could have reconstructed anybody, with the patients' own images."""

from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.oracles import SETS, invert_images, objective_of, values_of_sets
from remnant.attacks.demographics import load_demographics
from remnant.attacks.prior import load_prior
from remnant.audit.cells.reader import reader_file
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.measure.intervals import clopper_pearson
from remnant.measure.neighbours import cosine_matrix
from remnant.measure.ssim import ssim_matrix
from remnant.studies.lee2025.groups import ROLES, Source, read_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.subject import as_pictures, kept_drawn
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_file
from remnant.targets.access import weights_of
from remnant.targets.loading import load_target

# The attacks that ask for a target's statistics, each with an objective of its own.
ASKING = ("published", "joint")


def ceiling_cell(run: Run, source: Source, prior: Path, settings: StudySettings) -> dict[str, Any]:
    """`rows` of the table `ceiling`: does the prior, shown a member's own image, come nearer to it than the nearest stranger?

    A row a space that no target made; of each member the first image, of strangers, the non-members, all. `nearer` of `people`
    members for whom it does, as a share with its exact interval; `own` and `stranger` are mean similarities.
    """
    name = ceiling_name(source)
    groups = read_groups(run, source)
    members, strangers = groups["members"], groups["non_members"]
    firsts = sorted({who: place for place, who in reversed(list(enumerate(members.patients)))}.values())
    seeds = Seeds(settings.seed).child(name)
    chosen = np.sort(seeds.child("people").numpy().permutation(firsts)[: settings.ceiling.images])
    images, others = members.images[chosen], strangers.images

    def report(step: int, loss: float, terms: dict[str, float]) -> None:
        if step % 100 == 0:
            run.log(name, "step", step=step + 1, loss=loss)

    drawn = invert_images(load_prior(prior).generator, images, settings.ceiling, seeds, report)
    spaces = {"ssim": (ssim_matrix, lambda these: these[:, 0].numpy())}
    if reader_file(run).exists():
        model = load_demographics(reader_file(run))
        spaces["independent_features"] = (cosine_matrix, lambda these: model.features(these).numpy())
    rows = []
    for space, (matrix, seen) in spaces.items():
        own = np.diagonal(matrix(seen(drawn), seen(images)))
        stranger = matrix(seen(others), seen(images)).max(0)
        nearer = int((own > stranger).sum())
        row: Row = {"source": source, "space": space, "people": len(images), "strangers": len(set(strangers.patients))}
        row |= {"own": float(own.mean()), "stranger": float(stranger.mean()), "nearer": nearer}
        rows.append(row | interval_columns("share", clopper_pearson(nearer, len(images))))
    return {"rows": rows}


def identifiability_cell(run: Run, target: str, methods: tuple[str, ...], settings: StudySettings) -> dict[str, Any]:
    """`rows` of the table `identifiability`: what an attack asks for, of random sets of members, non-members, and what it found.

    A row a method and kind of `images`: mean objective of the sets, lower is better, and their 5% and 95% quantiles.
    """
    access = weights_of(load_target(target_file(run, target)))
    goals = Goals(access, settings.classifier(target).input_range, settings.attack.manifold.goals)
    groups = read_groups(run, TARGETS[target].source)
    rows = []
    for method in methods:
        objective = objective_of(method, goals, settings.attack)
        images = {name: groups[name].images for name in ROLES}
        images["found"] = as_pictures(kept_drawn(run, target, method).images)
        for name, these in images.items():
            draw = Seeds(settings.seed).child("identifiability", target, method, name).numpy()
            values = values_of_sets(goals, objective, these, draw)
            row: Row = {
                "target": target,
                "method": method,
                "images": name,
                "sets": SETS,
                "value": number(values.mean()),
            }
            rows.append(row | dict(zip(("low", "high"), map(float, np.quantile(values, (0.05, 0.95))), strict=True)))
    return {"rows": rows}


def ceiling_name(source: str) -> str:
    return f"ceiling-{source}"


def identifiability_name(target: str) -> str:
    return f"identifiability-{target}"


def ceiling_of(source: Source, prior: Path, settings: StudySettings, *, needs: tuple[str, ...]) -> Cell:
    """The cell of the prior's ceiling on one source."""
    return Cell(ceiling_name(source), ceiling_cell, {"source": source, "prior": prior, "settings": settings}, needs)


def identifiability_of(
    target: str, methods: tuple[str, ...], settings: StudySettings, *, needs: tuple[str, ...]
) -> list[Cell]:
    """The cell of a target on which attacks by its statistics run, after these; none where there are no such."""
    asking = tuple(method for method in ASKING if method in methods)
    arguments = {"target": target, "methods": asking, "settings": settings}
    return [Cell(identifiability_name(target), identifiability_cell, arguments, needs)] if asking else []
