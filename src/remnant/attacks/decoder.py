"""The inversion decoders, each a file of this room, and each of them as an attack on latents."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from remnant.attacks.attack import Attack, Reconstructions, Work
from remnant.attacks.default import DefaultSettings, train_default
from remnant.attacks.inversion import INVERSION
from remnant.attacks.linear import LinearSettings, train_linear
from remnant.attacks.published import PublishedSettings, train_published
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images, stacked
from remnant.engine.cost import timed
from remnant.engine.device import as_batch
from remnant.nets.inversion import ImageDecoder, MirrorDecoder
from remnant.nets.linear import LinearDecoder
from remnant.targets.access import Latents
from remnant.targets.checkpoint import load_checkpoint, save_checkpoint
from remnant.targets.seen import SeenLatents


@dataclass(frozen=True)
class Decoder:
    """An inversion decoder, as a study and a report meet it; as an attack it is `decoder_attack(name)`.

    `train(access, own, settings, seeds, report)` gives a `network`; `arguments(settings, model)` build one again that can
    load the trained model's weights. `words` describe it in a report. `sample(settings)` are the settings of a short training,
    which a forecast times on `SAMPLED` scans, and `samples(settings, own)` as how many of those one on `own` scans counts.
    """

    settings: type[Settings]
    train: Callable[..., nn.Module]
    network: type[nn.Module]
    arguments: Callable[[Any, Any], dict[str, Any]]
    words: str
    sample: Callable[[Any], Any]
    samples: Callable[[Any, int], float]


SAMPLED = 2
KEPT = "decoder.safetensors"


def _one_epoch(settings: Any) -> Any:
    return settings.changed(fit=settings.fit.changed(epochs=1))


def _epochs(settings: Any, own: int) -> float:
    return settings.fit.epochs * own / SAMPLED


# The room's list of inversion decoders: a new one is a file and an entry here.
DECODERS: dict[str, Decoder] = {
    "published": Decoder(
        PublishedSettings,
        train_published,
        MirrorDecoder,
        lambda settings, model: {"widths": settings.widths, "norm": settings.norm},
        words="as published (trained on stored latents by mean squared error)",
        sample=_one_epoch,
        samples=_epochs,
    ),
    "default": Decoder(
        DefaultSettings,
        train_default,
        ImageDecoder,
        lambda settings, model: {"shape": model.mean.shape[2:], "widths": settings.widths},
        words="ours (the attacker's scans warped anew at each step and passed through the encoder again, SSIM in its loss, "
        "drawn upon its mean image)",
        sample=_one_epoch,
        samples=_epochs,
    ),
    "linear": Decoder(
        LinearSettings,
        train_linear,
        LinearDecoder,
        lambda settings, model: {
            "latent": model.centre.shape[1:],
            "shape": model.mean.shape[2:],
            "components": len(model.basis),
        },
        words="linear (ridge regression from the latents of the attacker's warped scans to these scans, in closed form)",
        sample=lambda settings: settings.changed(pairs=2 * SAMPLED),
        samples=lambda settings, own: settings.pairs / (2 * SAMPLED),
    ),
}


def decoder_attack(name: str) -> Attack:
    """The decoder of this name, one of `DECODERS`, as an attack: it learns on the attacker's own images, leaves itself in the
    attack's folder (`kept_decoder`), and draws an image for every latent."""
    decoder = DECODERS[name]

    def run(access: SeenLatents, own: Images, settings: Settings, work: Work) -> list[Reconstructions]:
        latents = Latents(access.encode, access.latents)
        model = decoder.train(latents, stacked(own.images), settings, work.seeds, work.epoch)
        save_checkpoint(work.folder / KEPT, model, decoder.arguments(settings, model))
        return [claimed(model, access, own, name)]

    def cost(access: SeenLatents, own: Images, settings: Settings, work: Work) -> float:
        latents, few = Latents(access.encode, access.latents), stacked(own.images[:SAMPLED])
        short = decoder.sample(settings)
        once = timed(lambda: decoder.train(latents, few, short, Seeds(0), lambda *unheard: None))
        return decoder.samples(settings, len(own)) * once

    return Attack(
        name,
        f"images reconstructed from latents by a decoder, {decoder.words}",
        access="latents",
        claim="reconstructions",
        run=run,
        source="Subbanna et al. 2021",
        applies=INVERSION.applies,
        needs=INVERSION.needs,
        settings=decoder.settings,
        cost=cost,
    )


def claimed(model: nn.Module, access: SeenLatents, own: Images, name: str) -> Reconstructions:
    """What a decoder `model` of this name draws of every latent, beside the mean of the attacker's own images."""
    mean = stacked(own.images).mean(0)
    return Reconstructions(f"latents, decoder {name}", access.patients, reconstruct(model, access.latents), mean)


def kept_decoder(folder: Path) -> nn.Module:
    """The decoder that an attack left in its folder, in evaluation mode; raises `RemnantError` as `load_checkpoint` does."""
    return load_checkpoint(folder / KEPT, {one.network.__name__: one.network for one in DECODERS.values()})


@torch.no_grad()
def reconstruct(decoder: nn.Module, latents: Tensor) -> Tensor:
    """Reconstructions (m, 1, x, y, z), float32, clamped to [0, 1], of `latents` (m, c, x', y', z')."""
    return torch.cat([decoder(as_batch(latents[i : i + 1])).float().clamp(0, 1).cpu() for i in range(len(latents))])
