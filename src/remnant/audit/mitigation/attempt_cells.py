"""A training under one defence after the other, each audited as the first was: a run directory with a cell and an audit each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.mitigation.attempts import Attempt
from remnant.audit.mitigation.utility import Utility, utility_of
from remnant.audit.run.conduct import conduct
from remnant.audit.run.results import Clock
from remnant.base.progress import say
from remnant.base.run import AUDITS, Run
from remnant.base.seeds import Seeds
from remnant.base.store import keep, kept
from remnant.cohort.images import Images, stacked
from remnant.defenses.around import put_around
from remnant.engine.cells import Cell, Workers, run_cells
from remnant.engine.state import load_state, save_state
from remnant.measure.roles import MEMBER, NON_MEMBER

OTHERS_S = 60.0  # that a machine which is dying may hold the audit of an attempt that another one goes on with


def defended(material: Material, attempt: Attempt, seed: int) -> tuple[Material, float]:
    """The material with a network that its members trained under the defences, and its shadow models to come likewise; and how
    many seconds that training took. One seed for all attempts: they begin alike."""
    training, own = material.training, material.own
    assert training
    if attempt.parts:
        public = (lambda: _batches(own, material.target.batch)) if own else None
        train = training.train
        for defense, strength in attempt.parts:
            train = put_around(defense, train, strength, public)
        # Networks of another training than the shared ones, under the same code.
        training = replace(training, train=train, shared=None)
    began = time.monotonic()
    seeds = Seeds(seed).child("mitigation", "training")
    target = training(material.target, material.candidates, set(material.group(MEMBER)), seeds)
    seconds = time.monotonic() - began
    in_place = (*material.defenses, *attempt.defenses)
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
    """Train under the defences, audit what came of it in RUN/audits, and measure what it is worth to those who use it."""
    clock = Clock()
    changed, seconds = defended(material, attempt, config.seed)
    weights = run.private / "networks" / f"{attempt.name}.pt"
    _keep_or_restore(weights, changed.target.module)
    others = changed.images.of(changed.group(NON_MEMBER))
    worth = utility_of(changed.target, others, Seeds(config.seed).child("mitigation", "utility"))
    keep(run.private / "utility" / f"{attempt.name}.npz", worth)
    strengths = {defense.name: settings.resolved() for defense, settings in attempt.parts}
    place = audit_of(run, attempt.name)
    Run(place).await_others(OTHERS_S)
    given = {"defence": attempt.name, "defence settings": strengths}
    results = conduct(changed, config, place, clock, given=given, command=command, resume=True, quiet=quiet)
    weights.unlink()
    return {"ruling": results.verdict.ruling, "training_seconds": seconds}


def _keep_or_restore(path: Path, network: nn.Module) -> None:
    """Have the network that an audit was begun on: trained again, as after a kill, it may be another, where train() draws by a
    generator of its own or a GPU sums in another order."""
    if path.exists():
        load_state(path, {"network": network})
    else:
        path.parent.mkdir(exist_ok=True)
        save_state(path, {"network": network}, 0)


def audit_of(run: Run, name: str) -> Path:
    """Where the audit of a defence lies."""
    return run.path / AUDITS / name


def kept_utility(run: Run, name: str) -> Utility:
    """What a network under a defence is worth."""
    return kept(run.private / "utility" / f"{name}.npz", Utility)


def try_all(
    run: Run,
    material: Material,
    config: AuditConfig,
    attempts: Sequence[Attempt],
    *,
    command: str,
    workers: Workers,
    quiet: bool,
) -> Mapping[str, dict[str, Any]]:
    """A cell each, in the order of the attempts, `workers` at a time or on the cluster of that address; what the cells returned,
    by name of the attempt. The numbers do not depend on `workers`."""
    # Of several at a time nobody could follow what each says.
    common = {"material": material, "config": config, "command": command, "quiet": quiet or workers != 1}
    cells = {one.name: Cell(f"defence-{one.name}", attempt_cell, {**common, "attempt": one}) for one in attempts}
    if workers != 1:
        found = run_cells(run, list(cells.values()), workers=workers, quiet=quiet)
        return {name: found[cell.name] for name, cell in cells.items()}
    found = {}
    for number, one in enumerate(attempts, 1):
        if not quiet:
            say(f"Training {number} of {len(attempts)}: {one.words}.")
        found[one.name] = run_cells(run, [cells[one.name]], workers=1, quiet=True)[cells[one.name].name]
    return found
