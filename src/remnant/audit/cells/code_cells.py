"""The cells of attacks on codes: each view of what is sent is attacked, and the scans themselves, which must be told apart."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import torch

from remnant.attacks.attack import Attack, Attributes, PairScores, Reconstructions
from remnant.attacks.attributes import READ
from remnant.attacks.verification import VerificationSettings, first_two
from remnant.audit.cells.kept import keep_attributes, keep_pairs, keep_reconstructions
from remnant.audit.cells.model_cells import sides, work_of
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.reading import exchanged_details
from remnant.audit.cells.timing import attack_seconds
from remnant.audit.config import AuditConfig
from remnant.audit.findings.attribute_rows import exchanged_reading, planted_reading, truth_of
from remnant.audit.findings.identified import controls_of
from remnant.audit.findings.pair_rows import pair_controls
from remnant.audit.findings.pairs import ScanPairs, scan_pairs
from remnant.audit.materials.material import Material
from remnant.audit.materials.sent import Sent, raw_codes
from remnant.base.findings import Control
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.targets.seen_codes import SeenCodes

REAL, SIMULATED = "real visits", "simulated visits"
# Codes, the server's segmentations of these, codes of scans that are sent many times, and the scans themselves.
Shown = Literal["code", "labels", "repeated", "raw"]
VIEWS: tuple[Shown, ...] = ("code", "labels", "raw")
# Of age and sex codes are read once more, by who learned exchanged ones; the planted ones are last.
ATTRIBUTE_VIEWS: tuple[Shown, ...] = ("code", *VIEWS)
DARKENED = 0.5  # of the grey values, in the half of the head in which an attribute is planted


def cell_of(attack: Attack) -> Callable[..., dict[str, Any]]:
    """The cell of an attack on codes, by what it claims."""
    return {"pair_scores": pair_cell, "reconstructions": inversion_cell, "attributes": code_attribute_cell}[
        attack.claim
    ]


def shown_of(sent: Sent) -> tuple[Shown, ...]:
    """What pairs are asked about, the control last."""
    return ("code", "labels", *(("repeated",) if sent.view.varies else ()), "raw")


def pair_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict[str, Any]:
    """Ask about pairs of codes, of their segmentations, of codes sent many times where they vary, and of raw scans."""
    told = {shown: pairs_of(run, material, attack, seed, shown) for shown in shown_of(_sent(material))}
    by_view = {shown: asked.told(claims) for shown, (claims, asked) in told.items()}
    raw = by_view.pop("raw")
    found = [paired for own in by_view.values() for paired in own]
    keep_pairs(run, attack.name, [*found, *raw])
    controls = pair_controls(attack.name, found, raw, _asking(seed).child("controls"))
    return {"views": list(dict.fromkeys(one.view for one in found)), **_told(controls)}


def pairs_of(
    run: Run, material: Material, attack: Attack, seed: int, shown: Shown
) -> tuple[list[PairScores], ScanPairs]:
    """What an attack makes of pairs of one of `shown_of`, and the pairs that it was asked about."""
    sent, (own, others) = _sent(material), sides(material, attack)
    settings = material.settings_of(attack)
    budget = settings if isinstance(settings, VerificationSettings) else VerificationSettings()
    if shown == "repeated":
        some = others.take(first_two(others.patients, budget.queried))
        asked = scan_pairs(some.patients, budget.negatives, _asking(seed).child("queried"), _where(material))
        access = sent.repeated(some, budget.queries.queries, asked.places)
    else:
        everybody, asked = _of_all_visits(material, others, budget.negatives, _asking(seed))
        access = sent.raw(everybody, asked.places) if shown == "raw" else sent.seen(shown, everybody, asked.places)
    return list(attack.run(_unnamed(access), own, settings, work_of(run, attack, seed))), asked


def inversion_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict[str, Any]:
    """Reconstruct scans from codes and from their segmentations, and from the scans themselves, which are surely enough."""
    by_view = {shown: drawn_of(run, material, attack, seed, shown) for shown in ("code", "labels", "raw")}
    easy = by_view.pop("raw")[0]
    claims = [claim for own in by_view.values() for claim in own]
    keep_reconstructions(run, attack.name, claims)
    controls = inversion_controls(attack, claims[0], easy, sides(material, attack)[1], seed)
    return {"views": [claim.view for claim in claims], **_told(controls)}


def drawn_of(run: Run, material: Material, attack: Attack, seed: int, shown: Shown) -> list[Reconstructions]:
    """What an attack reconstructs from codes, from segmentations, or from the scans themselves."""
    sent, (own, others) = _sent(material), sides(material, attack)
    access = sent.raw(others) if shown == "raw" else sent.seen(shown, others)
    return list(attack.run(access, own, material.settings_of(attack), work_of(run, attack, seed)))


def inversion_controls(
    attack: Attack, claim: Reconstructions, easy: Reconstructions, others: Images, seed: int
) -> list[Control]:
    """The controls of what was reconstructed of the scans of `others`, by what was `easy` to, from these scans themselves."""
    draw = Seeds(seed).child("audit", "exchanged").numpy()
    return controls_of(attack.name, claim, easy, others, draw, sure="Scans that are sent as they are")


def code_attribute_cell(
    run: Run, material: Material, attack: Attack, seed: int, planted: bool = True
) -> dict[str, Any]:
    """Read age and sex off codes and off their segmentations.

    As controls who learned the exchanged attributes of others must read nothing, and exchanged ones that darken a half of the
    head of the scans themselves must be read; not `planted` where that is known of these scans.
    """
    sent, (own, others) = _sent(material), sides(material, attack)
    settings, work = material.settings_of(attack), work_of(run, attack, seed)
    seeds = Seeds(seed).child("audit", "attributes")

    def read(access: SeenCodes, own: Images) -> list[Attributes]:
        return list(attack.run(access, own, settings, work))

    claims = [claim for seen in ("code", "labels") for claim in read(sent.seen(seen, others), own)]
    keep_attributes(run, attack.name, claims)
    dealt = material.images
    for attribute in READ:
        dealt = exchanged_details(dealt, attribute, seeds.child("exchanged", attribute))
    strangers = read(sent.seen("code", others), dealt.of(own.patients))[0]
    told = {name: truth for name in READ if truth_of(material.images, name) and (truth := truth_of(dealt, name))}
    controls = [exchanged_reading(strangers, truth, material.roles) for truth in told.values()]
    if planted:
        dark = planted_scans(dealt)
        mine, theirs = dark.of(own.patients), dark.of(others.patients)
        sure = read(raw_codes(torch.stack(theirs.images), theirs.patients, sent.view.spacing_mm), mine)[0]
        controls += [planted_reading(sure, truth, material.roles, gap=False) for truth in told.values()]
    return {"views": [claim.view for claim in claims], **_told(controls)}


def code_piece(material: Material, attack: Attack, config: AuditConfig) -> Piece:
    """The piece of an attack on codes, all of its views and controls together."""
    sent, others = _sent(material), sides(material, attack)[1]
    views = {"pair_scores": shown_of(sent), "reconstructions": VIEWS, "attributes": ATTRIBUTE_VIEWS}[attack.claim]
    seconds = {shown: view_seconds(material, attack, shown, config.seed) for shown in set(views)}
    drawn = 2 * 2 * len(others) * others.images[0].numel() if attack.claim == "reconstructions" else 0
    return Piece(attack.name, attack.words, sum(seconds[shown] for shown in views), drawn)


def view_seconds(material: Material, attack: Attack, shown: Shown, seed: int) -> float:
    """About how many seconds an attack on codes takes here on one view of what is sent."""
    sent, (own, others) = _sent(material), sides(material, attack)
    few, settings = others.take(range(min(2, len(others)))), material.settings_of(attack)
    scans, asked = torch.stack(few.images), np.array([[0, len(few) - 1]])
    if shown == "raw":
        access = raw_codes(scans, few.patients, sent.view.spacing_mm, asked)
    elif shown == "repeated":
        assert isinstance(settings, VerificationSettings)
        access = sent.repeated(few, settings.queries.queries, asked)
    else:
        access = sent.seen(shown, few, asked)
    return attack_seconds(attack, material, access, own, seed, len(others) / len(few))


def planted_scans(images: Images) -> Images:
    """The scans with each attribute in them for all to see: the front of the head is dark in men, its top in whoever is older."""
    scans = [image.clone() for image in images.images]
    for attribute, axis in (("sex", 2), ("age", 3)):
        truth = truth_of(images, attribute)
        for scan, patient in zip(scans, images.patients, strict=True):
            if truth and truth.classes.get(patient):
                half = scan.shape[axis] // 2
                scan.narrow(axis, half, scan.shape[axis] - half).mul_(DARKENED)
    return replace(images, images=tuple(scans))


def _of_all_visits(material: Material, others: Images, negatives: int, seeds: Seeds) -> tuple[Images, ScanPairs]:
    """Those who are attacked, with the scans of their real visits behind simulated ones, and the pairs within either kind."""
    asked, own = scan_pairs(others.patients, negatives, seeds.child("test"), _where(material)), _sent(material).real
    if own is None:
        return others, asked
    real = scan_pairs(own.patients, negatives, seeds.child("real"), REAL)
    return concatenated([others, own]), asked.beside(real, len(others))


def _where(material: Material) -> str:
    """Of what kind the scans are, where that is none that a hospital sends."""
    return SIMULATED if material.model.get("visits") == "simulated" else ""


def concatenated(several: Sequence[Images]) -> Images:
    """Scans one after another, without labels and details."""
    return Images(
        tuple(image for images in several for image in images.images),
        None,
        tuple(patient for images in several for patient in images.patients),
    )


def _unnamed(access: SeenCodes) -> SeenCodes:
    # Whoever knew whose codes are would know the answer.
    return replace(access, patients=tuple(f"code {i}" for i in range(len(access.patients))))


def _asking(seed: int) -> Seeds:
    return Seeds(seed).child("audit", "pairs")


def _sent(material: Material) -> Sent:
    assert material.sent
    return material.sent


def _told(controls: Sequence[Control]) -> dict[str, Any]:
    return {"controls": [control.model_dump(mode="json") for control in controls]}
