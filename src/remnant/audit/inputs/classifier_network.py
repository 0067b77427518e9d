"""A stranger's classifier of radiographs, opened from its file and checked before there is a run."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.input_check import Normalisation
from remnant.base.errors import RemnantError
from remnant.engine.device import place
from remnant.targets.access import Weights, weights_of
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.loading import load_target
from remnant.targets.opening import open_checkpoint
from remnant.targets.recognise import recognise
from remnant.targets.sound import check_sound

TRIED_OUT = 64  # pixels a side of the grey image that tries out a classifier of any size


@dataclass(frozen=True)
class OpenedNetwork:
    """A network as its file tells of it (`described`), the `module` itself, and `access` to a copy; `size`: pixels a side of its
    images, None where nobody says."""

    described: Description
    module: nn.Module
    access: Weights
    size: int | None


def open_network(checkpoint: Path, size: int | None, normalisation: Normalisation | None) -> OpenedNetwork:
    """The network in `checkpoint`; `size` and `normalisation` of its images as they were told, None where nobody did.

    Raises `RemnantError` for a file that cannot be read, and a network that is no 2D classifier, is broken or takes no such
    images.
    """
    opened = open_checkpoint(checkpoint)
    described = recognise(opened)
    check_sound(checkpoint, opened.tensors)
    if described.task and (described.task != "classifier" or described.dimensions != 2):
        raise RemnantError(
            f"{checkpoint} holds a {described.dimensions}D {described.architecture}, a {described.task}; this audit is of "
            "classifiers of radiographs. `remnant audit --init DIR --from FILE` begins one of any network."
        )
    module = place(load_target(checkpoint)).eval().requires_grad_(False)
    own = (described.arguments or {}).get("image_size")
    if own and size not in (None, own):
        raise RemnantError(f"{checkpoint} takes images of {own} pixels a side. Got size {size} instead.")
    side, access = size or own, weights_of(module)
    mean, std = normalisation or ((0.0,), (1.0,))
    # Whether it takes such images, and says anything of those that it was trained on.
    Goals(access, InputRange(side or TRIED_OUT, described.channels or 1, mean, std), GoalSettings())
    return OpenedNetwork(described, module, access, side)
