"""The planted positive of a model that cannot be trained again: a copy is trained on with non-members, who must then be found.

An attack that does not find them sees no memory in this network at all: its labels, its images or its signal are wrong, and
its silence about the members means nothing.
"""

from collections.abc import Iterator

import torch

from remnant.base.seeds import Seeds
from remnant.base.texts import short
from remnant.cohort.images import Images
from remnant.engine.device import place
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.objective import training_loss

FEWEST, SHARE = 3, 0.25  # patients that are planted: this share of the non-members, and no fewer
MOST = 20
RATE = 3e-4  # of Adam
BATCH = 4
ROUND = 20  # steps between two looks


def chosen(non_members: tuple[str, ...], seeds: Seeds) -> tuple[str, ...]:
    """Who is planted: a random share of the non-members, of whom as many at least stay as are planted."""
    count = min(MOST, max(FEWEST, round(SHARE * len(non_members))), len(non_members) // 2)
    order = seeds.child("who").numpy().permutation(len(non_members))
    return tuple(non_members[i] for i in order[:count])


def hindrance(target: Audited, images: Images) -> str:
    """Why no copy of the network can be trained on, tried by one step; empty where one can."""
    if not target.trainable:
        return "the network answers through a sliding window"
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


def trained_on(target: Audited, own: Images, seeds: Seeds, steps: int) -> Iterator[tuple[Audited, int, float]]:
    """Train a copy of `target` on with the images `own`; after every round the copy, the steps taken and the mean loss in nats.

    Statistics of norm layers and dropout stay as in evaluation mode, so that the copy differs in what it learned by heart
    alone. The rate triples where a round has not halved the loss.
    """
    copied = target.copied()
    place(copied.module).eval()
    weights = [weight.requires_grad_() for weight in copied.module.parameters() if weight.is_floating_point()]
    optimiser = torch.optim.Adam(weights, lr=RATE)
    draw, labels = seeds.child("order").numpy(), own.labels
    assert labels is not None
    before, order, taken = float("inf"), [], 0
    while taken < steps:
        losses = []
        for _ in range(min(ROUND, steps - taken)):
            order = order or draw.permutation(len(own)).tolist()
            batch, order = order[:BATCH], order[BATCH:]
            optimiser.zero_grad()
            loss = torch.stack([training_loss(copied, own.images[i], labels[i]) for i in batch]).mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.detach().item())
            taken += 1
        mean = sum(losses) / len(losses)
        yield copied, taken, mean
        if mean > before / 2:
            for group in optimiser.param_groups:
                group["lr"] = min(1e-2, 3 * group["lr"])
        before = mean
