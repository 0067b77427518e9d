"""Whether the cohort is the model's: whoever is silent about images that he cannot read clears nobody."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from remnant.audit.cells.fit_classes import alike_weighed, class_losses, constant_loss, exchanged_classes, means
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import batch_of
from remnant.audit.findings.controls import CONTROL_LEVEL
from remnant.audit.materials.material import Material
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, Label
from remnant.engine.cost import timed
from remnant.measure.roles import MEMBER
from remnant.targets.audited import Audited

FIT = "fit"
WORDS = "whether the model answers better than chance about its members"
SURELY_WORSE = (
    0.01  # from which on answers are called worse than chance: of models that know nothing one in twenty are at 0.05
)
# Times what uniform guessing costs, above which answers are sure and wrong: images of another range, most often. A loss that
# weighs rare classes may bring a sound model near to once.
WRONG = 2.0
DRAWS = 999
FIT_S = 10.0  # seconds, about, that a check may take for it
MOST = 24  # images that are looked at: a label map is held against each answer


@dataclass(frozen=True)
class Fit:
    """What a model answers about images of so many `patients`: mean cross-entropies in nats under their `own` labels and under
    `exchanged` ones, the one-sided `p` of the first being no lower (Monte Carlo), and `worse`, that of it being no higher. None
    where so few labels are exchanged, or such like ones, that no p could be small. `guessing`: that of answers all alike.

    Of a segmenter also `constant`: that of the best answer that is the same everywhere, where the model does no better; and
    `swapped`: two classes that fit better when they are exchanged, and how well. `asked`: about so many images, of so many.
    """

    patients: int
    guessing: float
    own: float | None = None
    exchanged: float | None = None
    p: float | None = None
    worse: float | None = None
    constant: float | None = None
    swapped: tuple[int, int, float] | None = None
    asked: tuple[int, int] | None = None

    @property
    def passed(self) -> bool | None:
        """Whether the answers are better than chance, and not sure of what is wrong."""
        if self.p is None or self.own is None:
            return None
        sound = self.constant is None and self.swapped is None
        return sound and self.p <= CONTROL_LEVEL and self.own <= WRONG * self.guessing

    @property
    def sentence(self) -> str:
        """The outcome, and of one that is wrong what to look for."""
        if self.p is None or self.worse is None:
            return (
                "Labels of members are too few, or too much alike, to tell whether the model answers better than chance: give "
                "members of other labels as well."
            )
        who = f"about those who trained it (cross-entropy {self.own:.2f}"
        exchanged = f"{who}, {self.exchanged:.2f} under exchanged labels)"
        if self.passed:
            return f"The model answers better than chance {exchanged}."
        if self.worse <= SURELY_WORSE:
            return f"The model answers worse than chance {exchanged}: labels are perhaps in another order than in training."
        if self.swapped:
            first, second, loss = self.swapped
            return (
                f"With classes {first} and {second} exchanged the model answers better {who}, {loss:.2f} so): labels are in "
                "another order than in training."
            )
        look = "check the images' range and normalisation, labels and weights."
        if self.p <= CONTROL_LEVEL and self.constant is not None:
            return f"The model answers worse than shares of classes {who}, {self.constant:.2f} by these alone): {look}"
        if self.p <= CONTROL_LEVEL:
            return f"The model is sure and wrong {who}, {self.guessing:.2f} by guessing): {look}"
        return f"The model answers no better than chance {exchanged}: {look}"

    def control(self) -> Control:
        """As a control of the audit."""
        asked, there_are = self.asked or (0, 0)
        some = (
            f" Asked about were {asked} of {there_are} images, drawn at random to save time."
            if asked < there_are
            else ""
        )
        told = {"passed": self.passed, "sentence": f"{self.sentence}{some}"}
        return Control(kind="fit", claim="patient_scores", value=None, p=self.p, n=self.patients, **told)


def fit_of(target: Audited, images: Images, seeds: Seeds, seconds: float = math.inf) -> Fit:
    """The fit of `MOST` images, or of fewer, so that it takes about so many `seconds`. Labels of another shape than the answer
    that they are held against are brought to it (`loss_against`)."""
    draw = seeds.numpy()
    taken = images.take(sorted(draw.permutation(len(images))[:MOST]))
    if math.isfinite(seconds):
        taken = taken.take(range(_within(target, taken, seconds)))
    labels, patients = [torch.as_tensor(label) for label in taken.labels or ()], len({*taken.patients})
    kinds = Counter(label.numpy().tobytes() for label in labels)
    deals = math.factorial(len(labels)) // math.prod(math.factorial(count) for count in kinds.values())
    asked = len(taken), len(images)
    guessing = math.log(target.head.outputs if target.head.kind == "softmax" else 2)
    if deals * CONTROL_LEVEL < 1:
        return Fit(patients, guessing, asked=asked)
    # Models of folds answer in an order of their own.
    answers = dict(target.answers(taken))
    losses = np.array([[loss_against(target, answers[i], label) for label in labels] for i in range(len(labels))])
    own = float(np.diag(losses).mean())
    rows = np.arange(len(labels))
    exchanged = np.array([losses[rows, draw.permutation(rows)].mean() for _ in range(DRAWS)])
    better, worse = (
        (1 + int(extreme.sum())) / (DRAWS + 1) for extreme in (exchanged <= own + 1e-12, exchanged >= own - 1e-12)
    )
    classes = _of_classes(target, [answers[i] for i in range(len(labels))], labels)
    return Fit(patients, guessing, own, float(exchanged.mean()), better, worse, *classes, asked=asked)


def _of_classes(
    target: Audited, answers: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]
) -> tuple[float | None, tuple[int, int, float] | None]:
    """`Fit.constant` and `Fit.swapped` of a segmenter; None of what has one answer an image.

    A training that weighs rare classes makes answers worse on the whole, and one that does not those about rare classes: a sound
    model is better than the same answer everywhere by one of the two at least.
    """
    kind = target.head.kind
    if answers[0].dim() < 2:
        return None, None
    losses, shares = means(class_losses(one, label, kind) for one, label in zip(answers, labels, strict=True))
    constant, own = constant_loss(shares, kind), float(np.trace(losses))
    fits = own < constant
    if kind == "softmax" and not fits:
        weighed, alike = alike_weighed(losses, shares)
        fits = weighed < alike
    return None if fits else constant, exchanged_classes(losses)


def _within(target: Audited, images: Images, seconds: float) -> int:
    """How many of the images: each is answered once, and its label held against each answer."""
    began = time.monotonic()
    ((_, answer),) = target.answers(images.take([0]))
    answered = time.monotonic()
    for label in (images.labels or ())[:2]:
        loss_against(target, answer, label)
    each, pair = answered - began, (time.monotonic() - answered) / min(2, len(images))
    return next(n for n in range(len(images), 0, -1) if n == 1 or n * each + n * n * pair <= seconds)


def fit_of_members(material: Material, seed: int, seconds: float = math.inf) -> Fit:
    """`fit_of` those who trained the model."""
    members = material.images.of(material.group(MEMBER))
    return fit_of(material.target, members, Seeds(seed).child("audit", "fit"), seconds)


def fit_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Whether the model answers better than chance about those who trained it."""
    fit = fit_of_members(material, seed)
    return {**asdict(fit), "controls": [fit.control().model_dump(mode="json")]}


