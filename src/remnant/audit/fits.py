"""Whether the cohort is the model's: whoever is silent about images that he cannot read clears nobody."""

import numpy as np
import torch
from torch.nn import functional

from remnant.audit.material import Material
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, Label
from remnant.measure.membership_inference import MEMBER
from remnant.targets.audited import Audited

LEVEL = 0.05
DRAWS = 999
MOST = 24  # images that are looked at: a label map is held against each answer


def fit_of(target: Audited, images: Images, seeds: Seeds) -> tuple[float, float, float | None]:
    """The mean cross-entropy in nats of the answers about `images` under their own labels, its mean under exchanged ones, and the
    one-sided p of the first being no lower (Monte Carlo); None where labels are all alike, which no exchange changes."""
    draw = seeds.numpy()
    shape = images.images[0].shape
    same = [i for i, image in enumerate(images.images) if image.shape == shape]
    taken = images.take(sorted(draw.permutation(same)[:MOST]))
    labels = [torch.as_tensor(label) for label in taken.labels or ()]
    if len(labels) < 2 or all(torch.equal(label, labels[0]) for label in labels):
        return float("nan"), float("nan"), None
    answers = [logits for _, logits in target.answers(taken)]
    losses = np.array([[loss_of(target, answer, label) for label in labels] for answer in answers])
    own = float(np.diag(losses).mean())
    rows = np.arange(len(labels))
    exchanged = np.array([losses[rows, draw.permutation(rows)].mean() for _ in range(DRAWS)])
    return own, float(exchanged.mean()), (1 + int((exchanged <= own + 1e-12).sum())) / (DRAWS + 1)


def fit_of_members(material: Material, seed: int) -> dict[str, float | None]:
    """`fit_of` those who trained the model, as a cell returns it."""
    own, exchanged, p = fit_of(
        material.target, material.images.of(material.group(MEMBER)), Seeds(seed).child("audit", "fit")
    )
    return {"own": None if p is None else own, "exchanged": None if p is None else exchanged, "p": p}


def misfit(found: dict[str, float | None]) -> list[str]:
    """Why a model that answers so clears nobody; nothing where it fits or none can tell."""
    if found["p"] is None or found["p"] <= LEVEL:
        return []
    return [
        "The model answers no better than chance about those who trained it: check that images and labels are prepared as in "
        "training."
    ]


def loss_of(target: Audited, logits: torch.Tensor, label: Label) -> float:
    """The cross-entropy in nats of the answer `logits` (outputs, *spatial) about one image, over what is known of its label."""
    label = torch.as_tensor(label)
    if target.head.kind == "softmax":
        return float(functional.cross_entropy(logits[None], label.long()[None]))
    truth = label.to(logits.dtype).reshape(logits.shape)
    known = torch.isfinite(truth)
    return float(functional.binary_cross_entropy_with_logits(logits[known], truth[known])) if known.any() else 0.0
