"""A training under one defence after the other, each audited as the first was: a run directory with a cell and an audit each."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pydantic
from torch import Tensor, nn

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
from remnant.defenses.around import in_order, put_around
from remnant.defenses.defense import Defense
from remnant.defenses.registry import all_defenses
from remnant.engine.cells import Cell, Workers, run_cells
from remnant.engine.state import load_state, save_state
from remnant.measure.roles import MEMBER, NON_MEMBER

NONE = "none"  # the same training without a defence, against which each is held
TOGETHER = "+"  # between the names of defences that are put around one training
OTHERS_S = 60.0  # that a machine which is dying may hold the audit of an attempt that another one goes on with


@dataclass(frozen=True)
class Attempt:
    """Defences with the settings of each, put around one training in the order of `in_order`; none without a defence."""

    parts: tuple[tuple[Defense, Settings], ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        # By name: what a defence is made of need not pass between processes, each of which has the same list.
        return _again, tuple((defense.name, settings) for defense, settings in self.parts)

    @property
    def defenses(self) -> tuple[str, ...]:
        """The names of the defences."""
        return tuple(defense.name for defense, _ in self.parts)

    @property
    def name(self) -> str:
        """How the run calls it."""
        return TOGETHER.join(self.defenses) or NONE

    @property
    def words(self) -> str:
        """How a text calls it."""
        first, *others = [defense.words for defense, _ in self.parts] or ["no defence"]
        return f"{first} with {enumerated(others)}" if others else first

    @property
    def promises(self) -> list[str]:
        """What its defences guarantee, a sentence each."""
        return [said for defense, settings in self.parts if (said := defense.promises(settings))]


def _again(*parts: tuple[str, Settings]) -> Attempt:
    return Attempt(tuple((all_defenses()[name], settings) for name, settings in parts))


@cache
def _strengths() -> type[Settings]:
    own = {name: (defense.settings, defense.settings()) for name, defense in all_defenses().items()}
    return pydantic.create_model("Strengths", __base__=Settings, **own)


def strengths_of(given: Path | Mapping[str, Any] | None) -> Settings:
    """How strong each defence is, a field of its name: by default, but for what a file says in a table of that name, or the
    tables themselves.

    Raises `RemnantError` naming the file, and the key that does not fit.
    """
    kind = _strengths()
    return kind.of_toml(given) if isinstance(given, Path) else kind.checked(**(given or {}))


def attempts_of(
    material: Material,
    config: AuditConfig,
    asked: Sequence[str],
    layer: str = "",
    strengths: Settings | None = None,
) -> list[tuple[Attempt, str]]:
    """Each defence that is `asked`, several together as "dp_sgd+augmentation", by default every one alone; with why it is not
    tried, empty where it is.

    `layer`: whose output an attack on latents read; `strengths`: those of `strengths_of`. Raises `RemnantError` for a material
    without a training, for a name that no defence has, and where one that was named does not apply.
    """
    if material.training is None:
        raise RemnantError(
            "target.py has no train(), and a defence is tried on the training itself; write train(), audit again, and then "
            "mitigate."
        )
    known, strong = all_defenses(), strengths or strengths_of(None)
    found = {}
    for name, defenses in _named(asked, known).items():
        why = why_not_tried(material, defenses, config.scenario)
        if why and asked:
            raise RemnantError(f"The defence {name!r} does not apply: {why}.")
        parts = []
        for defense in defenses:
            settings = getattr(strong, defense.name)
            if layer and getattr(settings, "layer", None) == "":
                settings = settings.changed(layer=layer)
            parts.append((defense, settings))
        attempt = Attempt(tuple(parts))
        found[attempt.name] = (attempt, why)
    return list(found.values())


def _named(asked: Sequence[str], known: Mapping[str, Defense]) -> dict[str, list[Defense]]:
    """The defences of each name that is asked, in the order in which they are put around a training."""
    parts = {name: name.split(TOGETHER) for name in asked or known}
    if unknown := [one for names in parts.values() for one in names if one not in known]:
        raise RemnantError(
            f"There is no defence {enumerated(list(map(repr, unknown)))}; `remnant protect --list` names all of them."
        )
    if twice := next((name for name, names in parts.items() if len({*names}) < len(names)), ""):
        raise RemnantError(f"{twice!r} names a defence twice; name each once.")
    # Whatever the order in which they are asked for: it is one attempt.
    return {name: in_order(known[one] for one in known if one in names) for name, names in parts.items()}


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