def fit_piece(material: Material) -> Piece:
    """The piece of that: each image is answered once, and its label held against each answer."""
    images = material.images.of(material.group(MEMBER))
    part = batch_of(images, material.target.batch)
    answers = [logits for _, logits in material.target.answers(part)]
    count = min(MOST, len(images))
    seconds = timed(lambda: list(material.target.answers(part))) * count / len(part)
    if part.labels is not None:
        seconds += count**2 * timed(lambda: loss_of(material.target, answers[0], (part.labels or ())[0]))
    return Piece(FIT, WORDS, seconds, always=True)


def loss_against(target: Audited, logits: torch.Tensor, label: Label) -> float:
    """`loss_of`, also of a label map of another shape, which is stretched to the answer's or laid on its middle, whichever fits
    better: an answer that knows a place in the image, but nothing of it, then fits another's label as well as its own."""
    label = torch.as_tensor(label)
    spatial = logits.dim() - 1
    if not spatial or label.shape[-spatial:] == logits.shape[1:]:
        return loss_of(target, logits, label)
    sides = list(zip(logits.shape[1:], label.shape[-spatial:], strict=True))
    stretched = [(np.arange(here) + 0.5) * there // here for here, there in sides]
    laid = [(np.arange(here) + (there - here) // 2).clip(0, there - 1) for here, there in sides]
    return min(loss_of(target, logits, _picked(label, places)) for places in (stretched, laid))


def _picked(label: torch.Tensor, places: Sequence[np.ndarray]) -> torch.Tensor:
    """The label at these places of its last axes."""
    for axis, place in enumerate(places, start=label.dim() - len(places)):
        label = label.index_select(axis, torch.from_numpy(place.astype(np.int64)).to(label.device))
    return label


def loss_of(target: Audited, logits: torch.Tensor, label: Label) -> float:
    """The cross-entropy in nats of the answer `logits` (outputs, *spatial) about one image, over what is known of its label."""
    label = torch.as_tensor(label)
    if target.head.kind == "softmax":
        return float(functional.cross_entropy(logits[None], label.long()[None]))
    truth = label.to(logits.dtype).reshape(logits.shape)
    known = torch.isfinite(truth)
    return float(functional.binary_cross_entropy_with_logits(logits[known], truth[known])) if known.any() else 0.0
