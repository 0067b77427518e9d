"""The training loop of networks that play against each other: each moves in turn, and a killed run goes on where it was."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from remnant.base.errors import RemnantError
from remnant.engine.device import fabric, place
from remnant.engine.memory import freed_memory_kept
from remnant.engine.state import SAVE_EVERY_S, load_state, save_state

REPORT_EVERY = 20
# step, means of every term since the last report
TermReport = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Player:
    """One side of the game: the networks that it moves by Adam, and what it minimises.

    `loss(shared)` gives a scalar and what to report, scalars by name, the loss among them. Gradients of other players' networks
    are switched off meanwhile, so that they pass gradients on and gather none. `anew(step)` gives the weights with which its
    network, then a single one, begins anew before anybody moves in that step, its optimiser's state cleared; None where it goes
    on. By the step alone, so that a training that was killed goes on to the same weights.
    """

    networks: tuple[nn.Module, ...]
    learning_rate: float
    loss: Callable[[Any], tuple[Tensor, dict[str, Tensor]]]
    anew: Callable[[int], Mapping[str, Tensor] | None] = lambda step: None


@freed_memory_kept()
def play(
    players: Mapping[str, Player],
    share: Callable[[int], Any],
    steps: int,
    *,
    state: Path,
    report: TermReport = lambda step, terms: None,
    saved: Callable[[int], None] = lambda step: None,
) -> None:
    """Train every player's networks in place, in turn, one step each, for `steps`; they end in evaluation mode.

    `share(step)` gives what all losses of a step are made of, such as the codes of its images with their gradients; it alone
    decides what a step is about. A player that moves first sees the others as they were; what is shared is made before
    anybody moves, so that a network which made part of it must be moved by the last player whose loss passes gradients
    through it. Every minute and at the end all is written to the file `state`, and then `saved(steps done)` is called; where
    that file exists, training goes on from it, on the same machine to the same weights. `report` is called every
    `REPORT_EVERY` steps and at the end.
    Raises `RemnantError` when `state` cannot be read or is of other networks, and when a loss is no longer finite.
    """
    parts: dict[str, Any] = {}
    for name, player in players.items():
        for number, network in enumerate(player.networks):
            parts[f"{name}_{number}"] = place(network).train()
        weights = [weight for network in player.networks for weight in network.parameters()]
        parts[f"{name}_optimizer"] = torch.optim.Adam(weights, player.learning_rate, fused=True)
    first = load_state(state, parts) if state.exists() else 0
    last_saved, since = time.monotonic(), first
    totals: dict[str, Tensor] = {}
    for step in range(first, steps):
        for name, player in players.items():
            if (weights := player.anew(step)) is not None:
                (network,) = player.networks
                network.load_state_dict(weights)
                parts[f"{name}_optimizer"].state.clear()
        with fabric().autocast():
            shared = share(step)
        for name, player in players.items():
            _let_move(players, player)
            with fabric().autocast():
                loss, terms = player.loss(shared)
            parts[f"{name}_optimizer"].zero_grad()
            loss.backward()
            parts[f"{name}_optimizer"].step()
            for term, value in terms.items():
                totals[term] = totals.get(term, torch.zeros((), device=loss.device)) + value.detach().float()
        _let_move(players, *players.values())
        if step + 1 == steps or (step + 1) % REPORT_EVERY == 0:
            means = dict(zip(totals, (torch.stack([*totals.values()]) / (step + 1 - since)).tolist(), strict=True))
            if not all(map(math.isfinite, means.values())):
                raise RemnantError(
                    f"The losses were no longer finite at step {step + 1}; lower the learning rate "
                    f"(now {', '.join(f'{player.learning_rate:g}' for player in players.values())})."
                )
            report(step + 1, means)
            totals, since = {}, step + 1
        if step + 1 == steps or time.monotonic() - last_saved >= SAVE_EVERY_S:
            save_state(state, parts, step + 1)
            saved(step + 1)
            last_saved = time.monotonic()
    for player in players.values():
        for network in player.networks:
            network.eval()


def _let_move(players: Mapping[str, Player], *moving: Player) -> None:
    for player in players.values():
        for network in player.networks:
            network.requires_grad_(any(player is other for other in moving))
