"""The cells of attacks that score patients, and of those that reconstruct images from latents, and what they take."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from remnant.attacks.attack import Attack, Reconstructions, Work
from remnant.attacks.membership.references import queries_of
from remnant.audit.cells.blind import blind_of
from remnant.audit.cells.kept import keep_reconstructions, keep_scores, kept_shadows
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import attack_seconds, batch_of
from remnant.audit.config import AuditConfig
from remnant.audit.findings.identified import controls_of
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.measure.roles import MEMBER, NON_MEMBER
from remnant.targets.audited import Audited
from remnant.targets.seen import SeenOutputs, SeenWeights, Shadows, reduced_latents, seen_latents, seen_outputs
from remnant.targets.seen_features import SeenFeatures, features_of

VIEW_COUNT = 4  # that an attack keeps scores of, about


def sides(material: Material, attack: Attack) -> tuple[Images | None, Images]:
    """The attacker's own images, and those that he attacks.

    Where he has none and his attack has to learn from some, the non-members stand in, and members alone are attacked. Whoever
    holds a server that takes codes trained on the members' scans, and attacks the codes of others. Who was added since the
    version before is asked without those who trained both, and of persons by images that did not train.
    """
    if attack.asks == "person":
        return material.own, material.further or material.candidates.take([])
    if attack.asks == "added":
        both = material.before
        return material.own, material.images.of([name for name in material.candidates.patients if name not in both])
    if attack.access == "codes":
        return material.images.of(material.group(MEMBER)), material.images.of(material.group(NON_MEMBER))
    if attack.claim == "reconstructions" and material.own is None:
        return material.images.of(material.group(NON_MEMBER)), material.images.of(material.group(MEMBER))
    return material.own, material.candidates


def score_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict[str, Any]:
    """Run a membership attack and keep its claims."""
    own, asked = sides(material, attack)
    shadows = kept_shadows(run, material.target.shadows) if attack.shadows else None
    access = access_of(attack, material.target, asked, shadows)
    claims = attack.run(access, own, material.settings_of(attack), work_of(run, attack, seed))
    keep_scores(run, attack.name, claims)
    found: dict[str, Any] = {"views": [claim.view for claim in claims]}
    if attack.asks == "person":
        # Other images than those of the blind baseline of the audit, such as later visits of members alone.
        roles = np.array([material.roles[patient] for patient in dict.fromkeys(asked.patients)])
        alike = blind_of(asked, roles, seed, "these images of the groups")
        found["controls"] = [alike.model_copy(update={"attack": attack.name}).model_dump(mode="json")]
    return found


def score_piece(material: Material, attack: Attack, config: AuditConfig) -> Piece:
    """The piece of a membership attack: it takes as long for each image."""
    own, asked = sides(material, attack)
    part = batch_of(asked, material.target.batch)
    times = len(asked) / len(part)
    if attack.shadows and material.target.shadows:
        # What shadow models say is known by then.
        several = any(one.queries for one in attack.calibrations)
        once = timed(lambda: queries_of(material.target.head, part, material.target.answers, several=several))
        seconds = once * times
    else:
        access = access_of(attack, material.target, part)
        seconds = attack_seconds(attack, material, access, own, config.seed, times)
    return Piece(attack.name, attack.words, seconds, 8 * VIEW_COUNT * len(asked), attack.primary)


def reconstruction_cell(run: Run, material: Material, attack: Attack, seed: int, module: str | None) -> dict[str, Any]:
    """Reconstruct images from latents, and from images reduced to as many values, which are surely enough."""
    own, asked = sides(material, attack)
    access = seen_latents(material.target, asked, module)
    claims: Sequence[Reconstructions] = attack.run(
        access, own, material.settings_of(attack), work_of(run, attack, seed)
    )
    keep_reconstructions(run, attack.name, claims)
    easy = attack.run(reduced_latents(access, asked), own, material.settings_of(attack), work_of(run, attack, seed))
    draw = Seeds(seed).child("audit", "exchanged").numpy()
    controls = controls_of(attack.name, claims[0], easy[0], asked, draw)
    return {
        "views": [claim.view for claim in claims],
        "latent": list(access.latents.shape[1:]),
        "layer": access.module,
        "controls": [control.model_dump(mode="json") for control in controls],
    }


def reconstruction_piece(material: Material, attack: Attack, config: AuditConfig) -> Piece:
    """The piece of an attack on latents: it reconstructs once more, from images reduced to as many values."""
    own, asked = sides(material, attack)
    part = batch_of(asked, material.target.batch)
    access = seen_latents(material.target, part, config.target.latents)
    seconds = 2 * attack_seconds(attack, material, access, own, config.seed, len(asked) / len(part))
    return Piece(attack.name, attack.words, seconds, 2 * asked.images[0].numel() * len(asked), attack.primary)


def access_of(
    attack: Attack, target: Audited, asked: Images, shadows: Shadows | None = None
) -> SeenOutputs | SeenWeights | SeenFeatures:
    """What a membership attack is handed."""
    if attack.access == "features":
        return features_of(target, asked).seen(asked)
    if attack.access != "outputs":
        return SeenWeights(asked, target)
    return replace(seen_outputs(target, asked), shadows=shadows and shadows.of(asked.patients))


def work_of(run: Run, attack: Attack, seed: int, folder: str = "") -> Work:
    """What an attack may use beside what it is handed; `folder`: where, by default under its own name."""
    name = f"attack-{attack.name}"
    return Work(
        Seeds(seed).child("attack", attack.name),
        run.private / "work" / (folder or attack.name),
        lambda note: run.log(name, "note", note=note),
    )
