"""The paper's third measure as a cell of its own: how far each reconstruction must be bent to become each original."""

from typing import Any

import numpy as np

from remnant.base.run import Run
from remnant.measure.deformation import deformation_matrix
from remnant.report.private import read_reconstructions
from remnant.studies.subbanna2021.experiments import EXPERIMENTS, TARGETS
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
