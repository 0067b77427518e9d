"""Noise on latents: what the narrowest layer gives is blurred, each time anew."""

import copy
from collections.abc import Iterable

import pydantic
import torch
from torch import Tensor, nn

from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.defenses.defense import Defense, of_a_network
from remnant.targets.layers_run import layers_run


class LatentNoiseSettings(Settings):
    """`share`: standard deviation of the noise, of that of each image's own latents. `layer`: the module whose output is
    meant; by default the narrowest (`LayersRun.narrowest`), which is found by a public batch.
    """

    share: float = pydantic.Field(default=0.5, gt=0)
    layer: str = ""


class _Noise:
    """A hook that adds normal noise to what a module gives: the module keeps its name, and whoever reads it reads the sum."""

    def __init__(self, share: float, drawing: torch.Generator) -> None:
        self.share, self.drawing = share, drawing

    def __call__(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        noise = torch.randn(output.shape, generator=self.drawing).to(output)
        spread = output.detach().flatten(1).std(1, correction=0).reshape(-1, *[1] * (output.dim() - 1))
        return output + self.share * spread * noise


def blur(
    network: nn.Module, settings: LatentNoiseSettings, seeds: Seeds, public: Iterable[Tensor] | None = None
) -> nn.Module:
    """A copy of the network in which the latents of an image (n, ...) are these plus noise that is drawn anew at each call.

    `seeds` repeat the draws for an audit; who sends latents draws from the system's entropy. Raises `RemnantError` for a layer
    that there is not, and without any public batch where none is named.
    """
    network, name = copy.deepcopy(network).eval(), settings.layer
    if not name:
        first = next(iter(public or ()), None)
        if first is None:
            raise RemnantError("Noise is added to a layer; name it, or hand over public images by which it is found.")
        name = layers_run(network, first).narrowest()
    modules = dict(network.named_modules())
    if name not in modules:
        raise RemnantError(f"The network has no module {name!r}; mend the layer of latent_noise.")
    modules[name].register_forward_hook(_Noise(settings.share, seeds.torch()))
    return network


LATENT_NOISE = Defense(
    "latent_noise",
    "noise on latents",
    "Latents leave with noise that is drawn anew each time; the task suffers, and many latents of one image average "
    "it away.",
    "network",
    blur,
    "Remnant",
    LatentNoiseSettings,
    of_a_network,
    ("latents",),
)
