"""MRBrainS 2013 (Mendrik 2015, doi:10.1155/2015/813696; data doi:10.34894/645ZIN): the five training people, as NIfTI.

TrainingData/1 to TrainingData/5 with T1.nii (0.96 x 0.96 x 3 mm), on whose grid people drew LabelsForTraining.nii, eight
structures, and LabelsForTesting.nii, three merged ones. T1_1mm.nii lies on another grid; T1_IR.nii and T2_FLAIR.nii are of other
contrasts: none of them is read, nor TestData, which has no label maps. Files may be gzipped; DIR may be TrainingData or up
to two folders above it.

The two label maps use the same numbers for different tissues, so that one kind serves all people: LabelsForTraining where
everybody with a label map has it, LabelsForTesting otherwise. The latter is merged to tissue3 alone.

Cerebellum and brain stem are background in both: the challenge leaves them out, since in neither grey was parted from white.
"""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import CLASSES, Case, Cohort, LabelScheme
from remnant.cohort.layouts.table import make_cohort, read_schemes
from remnant.cohort.layouts.tissues import tissue_schemes

LOOKED_FOR = "MRBrainS (TrainingData/1/T1.nii and LabelsForTraining.nii or LabelsForTesting.nii beside it)"
PLACES = (".", "TrainingData", "*/TrainingData")
# The one with more structures first.
LABELS = ("LabelsForTraining", "LabelsForTesting")

# LabelsForTraining: 1 cortex, 2 basal ganglia, 3 white matter, 4 its lesions, 5 fluid around the brain, 6 ventricles,
# 7 cerebellum, 8 brain stem.
STRUCTURES = {0: "none", 1: "gm", 2: "nuclei", 3: "wm", 4: "wm", 5: "csf_ext", 6: "csf_int", 7: "none", 8: "none"}
# LabelsForTesting.
TISSUES = {0: "background", 1: "csf", 2: "gm", 3: "wm"}


def recognises(directory: Path) -> bool:
    return any(_file(folder, "T1") and any(_file(folder, name) for name in LABELS) for folder in _folders(directory))


def read(directory: Path) -> Cohort:
    """Read the cohort: a session a person; the set gives no ages or sexes.

    People without a label map are in it: what needs label maps says so. Raises `RemnantError` for a folder without T1, for
    two folders of one number, and when some people have LabelsForTraining alone and others LabelsForTesting alone.
    """
    images: dict[Path, Path] = {}
    for folder in _folders(directory):
        if twin := next((other for other in images if other.name == folder.name), None):
            raise RemnantError(
                f"{directory} holds {twin} and {folder}, two people of one number; read one set at a time."
            )
        if (image := _file(folder, "T1")) is None:
            raise RemnantError(f"{folder} has no T1.nii, on whose grid its label maps were drawn; copy it there.")
        images[folder] = image
    kind = _kind(list(images), directory)
    cases = [
        Case(patient=folder.name, session="1", image=image, labels=_file(folder, kind))
        for folder, image in sorted(images.items(), key=lambda item: int(item[0].name))
    ]
    if kind == LABELS[0]:
        schemes = tissue_schemes(STRUCTURES)
    else:
        classes = CLASSES["tissue3"]
        table = {value: classes.index(name) for value, name in TISSUES.items()}
        schemes = {"tissue3": LabelScheme("tissue3", classes, table)}
    return make_cohort(directory, cases, schemes | read_schemes(directory / "labels.csv", "label"), "labels.csv")


def _folders(directory: Path) -> list[Path]:
    """The people's folders, named by numbers."""
    found = [folder for place in PLACES for folder in directory.glob(f"{place}/*")]
    return [folder for folder in found if folder.name.isdecimal() and folder.is_dir()]


def _file(folder: Path, name: str) -> Path | None:
    files = (folder / f"{name}{ending}" for ending in (".nii", ".nii.gz"))
    return next((path for path in files if path.is_file()), None)


def _kind(folders: list[Path], directory: Path) -> str:
    """Of the two names of label maps the first that everybody with a label map has."""
    labelled = [names for folder in folders if (names := {name for name in LABELS if _file(folder, name)})]
    kind = next((name for name in LABELS if all(name in names for names in labelled)), None)
    if kind is None:
        raise RemnantError(
            f"Some people of {directory} have LabelsForTraining alone and others LabelsForTesting alone, whose numbers mean "
            f"different tissues; give all of them the same one."
        )
    return kind
