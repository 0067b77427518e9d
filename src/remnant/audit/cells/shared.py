"""Shadow models that several audits share: what one kept of a network, another of the same recipe, data and halves takes over."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack, PatientScores
from remnant.audit.cells.kept import Shadow
from remnant.audit.materials.material import Material
from remnant.base.cachedir import private_cache
from remnant.base.errors import RemnantError
from remnant.base.files import atomic_path
from remnant.base.provenance import releases
from remnant.base.store import keep, kept
from remnant.measure.roles import OTHER

# Raise when a network keeps something else than before.
VERSION = 2


@dataclass(frozen=True)
class NetworkRecord:
    """What the cell of a network says of its training: by which seed it drew, in how many steps, and how its architecture
    differs from the audited one."""

    drew_by: int
    steps: int
    unlike: str


@dataclass(frozen=True)
class SharedFiles:
    """Where the `record` of one network is shared, and each file that a run keeps of it: `files` by that file's path."""

    record: Path
    files: Mapping[Path, Path]

    @property
    def paths(self) -> list[Path]:
        """All that are shared of it."""
        return [self.record, *self.files.values()]

    @property
    def there(self) -> bool:
        """Whether all of them are."""
        return all(path.exists() for path in self.paths)

    def take(self) -> dict[str, Any] | None:
        """Copy what is shared into the run, and return what its cell says; None where not all of it is there and sound."""
        try:
            record = kept(self.record, NetworkRecord)
            for own, shared in self.files.items():
                kept(shared, list[PatientScores] if shared.name.startswith("scores-") else Shadow)
                _copy(shared, own)
        except RemnantError:
            return None
        return {"drew_by": record.drew_by, "steps": record.steps, "unlike": record.unlike}

    def give(self, record: NetworkRecord) -> None:
        """Copy what the run kept, and then the record, without which nothing is taken."""
        for own, shared in self.files.items():
            _copy(own, shared)
        keep(self.record, record)


def shared_files(
    material: Material, seed: int, number: int, fits: Sequence[Path], scores: Sequence[tuple[Path, str, Attack]]
) -> SharedFiles:
    """The files of the network of this number: `fits` and `scores` as the run keeps them, the latter with whose images and of
    which attack they are."""
    assert material.training and material.training.shared
    folder = private_cache(material.training.shared)
    network = _hash(_identity(material), seed, number)
    files = {path: folder / f"fits-{_hash(network, path.parent.name)}.npz" for path in fits}
    for path, whose, attack in scores:
        files[path] = folder / f"scores-{_hash(network, whose, attack.name, repr(material.settings_of(attack)))}.npz"
    return SharedFiles(folder / f"shadow-{network}.npz", files)


def _identity(material: Material) -> str:
    """Of everything that a network and what it is asked rest on, but for its number: recipe, images, labels, who they are of, who
    is asked about, and the libraries."""
    digest, training, canaries = hashlib.sha256(), material.training, material.canaries
    assert training
    for table in (material.images, *([canaries.images] if canaries else [])):
        for patient, image, label in zip(table.patients, table.images, table.labels or (), strict=True):
            # Who is a member no network is told, but whose images are the attacker's.
            digest.update(f"{patient} {material.roles.get(patient) == OTHER} {tuple(image.shape)}".encode())
            for array in (image.numpy(), np.asarray(label)):
                digest.update(np.ascontiguousarray(array).tobytes())
    target, label_of = material.target, canaries and dict(canaries.label_of)
    asked = (training.recipe, digest.hexdigest(), label_of, target.head, target.device.type)
    return _hash(VERSION, asked, dict(releases()))


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    except FileNotFoundError:
        raise RemnantError(f"{source} is missing; start again with another --out.") from None
