"""What an attack asks for, of random sets of patients' own images: could it tell whom the target was trained on?"""

from typing import Any

import numpy as np

from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.oracles import SETS, objective_of, values_of_sets
from remnant.base.results import Row, number
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.studies.lee2025.drawn import as_pictures, kept_drawn
from remnant.studies.lee2025.groups import ROLES, read_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import TARGETS
from remnant.studies.lee2025.training import target_file
from remnant.targets.access import weights_of
from remnant.targets.loading import load_target

# The attacks that ask for a target's statistics, each with an objective of its own.
ASKING = ("published", "joint")


def identifiability_cell(run: Run, target: str, methods: tuple[str, ...], settings: StudySettings) -> dict[str, Any]:
    """`rows` of the table `identifiability`: what an attack asks for, of random sets of members, non-members, and what it found.

    A row a method and kind of `images`: mean objective of the sets, lower is better, and their 5% and 95% quantiles.
    """
    access = weights_of(load_target(target_file(run, target)))
    goals = Goals(access, settings.classifier(target).input_range, settings.attack.manifold.goals)
    groups = read_groups(run, TARGETS[target].source)
    patients = {name: (groups[name].images, goals.looked_at(groups[name].images)) for name in ROLES}
    rows = []
    for method in methods:
        objective = objective_of(method, goals, settings.attack)
        drawn = as_pictures(kept_drawn(run, target, method).images)
        for name, (these, looked) in (patients | {"found": (drawn, goals.looked_at(drawn))}).items():
            draw = Seeds(settings.seed).child("identifiability", target, method, name).numpy()
            values = values_of_sets(objective, looked, these, draw)
            row: Row = {
                "target": target,
                "method": method,
                "images": name,
                "sets": SETS,
                "value": number(values.mean()),
            }
            rows.append(row | dict(zip(("low", "high"), map(float, np.quantile(values, (0.05, 0.95))), strict=True)))
    return {"rows": rows}


def identifiability_name(target: str) -> str:
    return f"identifiability-{target}"


def identifiability_of(
    target: str, methods: tuple[str, ...], settings: StudySettings, *, needs: tuple[str, ...]
) -> list[Cell]:
    """The cell of a target on which attacks by its statistics run, after these; none where there are no such."""
    asking = tuple(method for method in ASKING if method in methods)
    arguments = {"target": target, "methods": asking, "settings": settings}
    return [Cell(identifiability_name(target), identifiability_cell, arguments, needs)] if asking else []
