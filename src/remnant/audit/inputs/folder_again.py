"""The material of a folder in another process, which reads it again: the owner's code does not pass between processes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from remnant.audit.config import AuditConfig
from remnant.audit.inputs.folder import Folder
from remnant.audit.materials.material import Material, digests_of
from remnant.base.errors import RemnantError


@dataclass(frozen=True)
class FolderAgain:
    """Called, it gives the material of the folder `path` under the settings `config`, whose `digests` were these.

    Raises `RemnantError` where data() or build() gives something else than before.
    """

    path: Path
    config: AuditConfig
    digests: dict[str, Any]

    def __call__(self) -> Material:
        material, digests = _read(self.path, self.config.model_dump_json())
        if odd := [name for name, digest in digests.items() if self.digests.get(name) != digest]:
            raise RemnantError(
                f"target.py in {self.path} gives other {' and '.join(odd)} each time that it is run; let it draw nothing at "
                "random, or give --workers 1."
            )
        return material


@lru_cache(maxsize=1)
def _read(path: Path, config: str) -> tuple[Material, dict[str, Any]]:
    # Once a process, whatever the number of its cells.
    material = Folder(path, AuditConfig.model_validate_json(config)).material()
    return material, digests_of(material)
