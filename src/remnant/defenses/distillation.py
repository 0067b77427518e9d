"""Distillation: a student learns what a network answers about public images, and never sees a patient."""

import copy
from collections.abc import Iterable, Iterator

import pydantic
import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense, of_a_network
from remnant.engine.device import as_batch, place
from remnant.engine.loop import FitSettings, fit
from remnant.targets.head import tensor_of

UNNAMED_SPREAD = 0.02  # of weights that no layer knows how to begin, as the position of a transformer's patches


class DistillationSettings(Settings):
    """`epochs` over the public images, at a `learning_rate` that falls as in every training."""

    epochs: int = pydantic.Field(default=100, ge=1)
    learning_rate: float = pydantic.Field(default=3e-3, gt=0)


def distil(
    network: nn.Module, settings: DistillationSettings, seeds: Seeds, public: Iterable[Tensor] | None = None
) -> nn.Module:
    """A network of the same layers that begins anew and learns the answers to the `public` batches, by their mean squared
    difference (Ba and Caruana 2014, equation 1), which asks of logits and of probabilities alike.

    Of what the network learned nothing passes but by these answers. Raises `RemnantError` without public images.
    """
    batches = list(public or ())
    if not batches:
        raise RemnantError("A student learns from public images; hand some over.")
    teacher = place(copy.deepcopy(network)).eval()
    with torch.no_grad():
        pairs = [(batch, tensor_of(teacher(batch))) for batch in map(as_batch, batches)]
    order = seeds.child("order").numpy()

    def draw_epoch(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for number in order.permutation(len(pairs)):
            yield pairs[number]

    def loss(model: nn.Module, pair: tuple[Tensor, Tensor]) -> Tensor:
        return functional.mse_loss(tensor_of(model(pair[0])).float(), pair[1].float())

    student = begun_anew(network, seeds.child("weights"))
    fit(
        student, draw_epoch, len(pairs), loss, FitSettings(epochs=settings.epochs, learning_rate=settings.learning_rate)
    )
    return student.eval()


def begun_anew(network: nn.Module, seeds: Seeds) -> nn.Module:
    """A copy of the network with weights that nobody trained: each layer begins as PyTorch's does, and weights that belong to
    none are drawn with the spread `UNNAMED_SPREAD`."""
    student = copy.deepcopy(network).requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.integer)
        for module in student.modules():
            begin = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
            if begin:
                begin()
                continue
            for weight in module.parameters(recurse=False):
                nn.init.normal_(weight, std=UNNAMED_SPREAD)
    return student


DISTILLATION = Defense(
    "distillation",
    "distillation on public images",
    "A student learns the network's answers to public images alone, and no patient trains it; accuracy falls where these "
    "images differ.",
    "network",
    distil,
    "Ba and Caruana 2014; Shejwalkar and Houmansadr 2021",
    DistillationSettings,
    of_a_network,
    public=True,
)
