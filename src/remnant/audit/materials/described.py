"""What a material is in numbers: who and how many, and what is known of each beside the images."""

import numpy as np

from remnant.audit.materials.material import Material
from remnant.cohort.images import patient_means
from remnant.measure.roles import MEMBER, NON_MEMBER


def cohort_of(material: Material) -> dict[str, int | str]:
    """Counts for the decision sheet."""
    candidates, canaries = material.candidates, material.canaries
    return {
        "patients": len(dict.fromkeys(candidates.patients)),
        "members": len(material.group(MEMBER)),
        "non_members": len(material.group(NON_MEMBER)),
        "images": len(candidates),
        **({"canaries": len(canaries.patients)} if canaries else {}),
        "unit": "patient",
    }


def traits_of(material: Material) -> tuple[tuple[str, ...], np.ndarray, dict[str, np.ndarray]]:
    """Patients, their roles, and what is known of each beside the images."""
    candidates = material.candidates
    counts = {name: candidates.patients.count(name) for name in dict.fromkeys(candidates.patients)}
    traits = {name: patient_means(values, candidates.patients)[1] for name, values in candidates.details.items()}
    traits["images"] = np.array(list(counts.values()), dtype=float)
    return tuple(counts), np.array([material.roles[name] for name in counts]), traits
