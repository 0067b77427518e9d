"""DP-SGD: a training that learns of each patient no more than a bound allows, whatever his images are."""

import importlib.util
import math
import secrets
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import pydantic
import torch
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense
from remnant.targets.recipes import Batch, Recipe

LARGEST_NOISE = 1e4  # beyond which no step learns anything
NO_BOUND = 0.99  # of a membership advantage that is 1 at most
# Of Renyi's divergence: Opacus' own, and beyond them what large and small epsilons are told best by.
ORDERS = (1.001, 1.003, 1.01, 1.03, *(1 + tenth / 10 for tenth in range(1, 100)), *range(12, 64), 128, 256, 512)
COARSE = 12  # so many orders are passed over where the best is looked for first


class DpSgdSettings(Settings):
    """(`epsilon`, `delta`): the guarantee for a patient with all of his images, by Opacus' `accountant`. `clip`: the norm beyond
    which what a step learns of a patient is shortened. `repeatable`: draw noise from the run's seeds, as an audit does of a
    training that it repeats; whoever has the seed can take it off, so that a model that leaves is trained with `false`, which
    draws from the system's entropy.
    """

    epsilon: float = pydantic.Field(default=8.0, gt=0)
    delta: float = pydantic.Field(default=1e-5, gt=0, lt=1)
    clip: float = pydantic.Field(default=1.0, gt=0)
    accountant: Literal["rdp", "prv"] = "rdp"
    repeatable: bool = True


def most_advantage(epsilon: float, delta: float) -> float:
    """The largest membership advantage, true minus false positive rate, that any attack can have on a training of this guarantee:
    1 - 2 (1 - delta) / (1 + exp(epsilon)) (Kairouz, Oh and Viswanath 2015, theorem 2.1)."""
    return 1 - 2 * (1 - delta) * math.exp(-epsilon) / (1 + math.exp(-epsilon))


def promised(settings: DpSgdSettings) -> str:
    """What epsilon and delta guarantee against every attack there is, or that they guarantee nothing."""
    most, given = most_advantage(settings.epsilon, settings.delta), f"({settings.epsilon:g}, {settings.delta:g})"
    if most > NO_BOUND:
        return (
            f"The guarantee {given} allows a membership advantage of {most:.2f}, of 1 at most, and so bounds no attack: what the "
            "noise is worth is what was measured."
        )
    return f"The guarantee {given} bounds the membership advantage of any attack, of those to come, too, at {most:.2f}."


@dataclass(frozen=True)
class Guarantee:
    """(`epsilon`, `delta`) of a training of `steps`, each of which draws every patient with the probability `share` and adds
    noise of `noise` times the clipping norm; reckoned by `accountant`. Two cohorts that differ by one `unit` are neighbours.
    Where it is `repeatable`, it holds against whoever has not the seed.
    """

    epsilon: float
    delta: float
    noise: float
    share: float
    steps: int
    clip: float
    accountant: str
    repeatable: bool
    unit: str = "patient"


@cache
def guarantee(settings: DpSgdSettings, patients: int, share: float, steps: int) -> Guarantee:
    """The least noise by which a training keeps to the settings, and the epsilon that it comes to.

    Raises `RemnantError` without Opacus, for a delta of 1 / `patients` or more, and for an epsilon that no noise reaches.
    """
    if settings.delta >= 1 / patients:
        raise RemnantError(
            f"delta is {settings.delta:g}, and must be below 1 / {patients} patients: otherwise a patient may be told in full."
        )
    if not importlib.util.find_spec("opacus"):
        raise RemnantError(
            "DP-SGD needs Opacus, which reckons epsilon and is not installed; run `pip install 'remnant[dp]'`."
        )
    low, high = 0.0, 1.0
    while (epsilon := _epsilon(settings, high, share, steps)) > settings.epsilon:
        low, high = high, 2 * high
        if high > LARGEST_NOISE:
            raise RemnantError(
                f"An epsilon of {settings.epsilon:g} is out of reach with {patients} patients and {steps} steps; allow more, "
                "train fewer epochs or on more patients."
            )
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        found = _epsilon(settings, middle, share, steps)
        low, high, epsilon = (low, middle, found) if found <= settings.epsilon else (middle, high, epsilon)
    return Guarantee(
        epsilon, settings.delta, high, share, steps, settings.clip, settings.accountant, settings.repeatable
    )


