"""Time one step of the checkpoint attack's stage 1 under bfloat16 against float32, and how far each loss term moves.

    python benchmarks/stage1_step.py [--preset cpu] [--threads 1] [--out docs/results/speed/stage1_step.json]

Both precisions tune the same prior on the same target with the same latents, in turns, through `tune_generator` itself, on one
thread unless told otherwise, as the study does. Each term of the first step is compared. On a processor without matrix units
bfloat16 is emulated, and loses.
"""

import argparse
import shlex
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.nn import functional

from remnant.attacks.checkpoint.manifold import ManifoldSettings, tune_generator
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.engine.device import fabric
from remnant.nets.classifiers import build_classifier
from remnant.nets.pggan import Generator
from remnant.targets.access import Weights, weights_of
from remnant.targets.inputs import InputRange

# Image size, channels of the prior, and the targets with their arguments.
PRESETS: dict[str, tuple[int, dict[str, Any], dict[str, dict[str, Any]]]] = {
    "cpu": (
        64,
        {"side": 64, "channels": (256, 256, 128, 64, 32)},
        {
            "resnet18": {},
            "vit": {"image_size": 64, "patch": 8, "blocks": 6, "width": 192, "heads": 3, "mlp": 768},
        },
    ),
    "paper": (224, {"side": 256}, {"resnet18": {}, "vit_b_16": {}}),
}
PRECISIONS = ("float32", "bfloat16")
ROUNDS = 8  # the precisions take turns, since a shared machine is not equally fast all the time


def target(name: str, arguments: dict[str, Any], inputs: InputRange) -> Weights:
    """An untrained target that has seen images once, so that its statistics are those of something."""
    torch.manual_seed(0)
    model = build_classifier(name, **arguments)
    coarse = torch.rand(32, 1, 8, 8)
    images = functional.interpolate(coarse, size=(inputs.size, inputs.size), mode="bilinear")
    with torch.no_grad():
        for batch in images.split(16):
            model.train()(inputs(batch))
    return weights_of(model)


def run(prior: nn.Module, access: Weights, inputs: InputRange, precision: str, steps: int) -> dict[str, Any]:
    """Seconds of every step but the first, and the terms of the first."""
    times, terms = [], []

    def report(step: int, loss: float, values: dict[str, float]) -> None:
        times.append(time.perf_counter())
        terms.append(values)

    fast = precision == "bfloat16"
    # What `fabric` asks of the machine is answered here instead.
    with (
        mock.patch("torch.cpu._is_amx_tile_supported", return_value=fast),
        mock.patch("torch.cuda.is_bf16_supported", return_value=fast),
    ):
        fabric.cache_clear()
        tune_generator(prior, access, inputs, ManifoldSettings(steps=steps), Seeds(0), report)
    fabric.cache_clear()
    return {"seconds": [end - start for start, end in pairwise(times)], "terms": terms[0]}


def compare(name: str, prior: nn.Module, access: Weights, inputs: InputRange, steps: int) -> list[dict[str, Any]]:
    """One row: a step's median seconds by precision, their ratio, and each term's relative difference."""
    runs: dict[str, list[dict[str, Any]]] = {precision: [] for precision in PRECISIONS}
    for _ in range(ROUNDS):
        for precision in PRECISIONS:
            runs[precision].append(run(prior, access, inputs, precision, steps))
    seconds = {
        precision: statistics.median(second for each in found for second in each["seconds"])
        for precision, found in runs.items()
    }
    exact, rounded = (runs[precision][0]["terms"] for precision in PRECISIONS)
    speed = {
        "target": name,
        **{f"{precision}_seconds": round(value, 4) for precision, value in seconds.items()},
        "speedup": round(seconds["float32"] / seconds["bfloat16"], 3),
    }
    return [
        {
            **speed,
            "term": term,
            "value": value,
            "relative_difference": abs(rounded[term] - value) / max(abs(value), 1e-12),
        }
        for term, value in exact.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/stage1_step.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size, generator, targets = PRESETS[options.preset]
    inputs = InputRange(size, 3, (0.5,), (0.25,))
    rows = []
    for name, arguments in targets.items():
        torch.manual_seed(1)
        prior = Generator(**generator)
        rows += compare(name, prior, target(name, arguments, inputs), inputs, options.steps)
        for row in rows:
            if row["target"] == name:
                print(row, flush=True)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/stage1_step.py", *sys.argv[1:]]),
            "threads": torch.get_num_threads(),
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"stage1_step": rows},
        },
    )


if __name__ == "__main__":
    main()
