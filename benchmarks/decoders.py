"""Does another inversion decoder draw better than the default one in the same time? Tried on phantoms, who are never reported.

    python benchmarks/decoders.py [--run runs/decoders] [--out docs/results/phantoms] [--resume]

Trains a U-Net and a SegNet on six phantom members at 4 mm and attacks them with each candidate; `decoders.json` says how
the twelve patients that the attacker does not own are drawn and found among 24 (`_phantom_attack`), beside the default.
A candidate changes the network, the loss, the attacker's scans or what is done with the latents when the decoder is trained;
its epochs are chosen so that all train as long as the default (`cpu_seconds`). A candidate is a cell of a run: a second
start with `--resume` goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from _phantom_attack import attacked, gain_row, options_of, run_benchmark, scores, target_cell, write_tables
from torch import Tensor, nn
from torch.nn import functional

from remnant.attacks.decoder import reconstruct
from remnant.attacks.default import (
    DefaultSettings,
    PairLoss,
    background_aware_error,
    error_and_ssim,
    ssim_loss,
    train_on_warps,
)
from remnant.attacks.linear import LinearSettings, train_linear
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.phantoms import BrainPhantoms
from remnant.cohort.prepare.volumes import PreparationSettings
from remnant.cohort.warp import WarpSettings
from remnant.engine.cells import Cell
from remnant.engine.loop import FitSettings
from remnant.nets.inversion import ImageDecoder
from remnant.nets.segmenter import double
from remnant.targets.access import encode
from remnant.targets.segmenter import SegmenterSettings

NETWORKS = ("unet", "segnet")
EPOCHS = 24
CHANNELS = (128, 64, 32, 16)


class Candidate(nn.Module):
    """The default decoder with any of the changes to its network that are tried; at none, the default's numbers but its seeds.

    `channels`: features at 1/16 (the latent's), 1/8, 1/4, 1/2. `places`: learned maps an output level is given beside its
    input, so that a level knows where in the aligned head it is. `blocks`: levels from the coarsest that get a residual
    3x3x3 convolution. `mean_levels`: every level sees the mean image at its own resolution.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        channels: tuple[int, ...] = CHANNELS,
        places: int = 0,
        blocks: int = 0,
        mean_levels: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, *shape))
        self.norm = nn.BatchNorm3d(channels[0])
        sides = [tuple(side >> (len(channels) - level) for side in shape) for level in range(len(channels))]
        self.places = nn.ParameterList(torch.randn(1, places, *side) * 0.1 for side in sides if places)
        self.mean_levels = mean_levels
        extra = places + mean_levels
        outputs = (*channels[1:], 1)
        self.ups = nn.ModuleList(double(below + extra, above) for below, above in zip(channels, outputs, strict=True))
        self.norms = nn.ModuleList(nn.BatchNorm3d(width) for width in outputs[:-1])
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv3d(width, width, 3, padding=1), nn.BatchNorm3d(width)) for width in outputs[:blocks]
        )
        nn.init.zeros_(self.ups[-1].weight)
        nn.init.zeros_(self.ups[-1].bias)

    def forward(self, latent: Tensor) -> Tensor:
        features = self.norm(latent)
        for level, up in enumerate(self.ups):
            given = [features]
            if self.places:
                given.append(self.places[level].expand(len(latent), -1, -1, -1, -1))
            if self.mean_levels:
                pooled = functional.avg_pool3d(self.mean, 2 ** (len(self.ups) - level))
                given.append(pooled.expand(len(latent), -1, -1, -1, -1))
            features = up(torch.cat(given, 1))
            if level < len(self.norms):
                features = functional.relu(self.norms[level](features))
            if level < len(self.blocks):
                features = features + functional.relu(self.blocks[level](features))
        return self.mean + features


