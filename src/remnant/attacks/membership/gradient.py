"""Membership by the gradient: training has brought the loss of its patients to a place where it is flat."""

import numpy as np
import torch

from remnant.attacks.attack import Attack, Scores, Work, without_labels
from remnant.base.config import Settings
from remnant.base.texts import short
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.layers_run import layers_run
from remnant.targets.objective import image_loss
from remnant.targets.seen import SeenWeights

VIEW = "gradient norm of the last layer"


def by_gradient(access: SeenWeights, own: Images | None, settings: Settings, work: Work) -> list[Scores]:
    """Minus the logarithm of the norm of the loss's gradient in the weights of the layer that is last to run (Nasr, Shokri and
    Houmansadr 2019, arXiv 1812.00910), mean over a patient's images."""
    target, candidates = access.target, access.candidates
    # The last by name says nothing of the order.
    name = layers_run(target.module, candidates.images[0][None].to(target.device)).last_weighed()
    assert name is not None
    norms = _norms(target, name, candidates)
    floor = np.finfo(np.float32).tiny
    return [Scores(VIEW, *patient_means(-np.log(np.maximum(norms, floor)), candidates.patients))]


def _norms(target: Audited, name: str, images: Images) -> list[float]:
    """The norm of each image's gradient in the weights of the layer `name`."""
    weight = target.module.get_submodule(name).weight
    was = weight.requires_grad
    norms = []
    try:
        weight.requires_grad_(True)
        for image, label in zip(images.images, images.labels or (), strict=True):
            gradient = torch.autograd.grad(image_loss(target, image, label), weight, allow_unused=True)[0]
            norms.append(0.0 if gradient is None else float(gradient.float().norm()))
    finally:
        weight.requires_grad_(was)
    return norms


def _differentiable(target: Audited, candidates: Images, own: Images | None) -> str:
    if why := without_labels(candidates):
        return why
    if target.forward is not target.module:
        return "the network answers through a sliding window"
    name = layers_run(target.module, candidates.images[0][None].to(target.device)).last_weighed()
    if name is None:
        return "the network has no linear layer or convolution whose gradient could be taken"
    try:
        _norms(target, name, candidates.take([0]))
    except RuntimeError as error:
        if lacks_memory(error):
            raise
        return f"the loss has no gradient in the weights ({short(error, 120)})"
    return ""


GRADIENT = Attack(
    "gradient",
    "the norm of the loss's gradient in the last layer, for each patient's images",
    access="weights",
    claim="patient_scores",
    run=by_gradient,
    source="Nasr, Shokri and Houmansadr 2019, arXiv 1812.00910",
    applies=_differentiable,
)
