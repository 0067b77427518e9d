"""The two schemes of tissues, and the way from the finer one to the coarser: what a second data set can be scored by."""

from collections.abc import Mapping

import numpy as np

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES, LabelScheme

# Deep grey matter is grey matter, and fluid is fluid wherever it is.
TISSUE3 = {"none": "background", "gm": "gm", "wm": "wm", "nuclei": "gm", "csf_int": "csf", "csf_ext": "csf"}
_INDICES = np.array([CLASSES["tissue3"].index(TISSUE3[name]) for name in CLASSES["tissue5"]], np.uint8)


def as_tissue3(labels: np.ndarray) -> np.ndarray:
    """Label maps of tissue5 (integers of any shape, indices into its classes) as those of tissue3, uint8.

    Raises `RemnantError` for values that are no index of tissue5.
    """
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= len(_INDICES)):
        raise RemnantError(
            f"Label maps of tissue5 must hold indices from 0 to {len(_INDICES) - 1}. Got {labels.min()} to {labels.max()} "
            f"instead; prepare the cohort with the scheme tissue5."
        )
    return _INDICES[labels]


def tissue_schemes(classes: Mapping[int, str]) -> dict[str, LabelScheme]:
    """Both schemes, by name, of a data set whose label values belong to these classes of tissue5."""
    fine = {value: CLASSES["tissue5"].index(name) for value, name in classes.items()}
    coarse = {value: int(_INDICES[index]) for value, index in fine.items()}
    return {name: LabelScheme(name, CLASSES[name], table) for name, table in (("tissue5", fine), ("tissue3", coarse))}
