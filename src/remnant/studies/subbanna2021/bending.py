"""The paper's third measure as a cell of its own: how far each reconstruction must be bent to become each original."""

from typing import Any

import numpy as np

from remnant.audit.cells.kept import kept_reconstructions
from remnant.base.run import Run
from remnant.measure.deformation import deformation_matrix, displacement_field
from remnant.report.private import Bending, write_bendings
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS, attack_cell_name
from remnant.studies.subbanna2021.folds import attacked_in, part_of, read_fold, seen_by
from remnant.studies.subbanna2021.settings import StudySettings

WORDS = (
    "Deformation field: mean norm of the non-linear displacement in mm over the gallery's heads, smaller for more alike; "
    "our registration (affine, then symmetric normalisation by local cross-correlation at half resolution)"
)


def bending_cell(run: Run, network: str, fold: int, experiment: str, settings: StudySettings) -> dict[str, Any]:
    """Bend the reconstructions that the attack claimed, and the attacker's mean image, to everybody's first scan.

    First scans alone, since a pair takes half a second.
    """
    target = EXPERIMENTS[experiment].target
    data = seen_by(read_fold(run, fold), TARGETS[target])
    (claim,) = kept_reconstructions(part_of(run, network, fold, target), experiment)
    gallery = [i for i, session in enumerate(data.visits) if session == 1]
    names = [data.patients[i] for i in gallery]
    attacked = attacked_in(data, settings.few_of(target))
    firsts = [place for place, i in enumerate(attacked) if data.visits[i] == 1]
    groups, pseudonyms = ([own[attacked[place]] for place in firsts] for own in (data.roles, data.patients))
    drawn, images = claim.images[firsts][:, 0].numpy(), data.images[gallery][:, 0].numpy()
    spacing = settings.preparation.spacing_mm
    found = deformation_matrix(np.concatenate([drawn, claim.mean.numpy()]), images, spacing_mm=spacing)
    members = [place for place, group in enumerate(groups) if group == "member"]
    own = {place: names.index(pseudonyms[place]) for place in members}
    # Those who are bent least, middling and most: to their own and to the nearest other scan.
    ordered = sorted(members, key=lambda place: -found[place, own[place]])
    bendings = []
    for place in dict.fromkeys(ordered[i] for i in (0, len(ordered) // 2, -1)):
        others = found[place].copy()
        others[own[place]] = -np.inf
        other = int(others.argmax())
        fields = [displacement_field(drawn[place], images[j], spacing) for j in (own[place], other)]
        heads = (images > 0).any(0)
        bendings.append(Bending(network, experiment, pseudonyms[place], names[other], drawn[place], *fields, heads))
    write_bendings(run.path, attack_cell_name(network, fold, experiment), bendings)
    return {
        "network": network,
        "bent": experiment,
        "pseudonyms": pseudonyms,
        "groups": groups,
        "sessions": [1] * len(firsts),
        "gallery": [[name, 1] for name in names],
        "similarity": {"deformation": found[:-1].tolist()},
        "mean_image": {"deformation": found[-1].tolist()},
        "measures": {"deformation": WORDS},
    }
