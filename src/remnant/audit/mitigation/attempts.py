"""A training under one defence after the other, each audited as the first was: a run directory with a cell and an audit each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from torch import Tensor

from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.materials.tried import why_not_tried
from remnant.audit.mitigation.utility import Utility, utility_of
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.progress import say
from remnant.base.run import AUDITS, Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep, kept
from remnant.base.texts import enumerated
from remnant.cohort.images import Images, stacked
from remnant.defenses.around import put_around
from remnant.defenses.defense import Defense
from remnant.defenses.registry import all_defenses
from remnant.engine.cells import Cell, run_cells
from remnant.measure.roles import MEMBER, NON_MEMBER

NONE = "none"  # the same training without a defence, against which each is held


@dataclass(frozen=True)
class Attempt:
    """A defence with its `settings`, None without one, that is put around the training."""

    defense: Defense | None = None
    settings: Settings | None = None

    @property
    def name(self) -> str:
        """How the run calls it."""
        return self.defense.name if self.defense else NONE

    @property
    def words(self) -> str:
        """How a text calls it."""
        return self.defense.words if self.defense else "no defence"


@cache
def _strengths() -> type[Settings]:
    own = {name: (defense.settings, defense.settings()) for name, defense in all_defenses().items()}
    return pydantic.create_model("Strengths", __base__=Settings, **own)


def strengths_of(path: Path | None) -> Settings:
    """How strong each defence is, a field of its name: by default, but for what the file says in a table of that name.

    Raises `RemnantError` naming the file and the key that does not fit.
    """
    kind = _strengths()
    return kind.of_toml(path) if path else kind()


def attempts_of(
    material: Material,
    config: AuditConfig,
    asked: Sequence[str],
    layer: str = "",
    strengths: Settings | None = None,
) -> list[tuple[Attempt, str]]:
    """Each defence that is `asked`, by default every one, with why it is not tried, empty where it is.

    `layer`: whose output an attack on latents read; `strengths`: those of `strengths_of`. Raises `RemnantError` for a material
    without a training, for a name that no defence has, and where one that was named does not apply.
    """
    if material.training is None:
        raise RemnantError(
            "target.py has no train(), and a defence is tried on the training itself; write train(), audit again, and then "
            "mitigate."
        )
    known = all_defenses()
    if unknown := [name for name in asked if name not in known]:
        raise RemnantError(
            f"There is no defence {enumerated(list(map(repr, unknown)))}; `remnant protect --list` names all of them."
        )
    found = []
    for name in asked or known:
        defense = known[name]
        why = why_not_tried(material, defense, config.scenario)
        if why and asked:
            raise RemnantError(f"The defence {name!r} does not apply: {why}.")
        settings = getattr(strengths or strengths_of(None), name)
        if layer and getattr(settings, "layer", None) == "":
            settings = settings.changed(layer=layer)
        found.append((Attempt(defense, settings), why))
    return found


def defended(material: Material, attempt: Attempt, seed: int) -> tuple[Material, float]:
    """The material with a network that its members trained under the defence, and its shadow models to come likewise; and how
    many seconds that training took. One seed for all attempts: they begin alike."""
    training, own = material.training, material.own
    assert training
    if attempt.defense and attempt.settings:
        public = (lambda: _batches(own, material.target.batch)) if own else None
        train = put_around(attempt.defense, training.train, attempt.settings, public)
        # Networks of another training than the shared ones, under the same code.
        training = replace(training, train=train, shared=None)
    began = time.monotonic()
    seeds = Seeds(seed).child("mitigation", "training")
    target = training(material.target, material.candidates, set(material.group(MEMBER)), seeds)
    seconds = time.monotonic() - began
    in_place = (*material.defenses, *([attempt.name] if attempt.defense else []))
    model = {**material.model, "name": f"{material.model['name']}, {attempt.words}", "sha256": None}
    return replace(
        material, target=target, training=training, defenses=in_place, model=model, checkpoints={}, elsewhere=None
    ), seconds


def _batches(images: Images, size: int) -> list[Tensor]:
    """The images in batches of one shape, in their order."""
    return [stacked([images.images[place] for place in places]) for places in images.batches(size)]


def attempt_cell(
    run: Run, material: Material, config: AuditConfig, attempt: Attempt, command: str, quiet: bool
) -> dict[str, Any]:
    """Train under the defence, audit what came of it in RUN/audits, and measure what it is worth to those who use it."""
    clock = Clock()
    changed, seconds = defended(material, attempt, config.seed)
    others = changed.images.of(changed.group(NON_MEMBER))
    worth = utility_of(changed.target, others, Seeds(config.seed).child("mitigation", "utility"))
    keep(run.private / "utility" / f"{attempt.name}.npz", worth)
    given = {"defence": attempt.name, "defence settings": attempt.settings.resolved() if attempt.settings else {}}
    place = audit_of(run, attempt.name)
    results = conduct(changed, config, place, clock, given=given, command=command, resume=True, quiet=quiet)
    return {"ruling": results.verdict.ruling, "training_seconds": seconds}


def audit_of(run: Run, name: str) -> Path:
    """Where the audit of a defence lies."""
    return run.path / AUDITS / name


def kept_utility(run: Run, name: str) -> Utility:
    """What a network under a defence is worth."""
    return kept(run.private / "utility" / f"{name}.npz", Utility)


def try_all(
    run: Run, material: Material, config: AuditConfig, attempts: Sequence[Attempt], *, command: str, quiet: bool
) -> Mapping[str, dict[str, Any]]:
    """A cell each, in the order of the attempts; what the cells returned, by name of the defence."""
    found = {}
    for number, attempt in enumerate(attempts, 1):
        if not quiet:
            say(f"Training {number} of {len(attempts)}: {attempt.words}.")
        arguments = {"material": material, "config": config, "attempt": attempt, "command": command, "quiet": quiet}
        cell = Cell(f"defence-{attempt.name}", attempt_cell, arguments)
        found[attempt.name] = run_cells(run, [cell], workers=1, quiet=True)[cell.name]
    return found
