"""How far a reconstruction must be bent to become an original: the mean displacement of a non-linear registration.

`matrix` is the measure, `syn_ants` the paper's registration, `syn_fast` ours, which makes all against all practical.
"""

from remnant.measure.deformation.matrix import (
    BACKENDS,
    deformation_matrix,
    displacement_field,
    displacement_matrix,
)

__all__ = ["BACKENDS", "deformation_matrix", "displacement_field", "displacement_matrix"]
