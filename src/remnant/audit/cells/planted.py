"""The planted positive of a model that cannot be trained again: a copy is trained on with non-members, who must then be found.

Enough of it makes anybody conspicuous, to an attack that sees nothing of ordinary training, too. So the copy learns the planted
as well by heart as a training does and no better, and is then looked at once. An attack that does not find them at that dose is
too weak: its silence about the members means nothing.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from remnant.audit.cells.fits import loss_of
from remnant.audit.findings.controls import FEWEST_PLANTED
from remnant.base.seeds import Seeds
from remnant.base.texts import short
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.engine.device import place
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.objective import training_loss

SHARE = 0.25  # of the non-members are planted, and no fewer than `FEWEST_PLANTED`
MOST = 20
MEASURED = 40  # images by which a loss is told
# Of a stranger's loss. On phantoms that learned nothing, signed margin and Dice find the planted with an AUC of 0.99 here;
# of what hardly sees, right or wrong stays at 0.74 and two values at 0.83, which a hundredth of the loss would bring to 0.90.
BY_HEART = 0.1
CLEARLY = 0.5  # of a stranger's loss, below which members are fit better
NEAR = 1.1  # times the loss that is asked for
HALVINGS = 8
RATE, HIGHEST, LOWEST = 3e-4, 1e-2, 1e-6  # of Adam
RISE, ENOUGH = 3**0.5, 0.5**0.5  # of the rate where a round leaves more than this share of the loss
FALL = 3.0  # of the rate where a round did not lower the loss
BATCH = 4
ROUND = 10  # steps between two measurements of the loss


@dataclass(frozen=True)
class Dose:
    """How well somebody is known by heart, as mean cross-entropies in nats: `before`, of strangers under the audited network;
    `members`, of those who trained it; `loss`, of the planted under the copy."""

    before: float
    members: float
    loss: float = float("nan")

    @property
    def asked(self) -> float:
        """Below which the planted are not brought: the members' own loss, or, where they are fit hardly better than strangers,
        so that nobody knows what to learn by heart is here, a tenth of theirs."""
        return self.members if self.like_members else BY_HEART * self.before

    @property
    def like_members(self) -> bool:
        """Whether members are fit so much better than strangers that the planted are to be known as they are."""
        return self.members < CLEARLY * self.before

    @property
    def reached(self) -> bool:
        """Whether the training came so far."""
        return self.loss <= NEAR * self.asked

    @property
    def said(self) -> str:
        """In words, to follow "found"."""
        if self.like_members:
            known = f"known {'as well as' if self.reached else 'less well than'} members"
        else:
            known = f"{'' if self.reached else 'not '}known by heart"
        strangers = "" if self.like_members else f", strangers' {self.before:.2g}"
        return f"when {known} (loss {self.loss:.2g}, members' {self.members:.2g}{strangers})"


def chosen(non_members: tuple[str, ...], seeds: Seeds) -> tuple[str, ...]:
    """Who is planted: a random share of the non-members, of whom as many at least stay as are planted."""
    count = min(MOST, max(FEWEST_PLANTED, round(SHARE * len(non_members))), len(non_members) // 2)
    order = seeds.child("who").numpy().permutation(len(non_members))
    return tuple(non_members[i] for i in order[:count])


def hindrance(target: Audited, images: Images) -> str:
    """Why no copy of the network can be trained on, tried by one step; empty where one can."""
    if not target.trainable:
        return "the network answers through a sliding window; train() would show it"
    try:
        copied = target.copied()
        for weight in copied.module.parameters():
            weight.requires_grad_(weight.is_floating_point())
        training_loss(copied, images.images[0], (images.labels or ())[0]).backward()
    except RuntimeError as error:
        if lacks_memory(error):
            raise
        return f"the network cannot be copied and trained on ({short(error, 120)})"
    return ""


def dose_of(target: Audited, strangers: Images, trained: Images, seeds: Seeds) -> Dose:
    """What the images of `strangers`, of whom some are to be planted in `target`, and those that `trained` it are to it. Of all
    strangers: of the few who are planted it would be a matter of chance whether members are known clearly better."""
    return Dose(mean_loss(target, _some(strangers, seeds)), mean_loss(target, _some(trained, seeds)))


def _some(images: Images, seeds: Seeds) -> Images:
    """As many of the images as a loss is told by, drawn at random."""
    order = seeds.child("measured").numpy().permutation(len(images))
    return images.take(sorted(order[:MEASURED].tolist()))


def mean_loss(target: Audited, images: Images) -> float:
    """The mean cross-entropy in nats of what the network answers about the images, whatever loss it was trained by."""
    labels = images.labels
    assert labels is not None
    return sum(loss_of(target, logits, labels[i]) for i, logits in target.answers(images)) / len(images)


def trained_on(
    target: Audited, own: Images, seeds: Seeds, steps: int, asked: float, tell: Callable[[int, float], None]
) -> tuple[Audited, float]:
    """A copy of `target` that was trained on with the images `own` until their mean loss is `asked`, or for so many `steps`; and
    that loss. `tell(steps, loss)` hears of every round.

    Statistics of norm layers and dropout stay as in evaluation mode, so that the copy differs in what it learned by heart
    alone. Of the last round only as much is kept as leaves the loss above what is asked, and nothing of a round that did not
    lower it: the next one takes smaller steps, and where these help no more the training ends.
    """
    copied = target.copied()
    place(copied.module).eval()
    weights = [weight.requires_grad_() for weight in copied.module.parameters() if weight.is_floating_point()]
    rate = RATE
    optimiser = torch.optim.Adam(weights, lr=rate)
    draw, labels = seeds.child("order").numpy(), own.labels
    assert labels is not None
    seen = _some(own, seeds)
    before, order, taken = mean_loss(copied, seen), [], 0
    while taken < steps and rate > LOWEST:
        kept, momenta = [weight.detach().clone() for weight in weights], copy.deepcopy(optimiser.state_dict())
        for _ in range(min(ROUND, steps - taken)):
            order = order or draw.permutation(len(own)).tolist()
            batch, order = order[:BATCH], order[BATCH:]
            optimiser.zero_grad()
            for i in batch:
                # One by one, which takes as long, and memory for no more than one image.
                (training_loss(copied, own.images[i], labels[i]) / len(batch)).backward()
            optimiser.step()
            taken += 1
        loss = mean_loss(copied, seen)
        if not loss < before:  # or not a number
            _back(weights, kept)
            # Begun anew, Adam would go as far along every weight as along the one that matters most.
            optimiser.load_state_dict(momenta)
            rate = _with_rate(optimiser, rate / FALL)
            tell(taken, before)
            continue
        if loss < asked:
            loss = _shortened(weights, kept, lambda: mean_loss(copied, seen), asked)
            tell(taken, loss)
            return copied, loss
        tell(taken, loss)
        if loss > ENOUGH * before:
            rate = _with_rate(optimiser, min(HIGHEST, RISE * rate))
        before = loss
    return copied, before


def training_seconds(target: Audited, images: Images, patients: int, steps: int) -> float:
    """About how many seconds `trained_on` takes here of some of so many `patients`, whose `images` these are, by a step of it."""
    copied = target.copied()
    weights = [weight.requires_grad_() for weight in copied.module.parameters() if weight.is_floating_point()]

    def step() -> None:
        training_loss(copied, images.images[0], (images.labels or ())[0]).backward()
        for weight in weights:
            weight.grad = None

    rounds = -(-steps // ROUND) + HALVINGS
    measured = min(MEASURED, MOST * len(images) // max(1, patients))
    return steps * BATCH * timed(step) + rounds * measured * timed(lambda: mean_loss(target, images.take([0])))


def _with_rate(optimiser: torch.optim.Optimizer, rate: float) -> float:
    for group in optimiser.param_groups:
        group["lr"] = rate
    return rate


@torch.no_grad()
def _back(weights: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    for weight, was in zip(weights, kept, strict=True):
        weight.copy_(was)


@torch.no_grad()
def _shortened(weights: Sequence[Tensor], kept: Sequence[Tensor], measure: Callable[[], float], asked: float) -> float:
    """Go back from the `weights` towards those that were `kept` until the loss is no longer below what is `asked`; return it."""
    now = [weight.detach().clone() for weight in weights]

    def at(share: float) -> float:
        for weight, start, end in zip(weights, kept, now, strict=True):
            weight.copy_(start.lerp(end, share))
        return measure()

    near, far = 0.0, 1.0
    for _ in range(HALVINGS):
        share = (near + far) / 2
        loss = at(share)
        if asked <= loss <= NEAR * asked:
            return loss
        near, far = (share, far) if loss > asked else (near, share)
    return at(near)
