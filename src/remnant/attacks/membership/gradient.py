"""Membership by the gradient: training has brought the loss of its patients to a place where it is flat."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Attack, PatientScores, Work, without_labels
from remnant.base.config import Settings
from remnant.base.texts import short
from remnant.cohort.images import Images, patient_means
from remnant.measure.influence import self_influence
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.layers_run import layers_run
from remnant.targets.objective import training_loss
from remnant.targets.seen import SeenWeights

NORM, INFLUENCE = "gradient norm of the last layer", "self-influence in the last layer"
WIDEST = (
    4096  # values that are kept of a gradient; of more so many random sums, whose products are about those of the whole
)


def by_gradient(access: SeenWeights, own: Images | None, settings: Settings, work: Work) -> list[PatientScores]:
    """By the loss's gradient in the weights of the layer that is last to run, means over a patient's images: minus the logarithm
    of its norm (Nasr, Shokri and Houmansadr 2019, arXiv 1812.00910), and minus that of the image's influence on its own loss
    (`measure.influence`), for which an image of the others' kind counts less than one that nobody is like."""
    target, candidates = access.target, access.candidates
    name = _last(target, candidates)
    assert name is not None
    floor = np.finfo(np.float32).tiny
    norms, influences = np.zeros(len(candidates)), np.zeros(len(candidates))
    for places in _by_network(target, candidates.patients):
        kept = []
        for place, gradient in zip(places, _gradients(target, name, candidates.take(places)), strict=True):
            norms[place] = float(gradient.norm())
            kept.append(_summed(gradient, work).cpu().numpy())
        influences[places] = self_influence(np.stack(kept))
    return [
        PatientScores(view, *patient_means(-np.log(np.maximum(values, floor)), candidates.patients))
        for view, values in ((NORM, norms), (INFLUENCE, influences))
    ]


def _by_network(target: Audited, patients: tuple[str, ...]) -> list[list[int]]:
    """The places of the images that are put to each network: gradients of two are not of the same weights."""
    found: dict[int, list[int]] = {}
    for place, patient in enumerate(patients):
        found.setdefault(id(target.of(patient)), []).append(place)
    return list(found.values())


def _summed(gradient: Tensor, work: Work) -> Tensor:
    """`gradient` (weights,), or of a wider one `WIDEST` sums of its values with random signs (Charikar, Chen and Farach-Colton
    2002)."""
    if len(gradient) <= WIDEST:
        return gradient
    draw = work.seeds.child("sums").torch()
    places = torch.randint(0, WIDEST, (len(gradient),), generator=draw)
    signs = 2 * torch.randint(0, 2, (len(gradient),), generator=draw) - 1
    return torch.zeros(WIDEST).index_add_(0, places, signs * gradient.cpu())


def _last(target: Audited, images: Images) -> str | None:
    """The layer that is last to run, as the last by name need not be; of folds' models, which are alike, that of one."""
    one, image, label = target.of(images.patients[0]), images.images[0], (images.labels or ())[0]
    by_loss = None if one.forward is one.module else lambda batch: training_loss(one, batch[0], label)
    return layers_run(one.module, image[None].to(one.device), by_loss).last_weighed()


def _gradients(target: Audited, name: str, images: Images) -> Iterator[Tensor]:
    """Each image's gradient in the weights of the layer `name` of the network that it is put to, float32 (weights,).

    No other weight takes a gradient, so that of a scan in many windows little more is kept than what enters this layer.
    """
    for patient, image, label in zip(images.patients, images.images, images.labels or (), strict=True):
        one = target.of(patient)
        weight = one.module.get_submodule(name).weight
        was = weight.requires_grad
        try:
            weight.requires_grad_(True)
            found = torch.autograd.grad(training_loss(one, image, label), weight, allow_unused=True)[0]
        finally:
            weight.requires_grad_(was)
        yield (torch.zeros_like(weight) if found is None else found).float().flatten()


def _differentiable(target: Audited, candidates: Images, own: Images | None) -> str:
    if why := without_labels(candidates):
        return why
    name = _last(target, candidates)
    if name is None:
        return "the network has no linear layer or convolution whose gradient could be taken"
    try:
        next(_gradients(target, name, candidates.take([0])))
    except RuntimeError as error:
        if lacks_memory(error):
            raise
        return f"the loss has no gradient in the weights ({short(error, 120)})"
    return ""


GRADIENT = Attack(
    "gradient",
    "the norm of the loss's gradient in the last layer, and an image's influence on its own loss there",
    access="weights",
    claim="patient_scores",
    run=by_gradient,
    source="Nasr, Shokri and Houmansadr 2019, arXiv 1812.00910; Cohen and Giryes 2022, arXiv 2205.13680",
    applies=_differentiable,
)
