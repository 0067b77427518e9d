"""What is tried on a training: a defence, several together, or none, and how strong each is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pydantic

from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.materials.tried import why_not_tried
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.texts import enumerated
from remnant.defenses.around import in_order
from remnant.defenses.defense import Defense
from remnant.defenses.registry import all_defenses

NONE = "none"  # the same training without a defence, against which each is held
TOGETHER = "+"  # between the names of defences that are put around one training


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
