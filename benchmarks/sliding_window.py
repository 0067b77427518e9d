"""Time the segmentation of a whole volume by patches, Remnant's against MONAI's inferer, in one run, and compare the labels.

    python benchmarks/sliding_window.py [--threads 2] [--out docs/results/speed/sliding_window.json]

Both segment one stripped phantom of 144x192x160 at 1 mm with the same U-Net, patches, overlap and Gaussian weights. `remnant` is
`engine.stitch.stitched`: channels last, under bfloat16 autocast where the processor has AMX or the GPU supports it, patches of
air computed once. `monai` is `sliding_window_inference` with the same weights in contiguous float32. They take turns, and `ratio`
is the quotient of their median seconds, up to the labels. The network is trained for a moment on patches of another
phantom, since labels of an untrained one are drawn by rounding. `equal_labels` is a share of all voxels, `equal_inside` of
those that are not air. The target, 2.5 with labels equal in 99.5% of voxels, is for hardware with bfloat16 matrix
units: `applies`.
"""

import argparse
import copy
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from _phantom_scans import phantom_scans
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from remnant.base import provenance
from remnant.base.files import write_json
from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.engine.device import fabric
from remnant.engine.stitch import stitched
from remnant.targets.segmenter import SegmenterSettings, train_segmenter

SCHEME = "lpba3"
TARGET = {"ratio": 2.5, "equal_labels": 0.995}
CROPS = 8  # patches that the network is trained on


def trained(patch: int, side: int, epochs: int, seed: int) -> nn.Module:
    """The U-Net, after `epochs` of patches of a phantom of `side` whom nobody segments here."""
    images, labels = phantom_scans(1, side, seed + 1, SCHEME)
    corners = Seeds(seed).child("crops").numpy().integers(0, side - patch + 1, (CROPS, 3))
    windows = [tuple(slice(start, start + patch) for start in corner) for corner in corners]
    crops = (
        torch.stack([images[0][:, *window] for window in windows]),
        torch.stack([labels[0][window] for window in windows]),
    )
    settings = SegmenterSettings()
    settings = settings.changed(fit=settings.fit.changed(epochs=epochs))
    return train_segmenter("unet", *crops, len(CLASSES[SCHEME]), settings, Seeds(seed), lambda *_: None)


def central(volume: Tensor, sides: tuple[int, ...]) -> Tensor:
    """The middle (c, *sides) of a volume (c, x, y, z)."""
    starts = [(length - side) // 2 for length, side in zip(volume.shape[1:], sides, strict=True)]
    return volume[:, *(slice(start, start + side) for start, side in zip(starts, sides, strict=True))].contiguous()


def timed(segment: Callable[[], Tensor]) -> tuple[float, np.ndarray]:
    """Seconds on the wall until the labels are on the CPU, and the labels."""
    started = time.perf_counter()
    labels = segment().cpu()
    return time.perf_counter() - started, labels.numpy()


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--sides", type=int, nargs=3, default=(144, 192, 160))
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--overlap", type=float, default=0.5)
    parser.add_argument("--peer-batch", type=int, default=4, help="MONAI's patches at a time, its `sw_batch_size`")
    parser.add_argument("--epochs", type=int, default=10, help="of training, on 8 patches")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed/sliding_window.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sides = tuple(options.sides)
    volume = central(phantom_scans(1, max(sides), options.seed, SCHEME)[0][0], sides)
    network = trained(options.patch, max(sides), options.epochs, options.seed)
    twin = copy.deepcopy(network).to(fabric().device, memory_format=torch.contiguous_format)

    def remnant() -> Tensor:
        return stitched(network, volume, options.patch, options.overlap).argmax(0)

    @torch.no_grad()
    def monai() -> Tensor:
        image, patch = volume[None].to(fabric().device), (options.patch,) * 3
        return sliding_window_inference(image, patch, options.peer_batch, twin, options.overlap, "gaussian")[0].argmax(
            0
        )

    ways = {"remnant": remnant, "monai": monai}
    for segment in ways.values():
        segment()  # wakes the libraries
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    labels = {}
    for _ in range(options.repeats):
        for way, segment in ways.items():
            spent, labels[way] = timed(segment)
            seconds[way].append(spent)
    median = {way: statistics.median(values) for way, values in seconds.items()}
    equal = labels["remnant"] == labels["monai"]
    row = {
        "sides": sides,
        "patch": options.patch,
        "overlap": options.overlap,
        "peer_batch": options.peer_batch,
        "repeats": options.repeats,
        "ratio": median["monai"] / median["remnant"],
        "median_seconds": median,
        "seconds": seconds,
        "equal_labels": float(equal.mean()),
        "equal_inside": float(equal[volume[0].numpy() > 0].mean()),
        "labels_share": (np.bincount(labels["monai"].ravel(), minlength=len(CLASSES[SCHEME])) / equal.size).tolist(),
    }
    precision = fabric().strategy.precision.precision
    applies = precision == "bf16-mixed"
    print(
        f"{median['remnant']:.3f} s a volume, MONAI {median['monai']:.3f} s, {row['ratio']:.2f} times as long; "
        f"{row['equal_labels']:.2%} of labels equal. The target of {TARGET['ratio']} does {'' if applies else 'not '}apply."
    )
    write_json(
        options.out,
        {
            "command": shlex.join(["python", "benchmarks/sliding_window.py", *sys.argv[1:]]),
            "seed": options.seed,
            "hardware": provenance.hardware() | {"threads": options.threads, "amx": torch.cpu._is_amx_tile_supported()},
            "versions": provenance.versions(),
            "precision": precision,
            "device": fabric().device.type,
            "target": TARGET | {"applies": applies},
            "tables": {"sliding_window": [row]},
        },
    )
    print(f"Wrote {options.out}")


if __name__ == "__main__":
    main()
