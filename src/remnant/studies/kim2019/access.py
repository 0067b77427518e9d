"""What an attacker has of one variant: how a scan becomes what the server sees, and what that saw of patients."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.scans import Scans, tensor
from remnant.defenses.privacynet.view import View
from remnant.studies.kim2019.kept import kept
from remnant.studies.kim2019.records import RAW, STUDY, Views
from remnant.studies.kim2019.records import View as Seen
from remnant.targets.access import Codes


def access_of(run: Run, view: Seen, loaded: View, chosen: list[int], variant: str, seeds: Seeds) -> Codes:
    """What an attacker has: how a scan becomes what is seen, and what was seen of the `chosen` scans."""
    seen, watched = _seen_by_server(run, view, loaded, variant), loaded.watched(view, seeds.child("own"))
    return Codes(watched if loaded.secret else _recalling(watched, kept(run, Scans, STUDY), seen), seen(chosen))


def _seen_by_server(run: Run, view: Seen, loaded: View, variant: str) -> Callable[[list[int]], Tensor]:
    """From indices of scans to what the server saw of them: (m, 1, x, y, z) codes, or maps with a channel a class; float32."""
    if variant == RAW and view == "code":
        return partial(tensor, kept(run, Scans, STUDY))
    views = kept(run, Views, variant)
    if view == "code":
        return lambda chosen: torch.from_numpy(views.seen(chosen)).unsqueeze(1)
    return lambda chosen: loaded.one_hot(torch.from_numpy(views.maps[chosen]))


def _recalling(
    watched: Callable[[Tensor], Tensor], scans: Scans, seen: Callable[[list[int]], Tensor]
) -> Callable[[Tensor], Tensor]:
    """The view `watched`, but of training scans what the server saw already: each attack would take minutes to make it again."""
    places = {scans.images[i].tobytes(): int(i) for i in scans.where("training")}

    def recalled(batch: Tensor) -> Tensor:
        known = [places[content] for scan in batch if (content := scan.cpu().numpy().tobytes()) in places]
        return seen(known) if len(known) == len(batch) else watched(batch)

    return recalled
