"""What the server sees of everybody by one variant, and how well it segments that: as trained, and on spoilt scans."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.membership.signals import segmentation_cross_entropy, segmentation_dice
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.defenses.privacynet.view import View
from remnant.engine.device import fabric
from remnant.measure.overlap import dice, weighted_dice
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import CLEAN, STUDY, Fitted, Overlap, Scans, Segmented, Timed, Views, in_levels
from remnant.studies.kim2019.robustness import CONDITIONS
from remnant.studies.kim2019.roles import first_visits, tensor
from remnant.studies.kim2019.settings import AttackSettings

SEE = "see"


def see_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Encode and segment every scan by the networks in `folder`; Dice on test scans, on spoilt ones too, and times."""
    scans, view = kept(run, Scans, STUDY), View.load(folder)
    seeds = Seeds(seed).child(SEE)
    seen = Seen(view)
    codes, maps, undone, fits = [], [], [], {}
    test = scans.where("test")
    compared = {*scans.where("training"), *test}
    for i, image in enumerate(torch.from_numpy(scans.images)):
        code, logits, back = seen.look(image[None], seeds.child(i), undo=i in test)
        codes.append(in_levels(code.numpy()[0, 0]))
        maps.append(_drawn(logits).numpy()[0])
        undone.append(back)
        if i in compared and scans.labels[i].any():
            truth = view.moved(torch.from_numpy(scans.labels[i : i + 1]), seeds.child(i))
            fits[i] = [float(fit(logits, truth)[0]) for fit in (segmentation_dice, segmentation_cross_entropy)]
    keep(run, Views(variant, np.stack(codes), np.stack(maps)))
    keep(run, Fitted(variant, *_whose(scans, [*fits]), *np.array([*fits.values()]).reshape(-1, 2).T))
    conditions = {CLEAN: overlap(scans, test, torch.cat([undone[i] for i in test]))}
    spoilt = first_visits(scans, test)[: attack.degraded]
    for name, spoil in CONDITIONS.items():
        back = []
        for i, image in zip(spoilt, tensor(scans, spoilt), strict=True):
            branch = seeds.child(name, int(i))
            worse = spoil(image[0].numpy(), scans.labels[i], branch.numpy())
            back.append(Seen(view).look(torch.from_numpy(worse)[None, None], branch, undo=True)[2])
        conditions[name] = overlap(scans, spoilt, torch.cat(back))
    keep(run, Segmented(variant, conditions))
    times = np.array(seen.times)
    keep(run, Timed(variant, *times.T, np.array(scans.labels.shape[1:]), device_in_words()))
    return {}


class Seen:
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
        drawn = _drawn(logits)
        segmented = _now()
        if not undo or self._view.secret is None:
            back, spent = drawn, 0.0
        else:
            back = self._view.undone(logits, seeds)
            spent = _now() - segmented
        if undo:
            self.times.append((encoded - started, segmented - encoded, spent))
        return code, logits, back


def _drawn(logits: Tensor) -> Tensor:
    """The label maps uint8 (n, x, y, z) of logits (n, classes, x, y, z)."""
    return logits.argmax(1).to(torch.uint8)


def _whose(scans: Scans, chosen: list[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patients and the roles of the chosen scans."""
    return tuple(scans.patients[i] for i in chosen), tuple(scans.roles[i] for i in chosen)


def overlap(scans: Scans, chosen: np.ndarray | list[int], maps: Tensor) -> Overlap:
    """Dice of the client's maps uint8 (k, x, y, z) of the chosen scans."""
    truth = scans.labels[np.asarray(chosen)]
    values = dice(maps.numpy(), truth, len(scans.classes))
    return Overlap(tuple(scans.patients[i] for i in chosen), values, weighted_dice(values, truth), scans.classes)


def device_in_words() -> str:
    """Where networks run."""
    device = fabric().device
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread"


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
