"""What an audit will take on this machine: one step of each attack and control timed, and multiplied; and what fits a time."""

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.attacks.attack import Attack, Work
from remnant.attacks.attributes import READ
from remnant.attacks.membership.blind import blind_features_of
from remnant.attacks.membership.references import REFERENCES, signals_of
from remnant.audit.cells import beyond, fits, reader, reading
from remnant.audit.cells import model_cells as cells
from remnant.audit.cells import planted as planting
from remnant.audit.cells.code_costs import code_piece, worth_piece
from remnant.audit.cells.piece import Piece
from remnant.audit.config import AuditConfig
from remnant.audit.materials.material import Material
from remnant.audit.verdict.scenario import BEARS, unmeasured
from remnant.audit.verdict.words import not_measured
from remnant.base.progress import Task
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.terms import called
from remnant.base.texts import enumerated
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.measure.blind import RESAMPLES, blind_test
from remnant.measure.roles import MEMBER
from remnant.targets.objective import training_loss
from remnant.targets.seen import seen_latents
from remnant.targets.seen_features import Features

LEFT_OUT = "left out by --minutes"
BLIND, FIT, PLANTED = "blind", "fit", "planted"
FEW = 10  # of the blind baseline's resamples, which are timed
VIEWS = 4  # that an attack keeps scores of, about
CONTROLS = {
    BLIND: "a classifier that never sees the model",
    FIT: "whether the model answers better than chance about its members",
    PLANTED: "a copy that is trained on with some non-members, who must be found; at most so long",
}


def forecast(material: Material, config: AuditConfig, attacks: Sequence[Attack], *, quiet: bool = True) -> list[Piece]:
    """A piece for each of the `attacks`, which apply, and for each control, in the order in which they run."""
    scored = any(attack.claim == "patient_scores" for attack in attacks)
    others = len(material.planting[1]) / max(1, len(material.roles))
    pieces, looks = [], 0.0
    with Task("timing", len(attacks) + scored * len(CONTROLS), quiet=quiet) as progress:
        for attack in attacks:
            progress.tell(attack.name)
            pieces.append(_attack(material, config, attack))
            looks += others * pieces[-1].seconds * (attack.claim == "patient_scores")
            progress.advance(attack.name)
        if reader.is_asked(material, attacks):
            pieces.append(Piece(reader.READER, reader.WORDS, reader.reader_seconds(material)))
        timings: dict[str, Callable[[], float]] = {
            BLIND: lambda: _blind(material),
            FIT: lambda: _fit(material),
            PLANTED: lambda: _planted(material, config.target.planted_steps, looks),
        }
        if material.sent:
            # Nothing is planted in a segmenter of codes.
            del timings[PLANTED]
            pieces.append(worth_piece(material))
        for name, seconds in timings.items() if scored else ():
            progress.tell(name)
            pieces.append(Piece(name, CONTROLS[name], seconds(), always=name != PLANTED))
            progress.advance(name)
    return pieces


def affordable(pieces: Sequence[Piece], minutes: float) -> list[str]:
    """The names of those that `minutes` leave out: beside what is always run, the planted leak and then the cheapest are kept."""
    left = 60 * minutes - sum(piece.seconds for piece in pieces if piece.always)
    out = []
    for piece in _in_turn(pieces):
        if piece.seconds > left:
            out.append(piece.name)
        else:
            left -= piece.seconds
    return out


def minutes_for(pieces: Sequence[Piece], name: str) -> int:
    """How many minutes would run the piece of this name: what is always run, and all whose turn is earlier, come before it."""
    order = _in_turn(pieces)
    before = order[: 1 + next(i for i, piece in enumerate(order) if piece.name == name)]
    return math.ceil(sum(piece.seconds for piece in (*before, *(one for one in pieces if one.always))) / 60)


def _in_turn(pieces: Sequence[Piece]) -> list[Piece]:
    # Without the planted no silence about members counts, however many attacks there are; with it that of one does.
    return sorted(
        (piece for piece in pieces if not piece.always), key=lambda piece: (piece.name != PLANTED, piece.seconds)
    )


def forecast_cell(run: Run, material: Material, config: AuditConfig, attacks: Sequence[Attack]) -> dict[str, Any]:
    """What each piece takes, as a cell: a run goes on with what it began with, however fast the machine is by then."""
    return {"pieces": [asdict(piece) for piece in forecast(material, config, attacks)]}


def kept_open(attacks: Sequence[Attack], left_out: Sequence[str], config: AuditConfig) -> list[str]:
    """Why an audit clears nobody from which attacks were left out that bear on a limit, in one sentence."""
    asked = {limit.statistic for limit in config.appetite.limits(config.scenario) if limit.asked}
    missing = [repr(called(one.name)) for one in attacks if one.name in left_out and asked & {*BEARS[one.claim]}]
    if not missing:
        return []
    which = f"attack {missing[0]} was" if len(missing) == 1 else f"attacks {enumerated(missing)} were"
    would = "it" if len(missing) == 1 else "they"
    return [f"The {which} {LEFT_OUT}, and nobody knows what {would} would have found."]


