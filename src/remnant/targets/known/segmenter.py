"""The 3D U-Net and SegNet of `nets.segmenter` (Subbanna 2021)."""

import torch
from torch import Tensor

from remnant.nets.segmenter import Segmenter
from remnant.targets.known.match import Match, count

LEVELS = 12  # each halves the image


def match_segmenter(tensors: dict[str, Tensor]) -> Match | None:
    """Remnant's own segmenter, by names alone: its header is not needed. None when the names are others'."""
    levels = count(tensors, r"encoder\.convolutions\.(\d+)\.weight$")
    steps = [tensors.get(f"encoder.convolutions.{level}.weight") for level in range(levels)]
    last = tensors.get(f"decoder.ups.{levels - 1}.weight")
    if not 0 < levels <= LEVELS or last is None or any(step.ndim != 5 for step in (*steps, last)):
        return None
    widths = tuple(step.shape[0] for step in steps)
    unpool = "indices" if last.shape[2] == 3 else "none"
    classes = last.shape[0 if unpool == "indices" else 1]
    arguments = {
        "architecture": "unet" if any(name.startswith("decoder.skips.") for name in tensors) else "segnet",
        "classes": classes,
        "widths": widths,
        "norm": "batch" if any(".norms." in name for name in tensors) else "none",
        "unpool": unpool,
    }
    # On no device, the network costs neither memory nor time.
    with torch.device("meta"):
        layout = {name: tuple(tensor.shape) for name, tensor in Segmenter(**arguments).state_dict().items()}
    return Match(
        architecture=arguments["architecture"],
        dialect="Remnant",
        task="segmenter",
        dimensions=3,
        channels=steps[0].shape[1],
        classes=classes,
        layout=layout,
        tensors=tensors,
        arguments=arguments,
        normalisation="BatchNorm" if arguments["norm"] == "batch" else "none",
    )
