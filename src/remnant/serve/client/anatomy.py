"""What the classes of a segmenter are called in SNOMED CT, by the codes of DICOM for segments (PS3.16, CID 7192 and 7140)."""

from dataclasses import dataclass

from highdicom.sr.coding import CodedConcept
from pydicom.sr.codedict import codes

SCT = codes.SCT
LEFT_OR_RIGHT = {"left_": SCT.Left, "right_": SCT.Right}
# The classes of the schemes that data sets are merged into (`cohort.case.CLASSES`). Where no code is as narrow as a class, it is
# the next wider one: the segment's label says the rest.
OF_SCHEMES = {
    "gyri": SCT.CerebralHemisphere,
    "deep_grey": SCT.GrayMatter,
    "other_brain": SCT.Brain,
    "gm": SCT.GrayMatter,
    "wm": SCT.WhiteMatter,
    "nuclei": SCT.GrayMatter,
    "csf": SCT.CerebrospinalFluid,
    "csf_int": SCT.BrainVentricle,
    "csf_ext": SCT.CranialSubarachnoidSpace,
}
# Names of data sets' own classes, such as LPBA40's.
OF_STRUCTURES = {
    "amygdala": SCT.Amygdala,
    "brain": SCT.Brain,
    "brain_stem": SCT.BrainStem,
    "caudate": SCT.CaudateNucleus,
    "cerebellum": SCT.Cerebellum,
    "hippocampus": SCT.Hippocampus,
    "insular_cortex": SCT.Insula,
    "pallidum": SCT.GlobusPallidus,
    "putamen": SCT.Putamen,
    "thalamus": SCT.Thalamus,
}
CODES = OF_SCHEMES | OF_STRUCTURES


@dataclass(frozen=True)
class SegmentAnatomy:
    """What a segment shows: `kind`, and on which `side`, if it says so."""

    kind: CodedConcept
    side: CodedConcept | None


def anatomy_of(name: str) -> SegmentAnatomy:
    """The anatomy of a class by its name; an anatomical structure, and no more, for a name that nobody here knows."""
    plain = "_".join(name.lower().split())
    prefix = next((word for word in LEFT_OR_RIGHT if plain.startswith(word)), "")
    known = CODES.get(plain.removeprefix(prefix))
    side = CodedConcept.from_code(LEFT_OR_RIGHT[prefix]) if prefix else None
    return SegmentAnatomy(CodedConcept.from_code(known or SCT.AnatomicalStructure), side)
