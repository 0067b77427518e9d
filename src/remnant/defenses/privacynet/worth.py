"""What a Privacy-Net's segmentation is worth: how long it takes, and what it is on a cohort that no training saw."""

import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from remnant.base.seeds import Seeds
from remnant.cohort.case import CLASSES
from remnant.cohort.layouts.tissues import as_tissue3
from remnant.defenses.privacynet.mixing import References
from remnant.defenses.privacynet.retraining import RetrainSettings, retrain
from remnant.defenses.privacynet.view import View
from remnant.engine.device import fabric
from remnant.engine.loop import EpochReport

TISSUES = CLASSES["tissue3"]
# Patients are dealt into so many parts; each is segmented by a network that was retrained on the others.
FOLDS = 2


class Timing:
    """Client and server on one scan at a time, with their `times` in seconds: to encode, to segment, to undo."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.times: list[tuple[float, float, float]] = []

    def look(self, image: Tensor, seeds: Seeds, *, undo: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Of a scan (1, 1, x, y, z) the code (1, 1, x, y, z), the server's logits (1, classes, x, y, z), and its map or, with
        `undo`, the client's, (1, x, y, z).
        """
        started = _now()
        code = self._view.code(image, seeds)
        encoded = _now()
        logits = self._view.logits(code)
        maps = drawn(logits)
        segmented = _now()
        if not undo or self._view.secret is None:
            back, spent = maps, 0.0
        else:
            back = self._view.undone(logits, seeds)
            spent = _now() - segmented
        if undo:
            self.times.append((encoded - started, segmented - encoded, spent))
        return code, logits, back


def drawn(logits: Tensor) -> Tensor:
    """The label maps uint8 (n, x, y, z) of logits (n, classes, x, y, z)."""
    return logits.argmax(1).to(torch.uint8)


def elsewhere(
    view: View, images: Tensor, truth: Tensor, settings: RetrainSettings, seeds: Seeds, report: EpochReport
) -> dict[str, np.ndarray]:
    """The label maps, uint8 (n, x, y, z) of `TISSUES`, of another cohort's scans (n, 1, x, y, z), one a patient, with the `truth`
    (n, x, y, z): "as_trained", and with the segmenter "retrained" on codes of the others' scans.
    """
    sent = seeds.child("sent")
    codes = view.code(images, sent)
    as_trained = as_tissue3(view.undone(view.logits(codes), sent).numpy())
    # What is retrained knows tissues alone, and so must what is mixed into a scan.
    references = view.secret.relabelled(as_tissue3) if isinstance(view.secret, References) else view.secret
    tissues = replace(view, secret=references)
    moved, retrained = tissues.moved(truth, sent), np.zeros(truth.shape, np.uint8)
    parts = np.array_split(seeds.child("folds").numpy().permutation(len(images)), FOLDS)
    for number, part in enumerate(parts):
        others = np.setdiff1d(np.arange(len(images)), part)
        pairs = list(zip(codes[others], moved[others], strict=True))
        branch = seeds.child("fold", number)
        segmenter = retrain(view.segmenter, pairs, view.patch, settings, branch, report, classes=len(TISSUES))
        again = replace(tissues, segmenter=segmenter)
        for i in part.tolist():
            # Each by itself: a deformation is found again by its place among the scans of a call.
            own = seeds.child("again", i)
            retrained[i] = again.undone(again.logits(again.code(images[i : i + 1], own)), own)[0].numpy()
    return {"as_trained": as_trained, "retrained": retrained}


def device_in_words() -> str:
    """Where networks run."""
    device = fabric().device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread"


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
