"""The structures of a phantom: label value, name, class under both schemes, brightness in T1."""

from typing import NamedTuple


class Structure(NamedTuple):
    """One structure. `t1` is its usual T1 brightness, white matter of the cerebrum being 1."""

    index: int
    name: str
    tissue5: str
    lpba3: str
    t1: float


# Brightness follows skull-stripped T1 scans of adults; outside the brain it only has to look like a head.
STRUCTURES = (
    Structure(0, "background", "none", "background", 0.0),
    Structure(1, "cerebral_cortex", "gm", "gyri", 0.63),
    Structure(2, "cerebral_white_matter", "wm", "other_brain", 1.0),
    Structure(3, "caudate", "nuclei", "deep_grey", 0.73),
    Structure(4, "putamen", "nuclei", "deep_grey", 0.80),
    Structure(5, "pallidum", "nuclei", "deep_grey", 0.96),
    Structure(6, "thalamus", "nuclei", "deep_grey", 0.84),
    Structure(7, "hippocampus", "gm", "deep_grey", 0.67),
    Structure(8, "amygdala", "nuclei", "deep_grey", 0.67),
    Structure(9, "ventral_diencephalon", "nuclei", "deep_grey", 0.90),
    Structure(10, "lateral_ventricle", "csf_int", "background", 0.27),
    Structure(11, "third_ventricle", "csf_int", "background", 0.30),
    Structure(12, "fourth_ventricle", "csf_int", "background", 0.28),
    Structure(13, "external_csf", "csf_ext", "background", 0.30),
    Structure(14, "cerebellar_cortex", "gm", "other_brain", 0.65),
    Structure(15, "cerebellar_white_matter", "wm", "other_brain", 0.96),
    Structure(16, "brain_stem", "wm", "other_brain", 0.90),
    Structure(20, "skull", "none", "background", 0.10),
    Structure(21, "bone_marrow", "none", "background", 0.85),
    Structure(22, "scalp_and_soft_tissue", "none", "background", 0.58),
    Structure(23, "fat", "none", "background", 1.05),
    Structure(24, "eye", "none", "background", 0.24),
    Structure(25, "airways", "none", "background", 0.02),
    Structure(26, "spinal_cord", "none", "background", 0.85),
)

# From here on, structures are outside the brain: in phantoms with a skull alone.
OUTSIDE_BRAIN = 20
VALUE = {structure.name: structure.index for structure in STRUCTURES}
