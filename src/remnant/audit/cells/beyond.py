"""The cell of an attack that draws images of nobody in particular, and what it takes.

Do they lie nearer to members than to others, beyond what a generator draws that never saw the model?
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from torch import Tensor
from torch.nn import functional

from remnant.attacks.attack import Attack, Candidates, Work
from remnant.attacks.checkpoint.ranked import Ranked, ranked_of
from remnant.audit.cells.kept import keep_similarities
from remnant.audit.cells.likely import keep_likely_of
from remnant.audit.cells.nearness import DRAWN, Known, Strange, compared, comparing
from remnant.audit.cells.piece import Piece
from remnant.audit.cells.timing import attack_seconds
from remnant.audit.config import AuditConfig
from remnant.audit.findings.gains import SPACES, gain_control
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.measure.roles import MEMBER
from remnant.targets.seen import SeenWeights


def candidate_cell(run: Run, material: Material, attack: Attack, seed: int) -> dict[str, Any]:
    """Draw candidates, and hold them against everybody."""
    claim, ranked = drawn_by(material, attack, drawing_work(run, material, attack, seed))
    return held_against(run, material, attack, claim, ranked, seed)


def drawing_work(run: Run, material: Material, attack: Attack, seed: int) -> Work:
    """What an attack may use that draws images."""
    return Work(
        Seeds(seed).child("attack", attack.name),
        run.private / "work" / attack.name,
        lambda note: run.log(f"attack-{attack.name}", "note", note=note),
        material.prior,
    )


def drawn_by(material: Material, attack: Attack, work: Work) -> tuple[Candidates, Ranked | None]:
    """What an attack draws, and how it ranks; None where the network's layers do not tell."""
    access, settings = SeenWeights(material.candidates, material.target), material.settings_of(attack)
    claim: Candidates = attack.run(access, material.own, settings, work)[0]
    return claim, ranked_of(access, claim.images, settings, work, material.own)


def held_against(
    run: Run,
    material: Material,
    attack: Attack,
    claim: Candidates,
    ranked: Ranked | None,
    seed: int,
    strange: Strange | None = None,
    known: Known = MappingProxyType({}),
) -> dict[str, Any]:
    """Keep how near the candidates come to everybody, and which are likely; then the controls, in the network's features.

    `strange` and `known` as in `compared`.
    """
    prior, asked = material.prior, material.candidates
    assert prior
    kept = compared(material.target, asked, claim, prior, strange=strange, known=known)
    keep_similarities(run, attack.name, kept)
    if ranked:
        keep_likely_of(run, material, attack, claim.images, ranked, kept)
    seeds = Seeds(seed).child("audit", "candidates", attack.name)
    features = next(one for one in kept if one.space == "features")
    name, draw = next(iter(claim.controls.items()))
    near = features.controls[name]
    half = replace(features, attack=near[::2], controls={"prior": near[1::2]})
    members = material.images.of(material.group(MEMBER))
    chosen = seeds.child("planted").numpy().permutation(len(members))[: len(claim.images)]
    own = functional.interpolate(prior.grey(members.take(chosen)), draw.shape[-2:], mode="bilinear", antialias=True)
    leak = Candidates("", own.clamp(0, 1), {"prior": draw})
    (planted,) = compared(material.target, asked, leak, prior, ["features"], known={"features": {"prior": near}})
    controls = [
        gain_control(kind, attack.name, found, material.roles, seeds.child(kind))
        for kind, found in (("null", half), ("planted", planted))
    ]
    return {"views": [claim.view], "controls": [one.model_dump(mode="json") for one in controls]}


def candidate_piece(material: Material, attack: Attack, config: AuditConfig) -> Piece:
    """The piece of an attack that draws candidates, and holds them against everybody."""
    return drawing_piece(material, attack, config.seed)


def drawing_piece(material: Material, attack: Attack, seed: int, controls: Mapping[str, Tensor] | None = None) -> Piece:
    """The same, where other attacks drew some of the `controls` already. What is kept is how near each candidate comes to each
    image, in single precision."""
    access = SeenWeights(material.candidates, material.target)
    seconds = attack_seconds(attack, material, access, material.own, seed, controls=controls)
    kept = 4 * len(SPACES) * DRAWN * len(material.candidates)
    return Piece(attack.name, attack.words, seconds + comparing(material), kept)
