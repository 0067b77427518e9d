"""What an attack takes on this machine: a step of it, or some of those whom it attacks, timed and multiplied."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from remnant.attacks.attack import Attack, Work
from remnant.audit.materials.material import Material
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed


def attack_seconds(
    attack: Attack,
    material: Material,
    access: Any,
    own: Images | None,
    seed: int,
    times: float = 1.0,
    controls: Mapping[str, Tensor] | None = None,
) -> float:
    """How many seconds an attack takes by its own `cost`, or so many `times` what it takes with this `access`, where that shows
    some of those whom it attacks. `controls` are not drawn again, as in `Work`."""
    settings = material.settings_of(attack)
    with tempfile.TemporaryDirectory() as folder:
        branch = Seeds(seed).child("forecast", attack.name)
        work = Work(branch, Path(folder), prior=material.prior, controls=controls or {})
        if attack.cost:
            return attack.cost(access, own, settings, work)
        return timed(lambda: attack.run(access, own, settings, work)) * times


def batch_of(images: Images, most: int) -> Images:
    """Images of one shape that pass together."""
    return images.take(max(images.batches(most), key=len))
