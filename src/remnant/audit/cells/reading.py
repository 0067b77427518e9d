"""The cell of an attack on attributes: each part of the patients is read by who knows the others', and the controls of that."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from remnant.attacks.attack import Attack, Attributes, Work
from remnant.attacks.attributes import READ, of_patients
from remnant.attacks.membership.blind import blind_features
from remnant.audit.cells.kept import keep_attributes
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import batch_of
from remnant.audit.config import AuditConfig
from remnant.audit.findings.attribute_rows import Truth, blind_reading, exchanged_reading, planted_reading, truth_of
from remnant.audit.materials.material import Material
from remnant.audit.verdict.scenario import attribute_statistic
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.measure.roles import MEMBER
from remnant.targets.audited import Audited
from remnant.targets.layers_run import layers_run
from remnant.targets.seen_features import Features, answers_of, features_of

PARTS = 10  # of the patients, each of which is read by who learned on the others
CONTROLS = 2  # of each attribute
PLANTED_SHIFT = 2.0  # standard deviations by which an attribute that is planted moves every feature


def shown(target: Audited, images: Images, scenario: str, module: str | None) -> Features:
    """What the recipient sees of images: the answers, latents, or of a network that he has what its head is given."""
    if scenario == "outputs":
        return answers_of(target, images)
    if scenario == "latents":
        module = module or layers_run(target.module, images.images[0][None].to(target.device)).narrowest()
    return features_of(target, images, module if scenario == "latents" else None)


def read_in_parts(attack: Attack, features: Features, candidates: Images, work: Work) -> list[Attributes]:
    """What the attack reads of the `candidates`, each of whom by who knows the attributes of others and not his.

    Parts are drawn without a look at roles, so that nothing that is read depends on who is a member.
    """
    names = list(dict.fromkeys(features.images.patients))
    order = work.seeds.child("parts").numpy().permutation(len(names))
    asked = set(candidates.patients)
    claims = []
    for part in range(PARTS):
        mine = {names[i] for i in order[part::PARTS]}
        some = features.images.of(sorted(mine & asked))
        if len(some):
            own = features.images.of([name for name in names if name not in mine])
            claims.append(attack.run(features.seen(some), own, attack.settings(), work))
    return [_joined(views) for views in zip(*claims, strict=True)]


def attribute_cell(
    run: Run, material: Material, attack: Attack, seed: int, scenario: str, module: str | None
) -> dict[str, Any]:
    """Read age and sex of members and non-members and keep what was read; then the controls of each.

    Where the gap between the groups counts, a reader that never sees the model must read both alike. Where all that is read does,
    readers that learned exchanged attributes must read nothing. Exchanged ones that are planted in the features must be read.
    """
    seeds = Seeds(seed).child("audit", "attributes")
    work = Work(Seeds(seed).child("attack", attack.name), run.private / "work" / attack.name)
    features = shown(material.target, material.images, scenario, module)
    gap = attribute_statistic(scenario) == "skill_gap"

    def read(seen: Features) -> Attributes:
        return read_in_parts(attack, seen, material.candidates, work)[0]

    claims = read_in_parts(attack, features, material.candidates, work)
    keep_attributes(run, attack.name, claims)
    controls = []
    for attribute in READ:
        truth = truth_of(material.images, attribute)
        if truth is None:
            continue
        dealt = exchanged(features, attribute, seeds.child("exchanged", attribute))
        other = truth_of(dealt.images, attribute)
        assert other
        if gap:
            controls.append(blind_reading(read(without_model(material.images)), truth, material.roles))
        else:
            controls.append(exchanged_reading(read(dealt), other, material.roles))
        # Of what every image shows nothing more could be planted; exchanged, it is in no image.
        who = material.group(MEMBER) if gap else tuple(material.roles)
        sure = read(planted_features(dealt, other, who, seeds.child("planted", attribute)))
        controls.append(planted_reading(sure, other, material.roles, gap=gap))
    return {
        "views": [claim.view for claim in claims],
        "layer": features.layer,
        "controls": [control.model_dump(mode="json") for control in controls],
    }


def attribute_piece(material: Material, attack: Attack, config: AuditConfig) -> Piece:
    """The piece of an attack on attributes: every image passes once; what is read of it takes a regression a part, once more for
    each control."""
    images, seen = material.images, []
    part = batch_of(images, material.target.batch)

    def look() -> None:
        seen.append(shown(material.target, part, config.scenario, config.target.latents))

    passing = timed(look) * len(images) / len(part)
    values = torch.randn(len(images), seen[0].values.shape[1], generator=torch.Generator().manual_seed(0))
    everybody = Features(images, values, seen[0].view)
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Seeds(config.seed).child("forecast", attack.name), Path(folder))
        once = timed(lambda: read_in_parts(attack, everybody, material.candidates, work))
    return Piece(attack.name, attack.words, passing + once * (1 + CONTROLS * len(READ)), 8 * len(images))


def without_model(images: Images) -> Features:
    """What is known of images without the model: grey values and the reduced image."""
    names, values = blind_features(replace(images, details={}))
    place = {name: i for i, name in enumerate(names)}
    rows = torch.from_numpy(values[[place[name] for name in images.patients]]).float()
    return Features(images, rows, "the images without the model")


def exchanged(features: Features, attribute: str, seeds: Seeds) -> Features:
    """The same with the attribute of each patient held for another's."""
    return replace(features, images=exchanged_details(features.images, attribute, seeds))


def exchanged_details(images: Images, attribute: str, seeds: Seeds) -> Images:
    """The images with the attribute of each patient, where it is known, held for another's."""
    known = of_patients(images, attribute)
    names = [name for name, value in known.items() if np.isfinite(value)]
    order = seeds.numpy().permutation(len(names))
    told = known | {name: known[names[i]] for name, i in zip(names, order, strict=True)}
    values = np.array([told[name] for name in images.patients])
    return replace(images, details={**images.details, attribute: values})


def planted_features(features: Features, truth: Truth, patients: Sequence[str], seeds: Seeds) -> Features:
    """Every feature of these patients moved to one side or the other by what the attribute is."""
    values = features.values
    sides = torch.from_numpy(seeds.numpy().choice([-1.0, 1.0], values.shape[1])).float()
    steps = PLANTED_SHIFT * values.std(0).clamp(min=1e-3) * sides
    who = set(patients)
    signs = [
        (2.0 * truth.classes[name] - 1) * (name in who) if name in truth.classes else 0.0
        for name in features.images.patients
    ]
    return replace(features, values=values + torch.tensor(signs)[:, None] * steps)


def _joined(parts: Sequence[Attributes]) -> Attributes:
    predicted = {name: np.concatenate([one.predicted[name] for one in parts]) for name in parts[0].predicted}
    return Attributes(parts[0].view, tuple(name for one in parts for name in one.patients), predicted)
