"""The paper's third measure as a cell of its own: how far each reconstruction must be bent to become each original."""

from typing import Any

import numpy as np

from remnant.base.run import Run
from remnant.measure.deformation import deformation_matrix, displacement_field
from remnant.report.private import Bending, Pair, read_reconstructions, write_bendings
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS, attack_cell_name
from remnant.studies.subbanna2021.folds import read_fold
from remnant.studies.subbanna2021.settings import StudySettings

WORDS = (
    "Deformation field: mean norm of the non-linear displacement in mm over the gallery's heads, smaller for more alike; "
    "our registration (affine, then symmetric normalisation by local cross-correlation at half resolution)"
)


def bending_cell(run: Run, network: str, fold: int, experiment: str, settings: StudySettings) -> dict[str, Any]:
    """Bend the reconstructions that the attack's cell kept, and the attacker's mean image, to everybody's first scan.

    First scans alone, since a pair takes half a second.
    """
    data = read_fold(run, fold).seen_by(TARGETS[EXPERIMENTS[experiment].target])
    gallery = [i for i, session in enumerate(data.sessions) if session == 1]
    wanted = {
        (network, experiment, data.pseudonyms[i], data.groups[i], "1") for i in gallery if data.groups[i] != "attacker"
    }
    pairs = read_reconstructions(run.path, wanted)
    drawn = np.stack([pair.reconstruction for pair in pairs])
    images = data.images[gallery][:, 0].numpy()
    mean_image = data.images[data.where("attacker")].mean(0).numpy()
    spacing = settings.preparation.spacing_mm
    found = deformation_matrix(np.concatenate([drawn, mean_image]), images, spacing_mm=spacing)
    shown = [i for i, pair in enumerate(pairs) if pair.group == "member"]
    names = [data.pseudonyms[i] for i in gallery]
    _keep(
        run,
        attack_cell_name(network, fold, experiment),
        [pairs[i] for i in shown],
        found[shown],
        names,
        images,
        spacing,
    )
    return {
        "network": network,
        "bent": experiment,
        "pseudonyms": [pair.pseudonym for pair in pairs],
        "groups": [pair.group for pair in pairs],
        "sessions": [1] * len(pairs),
        "gallery": [[data.pseudonyms[i], 1] for i in gallery],
        "similarity": {"deformation": found[:-1].tolist()},
        "mean_image": {"deformation": found[-1].tolist()},
        "measures": {"deformation": WORDS},
    }


def _keep(
    run: Run,
    cell: str,
    pairs: list[Pair],
    similar: np.ndarray,
    names: list[str],
    images: np.ndarray,
    spacing: float,
) -> None:
    """The displacements of the patients who are bent least, middling and most: to their own and to the nearest other scan.

    `similar` (n, m) is the matrix of `pairs` against the `images` (m, x, y, z) of patients `names`.
    """
    own = [names.index(pair.pseudonym) for pair in pairs]
    ordered = np.argsort([-similar[i, j] for i, j in enumerate(own)], kind="stable")
    bendings = []
    for i in dict.fromkeys(ordered[[0, len(ordered) // 2, -1]].tolist()):
        others = similar[i].copy()
        others[own[i]] = -np.inf
        other, drawn = int(others.argmax()), pairs[i].reconstruction
        fields = [displacement_field(drawn, images[j], spacing) for j in (own[i], other)]
        bendings.append(
            Bending(
                pairs[i].network,
                pairs[i].decoder,
                pairs[i].pseudonym,
                names[other],
                drawn,
                *fields,
                (images > 0).any(0),
            )
        )
    write_bendings(run.path, cell, bendings)