class Upon(nn.Module):
    """A linear decoder, and the default's network that draws what it misses."""

    def __init__(self, linear: nn.Module, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.linear = linear
        # Its mean image stays zero: the linear decoder has one.
        self.rest = ImageDecoder(shape)

    def forward(self, latent: Tensor) -> Tensor:
        return self.linear(latent) + self.rest(latent)


def stronger_ssim(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
    return 10 * background_aware_error(drawn, truth) + 2 * ssim_loss(drawn, truth, generator)


def with_gradients(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
    """The default's loss and the absolute difference of the gradients (Mathieu 2016, equation 6)."""
    differences = [(drawn.diff(dim=axis).abs() - truth.diff(dim=axis).abs()).abs().mean() for axis in (2, 3, 4)]
    return error_and_ssim(drawn, truth, generator) + 2 * sum(differences)


def perceptual(encoder: nn.Module) -> PairLoss:
    """The default's loss and the error of the target encoder's features before each pooling, each on its own scale."""

    def loss(drawn: Tensor, truth: Tensor, generator: torch.Generator) -> Tensor:
        with torch.no_grad():
            wanted = encoder.levels(truth, indices=False)[1]
        found = encoder.levels(drawn, indices=False)[1]
        apart = [functional.mse_loss(a, b) / b.var() for a, b in zip(found, wanted, strict=True)]
        return error_and_ssim(drawn, truth, generator) + 0.05 * sum(apart)

    return loss


def mirrored(own: Tensor) -> Tensor:
    """Everybody and his mirror image, as other people."""
    return torch.cat([own, own.flip(2)])


@dataclass(frozen=True)
class Variant:
    """One candidate: the changes to the network, the loss (of the target's encoder), the scans, and how many it averages.

    `linear`: starts from a linear decoder instead of the mean image; without epochs that is all there is.
    """

    epochs: int = EPOCHS
    network: Callable[..., nn.Module] = ImageDecoder
    changes: tuple[tuple[str, Any], ...] = ()
    loss: Callable[[nn.Module], PairLoss] = lambda encoder: error_and_ssim
    scans: Callable[[Tensor], Tensor] = lambda own: own
    members: int = 1
    linear: LinearSettings | None = None
    replays: int = 1

    def settings(self) -> DefaultSettings:
        return DefaultSettings(fit=FitSettings(epochs=self.epochs, learning_rate=2e-3), replays=self.replays)


def changed(**changes: Any) -> dict[str, Any]:
    return {"network": Candidate, "changes": tuple(changes.items())}


VARIANTS = {
    "default": Variant(),
    "mirrored": Variant(epochs=12, scans=mirrored),
    "places": Variant(epochs=21, **changed(places=8)),
    "blocks": Variant(epochs=17, **changed(blocks=2)),
    "mirrored_places_blocks": Variant(epochs=8, scans=mirrored, **changed(places=8, blocks=2)),
    "mean_levels": Variant(epochs=21, **changed(mean_levels=True)),
    "wide": Variant(epochs=17, **changed(channels=(128, 128, 64, 16))),
    "stronger_ssim": Variant(loss=lambda encoder: stronger_ssim),
    "gradients": Variant(epochs=23, loss=lambda encoder: with_gradients),
    "perceptual": Variant(epochs=5, loss=perceptual),
    "ensemble": Variant(epochs=12, members=2),
    "more_replays": Variant(epochs=18, replays=2),
    "linear": Variant(epochs=0, linear=LinearSettings()),
    "linear_mirrored": Variant(epochs=0, linear=LinearSettings(), scans=mirrored),
    "linear_stronger_warps": Variant(epochs=0, linear=LinearSettings(warp=WarpSettings())),
    "linear_penalty_0.1": Variant(epochs=0, linear=LinearSettings(penalty=0.1)),
    "upon_linear": Variant(epochs=12, linear=LinearSettings(pairs=300)),
}
# The latent is moved by what the drawing's own latent lacks of it, so often and at this rate.
FEEDBACK = {"feedback_1": (1, 0.5), "feedback_4": (4, 0.5)}


def attack_cell(run: Run, network: str, variant: str, seed: int) -> dict[str, Any]:
    """Train a candidate; what it finds as it is and with feedback of the encoder."""
    data, access, own = attacked(run, network)
    chosen = VARIANTS[variant]

    def report(epoch: int, loss: float, _: float | None) -> None:
        run.log(f"{network}-{variant}", "epoch", epoch=epoch + 1, loss=loss)

    started, models = time.process_time(), []
    for member in range(chosen.members):
        seeds = Seeds(seed).child(f"attack-{network}", *([member] if member else []))
        scans, shape = chosen.scans(own), tuple(own.shape[2:])
        linear = chosen.linear and train_linear(access, scans, chosen.linear, seeds.child("linear"), report)
        torch.manual_seed(seeds.child("weights").integer)
        if linear:
            model = Upon(linear, shape)
        else:
            model = chosen.network(shape, **dict(chosen.changes))
            model.mean.copy_(own.mean(0, keepdim=True))
        loss = chosen.loss(access.encoder)
        models.append(train_on_warps(model, access.encoder, scans, chosen.settings(), seeds, report, loss))
    spent = time.process_time() - started

    def draw(latents: Tensor) -> Tensor:
        return torch.stack([reconstruct(model, latents) for model in models]).mean(0)

    found = {"plain": scores(data, draw(access.latents))}
    for name, (times, rate) in FEEDBACK.items():
        latents = access.latents
        for _ in range(times):
            latents = latents + rate * (access.latents - encode(access.encoder, draw(latents)))
        found[name] = scores(data, draw(latents))
    return {**found, "cpu_seconds": round(spent, 1), "parameters": sum(p.numel() for p in models[0].parameters())}


def table(cells: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a network, candidate and use of the trained decoder."""
    rows = []
    for network in NETWORKS:
        reference = cells[f"{network}-default"]["plain"]
        for variant in VARIANTS:
            cell = cells[f"{network}-{variant}"]
            for use in ("plain", *FEEDBACK):
                row = gain_row({"network": network, "candidate": variant, "use": use}, cell[use], reference)
                rows.append({**row, "cpu_seconds": cell["cpu_seconds"], "parameters": cell["parameters"]})
    return rows


def main() -> None:
    options = options_of(__doc__.splitlines()[0], Path("runs/decoders"))
    target = SegmenterSettings(fit=FitSettings(epochs=40, learning_rate=3e-3))
    cells = []
    for network in NETWORKS:
        arguments = {"network": network, "seed": options.seed}
        cells.append(Cell(network, target_cell, {**arguments, "settings": target}))
        for variant in VARIANTS:
            cells.append(Cell(f"{network}-{variant}", attack_cell, {**arguments, "variant": variant}, (network,)))
    phantoms = BrainPhantoms(patients=24, side=48, seed=options.seed)
    preparation = PreparationSettings(spacing_mm=4.0, bias_field="none")
    done = run_benchmark("decoders", options, phantoms, preparation, cells)
    settings = {
        name: {**variant.settings().resolved(), "linear": variant.linear and variant.linear.resolved()}
        for name, variant in VARIANTS.items()
    }
    write_tables("decoders", options, settings, {"decoders": table(done)})


if __name__ == "__main__":
    main()
