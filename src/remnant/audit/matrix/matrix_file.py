"""The file of a matrix: which networks, under which defences, and how strong these are."""

from pathlib import Path
from typing import Any, Self

import pydantic

from remnant.audit.config import AuditConfig, config_of
from remnant.audit.owner.before import faults_before
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.results import FileStem

SETTINGS = "audit.toml"


class MatrixTarget(Settings):
    """`[[targets]]`: a network, by the `name` that tables call it. `folder`: with audit.toml and target.py, which has train().
    `config`: in the place of the folder's audit.toml, such as for another network or scenario of the same patients. Both are
    relative to the file. `defences`: those that are tried on it, where they are not those of the file."""

    name: FileStem
    folder: Path
    config: Path | None = None
    defences: tuple[str, ...] | None = None

    @property
    def audited(self) -> AuditConfig:
        """How the folder is audited, without a limit on the time, which would leave out other attacks each time."""
        return config_of(self.config or self.folder / SETTINGS, scenario="checkpoint").changed(minutes=None)

    def below(self, place: Path) -> Self:
        """The same with whole paths, of which relative ones begin at `place`."""
        config = self.config and (place / self.config).resolve()
        return self.changed(folder=(place / self.folder).resolve(), config=config)


class MatrixFile(Settings):
    """`defences`: those that are tried on each network, several together as "dp_sgd+augmentation"; none for each that applies,
    alone. `strengths`: how strong, a table of each defence's name."""

    title: str = "Every attack on every defence"
    defences: tuple[str, ...] = ()
    strengths: dict[str, dict[str, Any]] = pydantic.Field(default_factory=dict)
    targets: tuple[MatrixTarget, ...] = pydantic.Field(min_length=1)

    @pydantic.field_validator("targets")
    @classmethod
    def _of_names_of_their_own(cls, targets: tuple[MatrixTarget, ...]) -> tuple[MatrixTarget, ...]:
        names = [one.name for one in targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"must have names of their own; {twice[0]!r} is there twice")
        return targets

    @classmethod
    def read(cls, path: Path) -> Self:
        """The matrix of a file, whose folders are there and have all that no code has to run for.

        Raises `RemnantError` naming the file and the key, or the first thing that a folder lacks.
        """
        found = cls.of_toml(path)
        targets = []
        for one in found.targets:
            target = one.below(path.parent)
            if not (target.config or target.folder / SETTINGS).is_file():
                lacking = f"{target.config} is not there" if target.config else f"{target.folder} has no {SETTINGS}"
                raise RemnantError(
                    f"Of {one.name!r} in {path} {lacking}; give a folder that `remnant audit` takes, or a config of it."
                )
            for fault in faults_before(target.folder, target.audited).values():
                raise RemnantError(fault)
            targets.append(target)
        return found.changed(targets=tuple(targets))

    def asked_of(self, target: MatrixTarget) -> list[str]:
        """The defences that are tried on a network of the matrix."""
        return list(self.defences if target.defences is None else target.defences)
