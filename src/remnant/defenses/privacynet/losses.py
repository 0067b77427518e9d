"""What Privacy-Net's networks minimise (Kim 2019), and further terms of what an encoder gains by hiding."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from remnant.defenses.privacynet.settings import Adversary, Segmentation
from remnant.engine.soft_dice import EVERYWHERE, one_hot, soft_dice


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - 2 sum(y p) / (sum y + sum p), a scalar in [0, 1] (Kim 2019, segmentation loss).

    `logits` (n, classes, x, y, z), `labels` (n, x, y, z) class indices; y is the truth and p the probability of a class, and
    the sums run over all voxels of all classes but the background, whose share of a patch would drown the others.
    """
    probability, truth = logits.float().softmax(1), one_hot(labels, logits)
    return 1 - soft_dice(probability[:, 1:], truth[:, 1:], (0, 1, 2, 3, 4))


def every_class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the classes of 1 - Dice, plus the voxels' cross-entropy in nats: a scalar >= 0 that learns small classes.

    In `dice_loss` a class weighs by its size: a network gains all but nothing by drawing a small one, and with few steps never
    begins to. Here the classes that a batch holds weigh alike in the Dice, and by the square root of their size in the
    cross-entropy, which pulls where nothing is drawn yet and Dice is flat. Shapes as in `dice_loss`. Ours, not Kim 2019's; the
    sum of the two is that of Isensee 2021 (nnU-Net).
    """
    probability, truth = logits.float().softmax(1), one_hot(labels, logits)
    sizes = truth.sum(EVERYWHERE)
    scores = soft_dice(probability, truth)
    present = (sizes > 0)[1:].float()
    missed = (present * (1 - scores[1:])).sum() / present.sum().clamp(min=1)
    return missed + functional.cross_entropy(logits.float(), labels.long(), weight=(sizes + 1).rsqrt())


def same_patient_loss(logits: Tensor, same: Tensor) -> Tensor:
    """Binary cross-entropy in nats, a scalar, of `logits` (n,) that two codes are of one patient with `same` (n,) of 0 and 1."""
    return functional.binary_cross_entropy_with_logits(logits.float(), same.float())


def published_term(logits: Tensor, same: Tensor) -> Tensor:
    """-Ldis (Kim 2019, objective): what the encoder adds lambda times of. Without a lower bound: an adversary that is
    confidently wrong pays more than one that has to guess, though it knows the answer.
    """
    return -same_patient_loss(logits, same)


def entropy_term(logits: Tensor) -> Tensor:
    """mean log 2 - H(p) >= 0 in nats, a scalar: how far the adversary is from being undecided; 0 where p is 1/2 for all pairs."""
    probability = logits.float().sigmoid()
    entropy = -(probability * functional.logsigmoid(logits.float()))
    entropy = entropy - (1 - probability) * functional.logsigmoid(-logits.float())
    return math.log(2) - entropy.mean()


def confusion_term(logits: Tensor) -> Tensor:
    """mean KL(1/2 || p) = mean[softplus(l) / 2 + softplus(-l) / 2] - log 2 >= 0 in nats, a scalar; 0 where all p are 1/2.

    The confusion loss of Tzeng 2015 for two classes. Its gradient at a logit l is p - 1/2; that of `entropy_term`, p (1 - p) l,
    and that of `published_term` vanish where the adversary is rightly sure.
    """
    return (functional.softplus(logits.float()) + functional.softplus(-logits.float())).mean() / 2 - math.log(2)


def gradient_penalty(compare: Callable[[Tensor, Tensor], Tensor], codes: Tensor) -> Tensor:
    """R1 (Mescheder 2018, without gamma / 2): the squared gradient of a pair's logit at both of its codes, mean over
    the pairs; a scalar that can be differentiated.

    `compare(first, second)` gives logits (n,), each of its own pair alone; `codes` (2n, 1, p, p, p), the anchors first. In
    float32, since it is differentiated twice.
    """
    codes = codes.detach().float().requires_grad_()
    with torch.autocast(codes.device.type, enabled=False):
        logits = compare(*codes.chunk(2))
        (slope,) = torch.autograd.grad(logits.sum(), codes, create_graph=True)
    return slope.square().sum() / len(logits)


def inversion_error(drawn: Tensor, scans: Tensor) -> Tensor:
    """Squared error of `drawn` (n, 1, x, y, z), a scalar, as a share of that of each scan's own mean: 1 is to know nothing."""
    spread = (scans - scans.mean((2, 3, 4), keepdim=True)).square().mean()
    return functional.mse_loss(drawn.float(), scans) / (spread + 1e-6)


def inversion_term(drawn: Tensor, scans: Tensor) -> Tensor:
    """max(0, 1 - `inversion_error`), a scalar in [0, 1]: how much more an inversion adversary knows than each scan's own mean.

    Bounded, so that an encoder gains nothing by misleading an adversary that knows nothing any more.
    """
    return functional.relu(1 - inversion_error(drawn, scans))


SEGMENTATION: dict[Segmentation, Callable[[Tensor, Tensor], Tensor]] = {
    "published": dice_loss,
    "every_class": every_class_loss,
}
# What an encoder gains by hiding, of the logits of a discriminator and of who is the same.
HIDING: dict[Adversary, Callable[[Tensor, Tensor], Tensor]] = {
    "published": published_term,
    "entropy": lambda logits, same: entropy_term(logits),
    "inversion": lambda logits, same: entropy_term(logits),
    "confusion": lambda logits, same: confusion_term(logits),
}
