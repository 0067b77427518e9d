"""Time a training step of the U-Net as Remnant takes it against plain PyTorch, in one run; then compare their Dice.

    python benchmarks/train_step.py [--threads 2] [--out docs/results/speed/train_step.json]

`remnant` runs as `engine.loop.fit` does: channels last, and under bfloat16 autocast where the processor has AMX. `plain` is
the same module with the same weights, batch, loss and optimiser, in contiguous float32. They take turns, and `ratio` is the
quotient of their median seconds; `first_loss` shows that both compute the same. The target, 2.5 for the U-Net's step at
96^3 with two scans, is for processors with AMX alone: `amx` says whether this one has it. The row `decoder` is the gradient
step of the default inversion decoder, one scan at a time as it is trained; drawing its pairs is not in it.

The table `dice`: mean Dice of held-out phantoms after equal epochs from equal weights in equal order, averaged over seeds;
`gain` is Remnant's minus plain, paired by patient, with its bootstrap interval.
"""

import argparse
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _phantom_scans import phantom_scans
from torch import Tensor, nn

from remnant.attacks.decoder import DefaultSettings
from remnant.attacks.default import background_aware_error, ssim_loss
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.engine.device import as_batch, fabric, in_batches, place
from remnant.engine.loop import FitSettings, rate_at
from remnant.measure.intervals import bootstrap_mean
from remnant.measure.overlap import dice, mean_dice
from remnant.nets.inversion import ImageDecoder
from remnant.targets.segmenter import SegmenterSettings, segmentation_loss, train_segmenter

TARGET = 2.5
SCHEME = "lpba3"
TISSUES = CLASSES[SCHEME]

Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[[Batch], float]


def adamw(model: nn.Module, settings: FitSettings) -> torch.optim.Optimizer:
    """The optimiser of `engine.loop.fit`."""
    return torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)


def remnant_step(model: nn.Module, loss: Loss, settings: FitSettings) -> Step:
    """A step as `engine.loop.fit` takes it."""
    model = place(model)
    wrapped, optimizer = fabric().setup(model, adamw(model, settings))

    def step(batch: Batch) -> float:
        inputs, truth = as_batch(batch[0]), batch[1].to(fabric().device)
        optimizer.zero_grad()
        value = loss(wrapped(inputs), truth)
        fabric().backward(value)
        optimizer.step()
        return value.item()

    return step


def plain_step(model: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer) -> Step:
    """The step of any PyTorch tutorial, on the same device."""

    def step(batch: Batch) -> float:
        inputs, truth = (part.to(fabric().device) for part in batch)
        optimizer.zero_grad()
        value = loss(model(inputs), truth)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def timed(step: Step, batch: Batch) -> float:
    """Seconds of a step on the wall, until the device is done."""
    started = time.perf_counter()
    step(batch)
    if fabric().device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(name: str, build: Callable[[], nn.Module], loss: Loss, batch: Batch, settings: FitSettings, n: int) -> dict:
    """A row of the table: `n` steps of each, by turns, after one that wakes the libraries."""
    torch.manual_seed(0)
    model, twin = build(), build()
    twin.load_state_dict(model.state_dict())
    twin = twin.to(fabric().device)
    steps = {
        "remnant": remnant_step(model.train(), loss, settings),
        "plain": plain_step(twin.train(), loss, adamw(twin, settings)),
    }
    first = {way: step(batch) for way, step in steps.items()}
    seconds: dict[str, list[float]] = {way: [] for way in steps}
    for _ in range(n):
        for way, step in steps.items():
            seconds[way].append(timed(step, batch))
    median = {way: statistics.median(values) for way, values in seconds.items()}
    ratio = median["plain"] / median["remnant"]
    print(f"{name}: {median['remnant']:.3f} s a step, plain PyTorch {median['plain']:.3f} s, {ratio:.2f} times as long")
    return {
        "step": name,
        "side": batch[1].shape[-1],
        "batch": len(batch[1]),
        "repeats": n,
        "ratio": ratio,
        "median_seconds": median,
        "seconds": seconds,
        "first_loss": first,
    }


def decoder_loss(drawn: Tensor, truth: Tensor) -> Tensor:
    """The loss of `attacks.decoder.train_default`, always on the same slab."""
    slab = torch.Generator().manual_seed(0)
    return 10 * background_aware_error(drawn, truth) + 0.5 * ssim_loss(drawn, truth, slab)


