"""A cell that trains a segmenter, for `torchrun`: each process has a run of its own, in which it logs every epoch's loss.

torchrun --standalone --nproc-per-node 2 tests/engine/shared_training.py FOLDER
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine import device
from remnant.engine.cells import Cell, run_cells
from remnant.engine.loop import FitSettings, epoch_log
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

SETTINGS = SegmenterSettings(widths=(4, 4, 8, 8), batch=3, norm="batch", fit=FitSettings(epochs=4, learning_rate=1e-2))


def training_cell(run: Run) -> dict[str, Any]:
    """Five scans in steps of 3 and 2, which two processes share unevenly; the weights in the end, and who ran on how many."""
    drawing = torch.Generator().manual_seed(1)
    labels = torch.nn.functional.interpolate(torch.rand(5, 1, 4, 4, 4, generator=drawing), size=16)[:, 0] > 0.6
    images = 0.5 * labels[:, None] + 0.5 * torch.rand(5, 1, 16, 16, 16, generator=drawing)
    seen: list[int] = []
    original = torch.nn.Conv3d.forward

    def watched(self: torch.nn.Conv3d, batch: torch.Tensor) -> torch.Tensor:
        seen.append(len(batch))
        return original(self, batch)

    torch.nn.Conv3d.forward = watched
    model = train_segmenter("unet", images, labels.to(torch.uint8), 2, SETTINGS, Seeds(0), epoch_log(run, "training"))
    torch.nn.Conv3d.forward = original
    return {
        "weights": torch.cat([value.flatten().double() for value in model.state_dict().values()]).tolist(),
        "images": sorted({*seen}),
    }


def main() -> None:
    """Train in the run FOLDER/<number of the process>."""
    # Sums of shares in bfloat16 differ by more than those of float32.
    device.fast_bfloat16 = lambda: False
    with Run.start(Path(sys.argv[1]) / os.environ.get("RANK", "0"), "shared", {}, resume=False) as run:
        run_cells(run, [Cell("training", training_cell, {})], workers=1, quiet=True)


if __name__ == "__main__":
    main()
