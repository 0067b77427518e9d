"""Membership by the gradient: training has brought the loss of its patients to a place where it is flat."""

import numpy as np
import torch
from torch import nn

from remnant.attacks.attack import Attack, Scores, Work
from remnant.base.config import Settings
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited
from remnant.targets.objective import image_loss

VIEW = "gradient norm of the last layer"
# Weights that a gradient is taken of; those of norms are few and say little.
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def by_gradient(target: Audited, candidates: Images, settings: Settings, work: Work) -> list[Scores]:
    """Minus the logarithm of the norm of the loss's gradient in the weights of the layer that is last to run (Nasr, Shokri and
    Houmansadr 2019, arXiv 1812.00910), mean over a patient's images."""
    weight = last_layer(target, candidates).weight
    was = weight.requires_grad
    norms = []
    try:
        weight.requires_grad_(True)
        for image, label in zip(candidates.images, candidates.labels or (), strict=True):
            gradient = torch.autograd.grad(image_loss(target, image, label), weight, allow_unused=True)[0]
            norms.append(0.0 if gradient is None else float(gradient.float().norm()))
    finally:
        weight.requires_grad_(was)
    floor = np.finfo(np.float32).tiny
    return [Scores(VIEW, *patient_means(-np.log(np.maximum(norms, floor)), candidates.patients))]


def last_layer(target: Audited, candidates: Images) -> nn.Module:
    """The layer with a weight that runs last on the way to the answer; the last by name says nothing of the order."""
    ran: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda one, inputs, output: ran.append(one))
        for module in target.module.modules()
        if isinstance(module, LAYERS)
    ]
    try:
        with torch.no_grad():
            target.module(candidates.images[0][None].to(target.device))
    finally:
        for handle in handles:
            handle.remove()
    return ran[-1]


def _differentiable(target: Audited, candidates: Images) -> str:
    if candidates.labels is None:
        return "no labels were handed over"
    if target.forward is not target.module:
        return "the network answers through a sliding window"
    if not any(isinstance(module, LAYERS) for module in target.module.modules()):
        return "the network has no linear layer or convolution whose gradient could be taken"
    return ""


GRADIENT = Attack(
    "gradient",
    "the norm of the loss's gradient in the last layer, for each patient's images",
    access="Weights",
    claim="patient_scores",
    run=by_gradient,
    source="Nasr, Shokri and Houmansadr 2019, arXiv 1812.00910",
    applies=_differentiable,
)
