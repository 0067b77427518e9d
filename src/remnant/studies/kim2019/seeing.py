"""What the server sees of everybody by one variant, and how well it segments that: as trained, and on spoilt scans."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.membership.signals import segmentation_cross_entropy, segmentation_dice
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans, first_visits, tensor
from remnant.cohort.spoilt import CONDITIONS
from remnant.defenses.privacynet.view import View
from remnant.defenses.privacynet.worth import Timing, device_in_words, drawn
from remnant.measure.overlaps import CLEAN, Overlap, overlap_of
from remnant.studies.kim2019.kept import keep, kept
from remnant.studies.kim2019.records import STUDY, Fitted, Segmented, Timed, Views, in_levels
from remnant.studies.kim2019.settings import AttackSettings

SEE = "see"


def see_cell(run: Run, variant: str, folder: Path, attack: AttackSettings, seed: int) -> dict[str, Any]:
    """Encode and segment every scan by the networks in `folder`; Dice on test scans, on spoilt ones too, and times."""
    scans, view = kept(run, Scans, STUDY), View.load(folder)
    seeds = Seeds(seed).child(SEE)
    seen = Timing(view)
    codes, maps, undone, fits = [], [], [], {}
    test = scans.where("test")
    compared = {*scans.where("training"), *test}
    for i, image in enumerate(torch.from_numpy(scans.images)):
        code, logits, back = seen.look(image[None], seeds.child(i), undo=i in test)
        codes.append(in_levels(code.numpy()[0, 0]))
        maps.append(drawn(logits).numpy()[0])
        undone.append(back)
        if i in compared and scans.labels[i].any():
            truth = view.moved(torch.from_numpy(scans.labels[i : i + 1]), seeds.child(i))
            fits[i] = [float(fit(logits, truth)[0]) for fit in (segmentation_dice, segmentation_cross_entropy)]
    keep(run, Views(variant, np.stack(codes), np.stack(maps)))
    keep(run, Fitted(variant, *_whose(scans, [*fits]), *np.array([*fits.values()]).reshape(-1, 2).T))
    conditions = {CLEAN: _overlap(scans, test, torch.cat([undone[i] for i in test]))}
    spoilt = first_visits(scans, test)[: attack.degraded]
    for name, spoil in CONDITIONS.items():
        back = []
        for i, image in zip(spoilt, tensor(scans, spoilt), strict=True):
            branch = seeds.child(name, int(i))
            worse = spoil(image[0].numpy(), scans.labels[i], branch.numpy())
            back.append(Timing(view).look(torch.from_numpy(worse)[None, None], branch, undo=True)[2])
        conditions[name] = _overlap(scans, spoilt, torch.cat(back))
    keep(run, Segmented(variant, conditions))
    times = np.array(seen.times)
    keep(run, Timed(variant, *times.T, np.array(scans.labels.shape[1:]), device_in_words()))
    return {}


def _overlap(scans: Scans, chosen: np.ndarray | list[int], maps: Tensor) -> Overlap:
    """Dice of the client's maps uint8 (k, x, y, z) of the chosen scans."""
    chosen = np.asarray(chosen)
    return overlap_of(maps.numpy(), scans.labels[chosen], [scans.patients[i] for i in chosen], scans.classes)


def _whose(scans: Scans, chosen: list[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patients and the roles of the chosen scans."""
    return tuple(scans.patients[i] for i in chosen), tuple(scans.roles[i] for i in chosen)
