"""By what name a library builds the network that a checkpoint is of: what `remnant audit --init --from` writes down."""

from dataclasses import dataclass
from typing import Any

import torch

from remnant.base.errors import RemnantError
from remnant.targets.build import build, load_library
from remnant.targets.known import Match
from remnant.targets.opening import Opened
from remnant.targets.published import Candidate, candidates
from remnant.targets.weights import compared


@dataclass(frozen=True)
class Proposal:
    """`build` and `arguments` as `targets.build` takes them. `tried`: the library loads here and every weight fits."""

    build: str
    arguments: dict[str, Any]
    tried: bool


def propose(opened: Opened, match: Match) -> Proposal | None:
    """The first network of `published.candidates` that the weights fit, all of them and no others; None where none does.

    One whose library does not load here is proposed untried, if it is the only one of its kind.
    """
    loads: dict[str, bool] = {}
    for one in candidates(opened.tensors, match):
        library = one.build.partition(":")[0]
        loads.setdefault(library, _loads(library))
        if loads[library] and _fits(one, opened):
            return Proposal(one.build, one.arguments, True)
        if not loads[library] and one.certain:
            return Proposal(one.build, one.arguments, False)
    return None


def _loads(library: str) -> bool:
    try:
        load_library(library)
    except RemnantError:
        return False
    return True


def _fits(one: Candidate, opened: Opened) -> bool:
    # Without memory for its weights, and with it where the library draws them by hand.
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                network = build(one.build, one.arguments)
            found = compared(network, opened.tensors)
        except RemnantError:
            continue
        return not (found.wrong or found.missing or found.unknown)
    return False
