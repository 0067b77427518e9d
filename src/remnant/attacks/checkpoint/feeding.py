"""How a given target takes its images: as its owner says, or as its stored statistics and its answers tell."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.checkpoint.feeding_rivals import doubt_of
from remnant.attacks.checkpoint.input_check import FITS, IMAGENET, RANGES, Normalisation, infer_input
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.attacks.membership.signals import signed_margin
from remnant.base.files import read_json, write_json
from remnant.base.run import Run
from remnant.cohort.classes import Answers
from remnant.measure.task import task_of
from remnant.targets.access import Weights
from remnant.targets.description import Description
from remnant.targets.features import predict_logits
from remnant.targets.inputs import InputRange

# Greys of a radiograph as `RadiographSettings.percentiles` makes them.
STRETCHED, AS_STORED = "each image's greys stretched to its 0.5 and 99.5 percentile", "greys as the file has them"
VIEWS: dict[str, tuple[float, float] | None] = {STRETCHED: (0.5, 99.5), AS_STORED: None}
LOOKED_AT = 24  # images that are compared with the statistics
LARGEST = 512
UNORDERED = (
    "Which of its classes is which finding does not show in its answers ({right} of {asked} right in one order, by chance "
    "{by_chance:.0%}{alike}): name them in their order by --finding."
)
ALIKE = "; images of one patient that are answered alike count as one"


@dataclass(frozen=True)
class Feeding:
    """What the target is given. `words` of the grey range; `view`: a key of `VIEWS`; `distance` and `first` from its stored
    statistics, as `Fit` has them, None where it stores none; `doubt`: why what it answers may be noise, None where it fits;
    `reversed`: whether two classes whose order nobody told fit its answers better the other way round; `unordered`: why that is
    not clear, None where it is or was told."""

    input_range: InputRange
    words: str
    view: str
    distance: float | None
    first: float | None
    doubt: str | None
    reversed: bool = False
    unordered: str | None = None


def feeding_of(
    access: Weights,
    described: Description,
    views: Mapping[str, Tensor],
    answers: Answers,
    *,
    size: int | None,
    given: Normalisation | None,
) -> Feeding:
    """How to give the images (n, 1, N, N) of `views`, of which `answers` tells, to a target; `size` and `given` range where the
    owner or the file says.

    A CNN's BatchNorm statistics decide. A transformer stores none: there the range is taken under which it answers best, if
    labels are known; of two classes whose order is open, in either order.
    """
    channels, labels = described.channels or 1, answers.labels
    if batch_norms(access.target):
        fits = infer_input(access, channels, views, size=size, given=given)
        fit = fits[0]
        doubt = None
        if described.statistics.untouched == described.statistics.layers:
            doubt = "The network stores the statistics that it began with: it was never trained."
        elif fit.other_network:
            doubt = (
                f"Images enter the network as in its training, but not its deeper layers (distance {fit.distance:.2g}, up to "
                f"{FITS} is let pass): the weights may belong to another network than {described.architecture}."
            )
        elif not fit.fits:
            doubt = (
                f"In no size and grey range that was tried are these images such as the network was trained on (distance "
                f"{fit.distance:.2g}, up to {FITS} is let pass): give --size, --mean and --std as in training."
            )
        elif options := " and ".join((() if size else ("--size",)) + (() if given else ("--mean and --std",))):
            doubt = doubt_of(access, fits, views, answers, options)
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
    found = {way: _certainty(access, views[way[1]], taken, answers) for way, taken in ways.items()}
    words, view = max(found, key=lambda way: max(found[way], 1 - found[way]) if answers.order else found[way])
    return Feeding(ways[words, view], f"{words}, under which it answers best", view, None, None, None)


def in_order(feeding: Feeding, logits: np.ndarray, labels: np.ndarray, patients: Sequence[str]) -> Feeding:
    """With two classes whose order is open in that which fits the `logits` (n, 1 or 2) of all images and their `labels` (n,).
    `patients` (n,): whose these are.

    All members and non-members must decide, and alike: chosen on as many of the few as of the many it would favour the few. An
    order in which the answers are no more often right than chance gives is not clear.
    """
    told = task_of(logits, labels, patients)
    unordered = None if told.clear else UNORDERED.format(**asdict(told), alike=ALIKE if told.design_effect > 1 else "")
    return replace(feeding, reversed=told.right < told.asked * min(1.0, told.by_chance), unordered=unordered)


def _certainty(access: Weights, images: Tensor, input_range: InputRange, answers: Answers) -> float:
    """The mean probability of the true answers; of two classes the other way round it would be 1 less this."""
    assert answers.labels is not None
    margins = signed_margin(predict_logits(access.target, images, input_range), answers.labels)
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
