"""Time and memory of one training step at the paper's size, 224^3 at 1 mm, on this machine.

    python benchmarks/paper_step.py [--side 224] [--out docs/results/speed/paper_step.json]

The segmenters and the default inversion decoder of the preset `paper`, each in a process of its own, so that its peak
memory is its own. On a GPU the memory is what CUDA allocated at most; on a CPU the largest resident set of the process.
"""

import argparse
import multiprocessing
import resource
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import torch

from remnant.attacks.default import train_default
from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.engine.loop import FitSettings
from remnant.studies.subbanna2021 import preset
from remnant.targets.access import latents_of
from remnant.targets.segmenter import train_segmenter

WHAT = ("unet", "segnet", "default")
CLASSES = 4


def step(what: str, side: int) -> dict[str, Any]:
    """Train two epochs of one step (the decoder's has a replay beside it) and time the second."""
    settings = preset("paper")
    images = torch.rand(1, 1, side, side, side)
    fit = FitSettings(epochs=2, learning_rate=1e-3)
    ends = [time.perf_counter()]
    if what == "default":
        target = settings.segmenter.build("unet", CLASSES)
        access = latents_of(target, images)
        ends = [time.perf_counter()]
        chosen = settings.default.changed(fit=fit)
        steps = 1 + chosen.replays
        train_default(access, images, chosen, Seeds(0), lambda *_: ends.append(time.perf_counter()))
    else:
        labels = torch.randint(CLASSES, images.shape[1:], dtype=torch.uint8)
        chosen = settings.segmenter.changed(fit=fit)
        steps = 1
        train_segmenter(what, images, labels, CLASSES, chosen, Seeds(0), lambda *_: ends.append(time.perf_counter()))
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"network": what, "seconds_a_step": round((ends[2] - ends[1]) / steps, 2), "peak_gb": round(peak / 1e9, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/paper_step.json"))
    options = parser.parse_args()
    rows = []
    for what in WHAT:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(step, (what, options.side)))
        print(rows[-1], flush=True)
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/paper_step.py", *sys.argv[1:]]),
            "side": options.side,
            "threads": torch.get_num_threads(),
            "hardware": provenance.hardware(),
            "versions": provenance.versions(),
            "tables": {"paper_step": rows},
        },
    )


if __name__ == "__main__":
    main()