def out_of_reach(attacks: Sequence[tuple[Attack, str]], config: AuditConfig) -> list[str]:
    """The limits that none of the `attacks` measures, each with why it does not apply, so that nothing comes out within; a
    sentence each."""
    measured = {statistic for attack, why in attacks if not why for statistic in BEARS[attack.claim]}
    whys = unmeasured((attack.claim, why) for attack, why in attacks)
    limits = config.appetite.limits(config.scenario)
    return [
        not_measured(limit, whys.get(limit.statistic, ""))
        for limit in limits
        if limit.asked and limit.statistic not in measured
    ]


def _attack(material: Material, config: AuditConfig, attack: Attack) -> Piece:
    if attack.access == "codes":
        return code_piece(material, attack, config.seed)
    if attack.claim == "attributes":
        return Piece(attack.name, attack.words, _read(material, config, attack), 8 * len(material.images))
    own, asked = cells.sides(material, attack)
    part = _batch(asked, material.target.batch)
    if attack is REFERENCES and material.target.shadows:
        # What shadow models say is known by then.
        seconds = (
            timed(lambda: signals_of(material.target.head, part, material.target.answers)) * len(asked) / len(part)
        )
        return Piece(attack.name, attack.words, seconds, 8 * VIEWS * len(asked), attack.primary)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Seeds(config.seed).child("forecast", attack.name), Path(folder), prior=material.prior)
        drawing = attack.claim == "reconstructions"
        access = (
            seen_latents(material.target, part, config.target.latents)
            if drawing
            else cells.access_of(attack, material.target, part)
        )
        if attack.cost:
            seconds = attack.cost(access, own, material.settings_of(attack), work)
        else:
            seconds = (
                timed(lambda: attack.run(access, own, material.settings_of(attack), work)) * len(asked) / len(part)
            )
    if attack.claim == "candidates":
        seconds += beyond.comparing(material)
        return Piece(attack.name, attack.words, seconds, beyond.kept_bytes(material))
    # Reconstructions are drawn once more, of images reduced to as many values.
    size = 2 * asked.images[0].numel() if drawing else 8 * VIEWS
    return Piece(attack.name, attack.words, seconds * (1 + drawing), size * len(asked), attack.primary)


def _read(material: Material, config: AuditConfig, attack: Attack) -> float:
    """Every image passes once; what is read of it takes a regression a part, once more for each control."""
    images = material.images
    part = _batch(images, material.target.batch)
    seen = []

    def look() -> None:
        seen.append(reading.shown(material.target, part, config.scenario, config.target.latents))

    passing = timed(look) * len(images) / len(part)
    values = torch.randn(len(images), seen[0].values.shape[1], generator=torch.Generator().manual_seed(0))
    everybody = Features(images, values, seen[0].view)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Seeds(config.seed).child("forecast", attack.name), Path(folder))
        once = timed(lambda: reading.read_in_parts(attack, everybody, material.candidates, work))
    return passing + once * (1 + reading.CONTROLS * len(READ))


def _blind(material: Material) -> float:
    images = material.candidates
    part = _batch(images, 2 * material.target.batch)
    features = timed(lambda: blind_features_of(part)) * len(images) / len(part)
    names = list(dict.fromkeys(images.patients))
    roles = np.array([material.roles[name] for name in names])
    width = blind_features_of(part)[1].shape[1]
    draw = np.random.default_rng(0)
    table = draw.normal(size=(len(names), width))
    models = material.folds.models if material.folds else 1
    return features + models * timed(lambda: blind_test(table, roles, draw, resamples=FEW)) * RESAMPLES / FEW


def _fit(material: Material) -> float:
    images = material.images.of(material.group(MEMBER))
    part = _batch(images, material.target.batch)
    answers = [logits for _, logits in material.target.answers(part)]
    count = min(fits.MOST, len(images))
    once = timed(lambda: list(material.target.answers(part))) * count / len(part)
    if part.labels is None:
        return once
    return once + count**2 * timed(lambda: fits.loss_of(material.target, answers[0], (part.labels or ())[0]))


def _planted(material: Material, steps: int, looks: float) -> float:
    target, who = material.planting
    others = material.images.of(who)
    if others.labels is None or planting.hindrance(target, others):
        return 0.0
    copied = target.copied()
    weights = [weight.requires_grad_() for weight in copied.module.parameters() if weight.is_floating_point()]

    def step() -> None:
        training_loss(copied, others.images[0], (others.labels or ())[0]).backward()
        for weight in weights:
            weight.grad = None

    rounds = -(-steps // planting.ROUND) + planting.HALVINGS
    measured = min(planting.MEASURED, planting.MOST * len(others) // max(1, len(who)))
    return (
        steps * planting.BATCH * timed(step)
        + rounds * measured * timed(lambda: planting.mean_loss(target, others.take([0])))
        + looks
    )


def _batch(images: Images, most: int) -> Images:
    """Images of one shape that pass together."""
    return images.take(max(images.batches(most), key=len))