def step_table(side: int, repeats: int) -> list[dict[str, Any]]:
    """The steps of the U-Net and of the default inversion decoder at `side`."""
    images, labels = phantom_scans(2, side, 0, SCHEME)
    target, attack = SegmenterSettings(), DefaultSettings()
    unet = target.build("unet", len(TISSUES))
    with torch.no_grad():
        latents = unet.encoder(images)

    def decoder() -> nn.Module:
        model = ImageDecoder((side,) * 3, attack.widths)
        model.mean.copy_(images.mean(0, keepdim=True))
        return model

    return [
        compare(
            "unet", lambda: target.build("unet", len(TISSUES)), segmentation_loss, (images, labels), target.fit, repeats
        ),
        compare("decoder", decoder, decoder_loss, (latents[:1], images[:1]), attack.fit, repeats),
    ]


def train_plain(images: Tensor, labels: Tensor, settings: SegmenterSettings, seeds: Seeds) -> nn.Module:
    """What `train_segmenter` does, weights, order and learning rate alike, in plain PyTorch."""
    order = seeds.child("order").numpy()
    torch.manual_seed(seeds.child("weights").integer)
    steps = -(-len(images) // settings.batch)
    model = settings.build("unet", len(TISSUES)).to(fabric().device).train()
    optimizer = adamw(model, settings.fit)
    total = settings.fit.epochs * steps
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, total))
    step = plain_step(model, segmentation_loss, optimizer)
    for _ in range(settings.fit.epochs):
        for chosen in np.array_split(order.permutation(len(images)), steps):
            step((images[chosen], labels[chosen]))
            schedule.step()
    return model.eval()


def dice_table(patients: int, side: int, epochs: int, repeats: int) -> list[dict[str, Any]]:
    """Dice of `patients` held-out phantoms, trained on as many others, over `repeats` seeds."""
    images, labels = phantom_scans(2 * patients, side, 1, SCHEME)
    settings = SegmenterSettings()
    settings = settings.model_copy(update={"fit": settings.fit.model_copy(update={"epochs": epochs})})
    found: dict[str, list[np.ndarray]] = {"remnant": [], "plain": []}
    for seed in range(repeats):
        seeds, own = Seeds(seed).child("train_step"), (images[:patients], labels[:patients])
        models = {
            "remnant": train_segmenter("unet", *own, len(TISSUES), settings, seeds, lambda *_: None),
            "plain": train_plain(*own, settings, seeds),
        }
        for way, model in models.items():
            drawn = torch.cat([model.segment(batch).cpu() for batch in in_batches(images[patients:])])
            found[way].append(mean_dice(dice(drawn.numpy(), labels[patients:].numpy(), len(TISSUES))))
    values = {way: np.mean(scores, axis=0) for way, scores in found.items()}
    gain = bootstrap_mean(values["remnant"] - values["plain"], Seeds(0).child("dice").numpy())
    print(f"Dice {values['remnant'].mean():.4f}, plain {values['plain'].mean():.4f}; gain {gain.mean:+.4f}")
    row = {"side": side, "patients": patients, "epochs": epochs, "seeds": repeats}
    row |= {way: float(scores.mean()) for way, scores in values.items()}
    # One patient has no interval, which JSON writes as null.
    bounds = (None, None) if patients == 1 else (gain.low, gain.high)
    return [row | {"gain": gain.mean, "gain_low": bounds[0], "gain_high": bounds[1]}]


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", type=int, default=96, help="of the volumes that are timed; a multiple of 16")
    parser.add_argument("--repeats", type=int, default=15, help="timed steps of each way")
    parser.add_argument("--dice-side", type=int, default=32)
    parser.add_argument("--dice-patients", type=int, default=12, help="held out; as many others are trained on")
    parser.add_argument("--dice-epochs", type=int, default=20)
    parser.add_argument("--dice-seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/train_step.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    amx = torch.cpu._is_amx_tile_supported()
    steps = step_table(options.side, options.repeats)
    overlap = dice_table(options.dice_patients, options.dice_side, options.dice_epochs, options.dice_seeds)
    print(f"This processor has {'' if amx else 'no '}AMX: the target of {TARGET} does {'' if amx else 'not '}apply.")
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/train_step.py", *sys.argv[1:]]),
            "hardware": provenance.hardware() | {"threads": options.threads, "amx": amx},
            "versions": provenance.versions(),
            "precision": fabric().strategy.precision.precision,
            "device": fabric().device.type,
            "target": {"step": "unet", "side": 96, "batch": 2, "ratio": TARGET, "applies": amx},
            "tables": {"step": steps, "dice": overlap},
        },
    )
    print(f"Wrote {options.out}")


if __name__ == "__main__":
    main()
