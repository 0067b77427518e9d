"""Membership by the gradient: training has brought the loss of its patients to a place where it is flat."""

import numpy as np
import torch

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.base.config import Settings
from remnant.base.texts import short
from remnant.cohort.images import Images, patient_means
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.layers_run import layers_run
from remnant.targets.objective import training_loss
from remnant.targets.seen import SeenWeights

VIEW = "gradient norm of the last layer"


def by_gradient(access: SeenWeights, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """Minus the logarithm of the norm of the loss's gradient in the weights of the layer that is last to run (Nasr, Shokri and
    Houmansadr 2019, arXiv 1812.00910), mean over a patient's images."""
    target, candidates = access.target, access.candidates
    name = _last(target, candidates)
    assert name is not None
    norms = _norms(target, name, candidates)
    floor = np.finfo(np.float32).tiny
    return [PatientScores(VIEW, *patient_means(-np.log(np.maximum(norms, floor)), candidates.patients))]


def _last(target: Audited, images: Images) -> str | None:
    """The layer that is last to run, as the last by name need not be; of folds' models, which are alike, that of one."""
    one, image, label = target.of(images.patients[0]), images.images[0], (images.labels or ())[0]
    by_loss = None if one.forward is one.module else lambda batch: training_loss(one, batch[0], label)
    return layers_run(one.module, image[None].to(one.device), by_loss).last_weighed()


def _norms(target: Audited, name: str, images: Images) -> list[float]:
    """The norm of each image's gradient in the weights of the layer `name` of the network that it is put to.

    No other weight takes a gradient, so that of a scan in many windows little more is kept than what enters this layer.
    """
    norms = []
    for patient, image, label in zip(images.patients, images.images, images.labels or (), strict=True):
        one = target.of(patient)
        weight = one.module.get_submodule(name).weight
        was = weight.requires_grad
        try:
            weight.requires_grad_(True)
            gradient = torch.autograd.grad(training_loss(one, image, label), weight, allow_unused=True)[0]
            norms.append(0.0 if gradient is None else float(gradient.float().norm()))
        finally:
            weight.requires_grad_(was)
    return norms


def _differentiable(target: Audited, candidates: Images, own: Images | None) -> str:
    if why := without_labels(candidates):
        return why
    name = _last(target, candidates)
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
