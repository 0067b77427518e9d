"""How a given target takes its images: as its owner says, or as its stored statistics and its answers tell."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.checkpoint.input_check import FITS, IMAGENET, RANGES, Normalisation, infer_input
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.attacks.membership.signals import signed_margin
from remnant.base.files import read_json, write_json
from remnant.base.run import Run
from remnant.targets.access import Weights
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange

# Greys of a radiograph as `RadiographSettings.percentiles` makes them.
STRETCHED, AS_STORED = "each image's greys stretched to its 0.5 and 99.5 percentile", "greys as the file has them"
VIEWS: dict[str, tuple[float, float] | None] = {STRETCHED: (0.5, 99.5), AS_STORED: None}
LOOKED_AT = 24  # images that are compared with the statistics, half of them of each group
LARGEST = 512


@dataclass(frozen=True)
class Feeding:
    """What the target is given. `words` of the grey range; `view`: a key of `VIEWS`; `distance` and `first` from its stored
    statistics, as `Fit` has them, None where it stores none; `doubt`: why what it answers may be noise, None where it fits."""

    input_range: InputRange
    words: str
    view: str
    distance: float | None
    first: float | None
    doubt: str | None


def feeding_of(
    access: Weights,
    architecture: str,
    channels: int,
    views: Mapping[str, Tensor],
    labels: np.ndarray | None,
    *,
    size: int | None,
    given: Normalisation | None,
) -> Feeding:
    """How to give the images (n, 1, N, N) of `views` to a target; `size` and `given` range where the owner or the file says.

    A CNN's BatchNorm statistics decide. A transformer stores none: there the range is taken under which it answers best, if
    `labels` are known.
    """
    if batch_norms(access.target):
        fit = infer_input(access, channels, views, size=size, given=given)
        doubt = None
        if fit.other_network:
            doubt = (
                f"Images enter the network as in its training, but not its deeper layers (distance {fit.distance:.2g}, up to "
                f"{FITS} is let pass): the weights may belong to another network than {architecture}."
            )
        elif not fit.fits:
            doubt = (
                f"In no size and grey range that was tried are these images such as the network was trained on (distance "
                f"{fit.distance:.2g}, up to {FITS} is let pass): give --size, --mean and --std as in training."
            )
        return Feeding(fit.input_range, fit.words, fit.view, fit.distance, fit.first, doubt)
    assert size is not None  # a transformer's position embedding has it
    view = next(iter(views))
    if given:
        return Feeding(InputRange(size, channels, *given), "the range that was given", view, None, None, None)
    if labels is None:
        doubt = (
            "This network stores no statistics that would tell its grey range; give --mean and --std as in training."
        )
        return Feeding(InputRange(size, channels), "greys in [0, 1]", view, None, None, doubt)
    imagenet = {"greys normalised by ImageNet's mean and standard deviation": IMAGENET[channels]}
    ways = {
        (words, view): InputRange(size, channels, *normalisation)
        for words, normalisation in {**RANGES, **imagenet}.items()
        for view in views
    }
    (words, view), best = max(ways.items(), key=lambda way: _certainty(access, views[way[0][1]], way[1], labels))
    return Feeding(best, f"{words}, under which it answers best", view, None, None, None)


def _certainty(access: Weights, images: Tensor, input_range: InputRange, labels: np.ndarray) -> float:
    """The mean probability of the true answers."""
    margins = signed_margin(predict_logits(access.target, images, input_range), labels)
    return float(torch.from_numpy(margins).sigmoid().mean())


def keep_feeding(run: Run, feeding: Feeding) -> None:
    """Keep it as RUN/input.json, so that a run that goes on does as it did before."""
    write_json(run.path / "input.json", asdict(feeding))


def kept_feeding(run: Run) -> Feeding | None:
    """What `keep_feeding` kept; None where nothing is."""
    path = run.path / "input.json"
    if not path.exists():
        return None
    told = read_json(path)
    sides = told.pop("input_range")
    return Feeding(InputRange(sides["size"], sides["channels"], tuple(sides["mean"]), tuple(sides["std"])), **told)