def _epsilon(settings: DpSgdSettings, noise: float, share: float, steps: int) -> float:
    from opacus.accountants import create_accountant

    accountant = create_accountant(mechanism=settings.accountant)
    accountant.history = [(noise, share, steps)]
    if settings.accountant != "rdp":
        return float(accountant.get_epsilon(delta=settings.delta))
    # Any order bounds epsilon. The best of them lies beside the best of a few, for bounds fall with the order and then rise.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Opacus', that the best order is at an end
        least = accountant.get_privacy_spent(delta=settings.delta, alphas=list(ORDERS[::COARSE]))[1]
        near = ORDERS.index(least)
        alphas = list(ORDERS[max(0, near - COARSE) : near + COARSE + 1])
        return float(accountant.get_privacy_spent(delta=settings.delta, alphas=alphas)[0])


@dataclass
class DpSgdSteps:
    """The steps of a training of so many `patients` under a guarantee (Abadi et al. 2016, algorithm 1)."""

    told: Guarantee
    patients: int
    seeds: Seeds
    _drawn: np.random.Generator = field(init=False)
    _noise: torch.Generator = field(init=False)

    def __post_init__(self) -> None:
        seeds = self.seeds if self.told.repeatable else Seeds(secrets.randbits(128))
        self._drawn, self._noise = seeds.child("drawn").numpy(), seeds.child("noise").torch()

    def draw(self) -> list[int]:
        """Places of the patients of the next step: each with the probability `share`, so that there may be none."""
        return np.flatnonzero(self._drawn.random(self.patients) < self.told.share).tolist()

    def learn(self, network: nn.Module, records: Sequence[Batch], loss: Callable[[nn.Module, Batch], Tensor]) -> Tensor:
        """Give the weights the noisy mean of the clipped gradients of `records`, one a patient; the mean loss of these.

        A pass a patient, which is exact in any network that mixes no images: layers need no rule of their own. In memory are one
        patient's activations and two sets of weights, whatever the batch; ghost clipping (Li et al. 2021) saves the gradients a
        patient of a whole batch, of which there are none here, and holds the activations of all.
        """
        weights = [weight for weight in network.parameters() if weight.requires_grad]
        summed, losses = [torch.zeros_like(weight) for weight in weights], []
        for record in records:
            value = loss(network, record)
            found = torch.autograd.grad(value, weights, allow_unused=True, materialize_grads=True)
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(found)))
            torch._foreach_add_(
                summed, torch._foreach_mul(found, (self.told.clip / norm.clamp(min=1e-12)).clamp(max=1))
            )
            losses.append(value.detach())
        spread, expected = self.told.noise * self.told.clip, self.told.share * self.patients
        for weight, total in zip(weights, summed, strict=True):
            noise = torch.randn(weight.shape, generator=self._noise).to(weight)
            weight.grad = (total + spread * noise) / expected
        return torch.stack(losses).mean() if losses else torch.zeros(())


def privatise(recipe: Recipe, settings: DpSgdSettings) -> Recipe:
    """The recipe whose steps learn by `DpSgdSteps`, of a network that normalises each image by itself, or none at all."""
    arguments = dict(recipe.arguments)
    # BatchNorm mixes patients, whose gradients would hang on each other.
    if arguments.get("norm") != "none":
        arguments["norm"] = "group"
    return replace(recipe, arguments=arguments, privacy=partial(_begin, settings))


def _begin(settings: DpSgdSettings, patients: int, share: float, steps: int, seeds: Seeds) -> DpSgdSteps:
    return DpSgdSteps(guarantee(settings, patients, share, steps), patients, seeds)


def _applies(subject: Any) -> str:
    untrainable = isinstance(subject, nn.Module) and next(subject.parameters(), None) is None
    return "the network has no weights to train" if untrainable else ""


DP_SGD = Defense(
    "dp_sgd",
    "differential privacy (DP-SGD)",
    "What a step learns of each patient is clipped and blurred by noise, so that epsilon bounds any membership attack; "
    "accuracy falls, most with few patients.",
    "training",
    privatise,
    "Abadi et al. 2016, Opacus",
    DpSgdSettings,
    _applies,
    inside="train() takes its own steps, and each has to be clipped and blurred: Opacus does that in train()",
    promises=promised,
)
