"""LPBA40 (Shattuck 2008, doi:10.1016/j.neuroimage.2007.09.031): the download in delineation space, or its NIfTI repacks.

The download is a folder a person with Analyze pairs, S01/S01.delineation.skullstripped.img.gz (or .img) and
S01.delineation.structure.label.img.gz, their headers beside them. Repacks keep the names and put the images of all
people into folders such as train and test, the label maps into label; their fixed.nii.gz is S01.

Where the axes point is read from the label map: an Analyze header cannot say it, and repacks carry on what their
tool assumed. Structures with an odd number lie on the left, frontal ones in front of occipital ones, parietal ones
above cerebellum and brain stem. One map decides for all, since all were written alike.

Only whole gyri were drawn, their white matter with them, and of the deep grey caudate, putamen and hippocampus.
The rest of the cerebrum has the value 0 and is background. A scheme of tissues (tissue5) cannot be had from that.
"""

import re
from pathlib import Path

import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.files import files_below
from remnant.cohort.case import CLASSES, Case, Cohort, LabelScheme
from remnant.cohort.files.volume import read_labels
from remnant.cohort.layouts.table import make_cohort, own_scheme

LOOKED_FOR = "LPBA40 (S01.delineation.skullstripped.img.gz or .nii.gz and S01.delineation.structure.label beside it)"
IMAGE = re.compile(r"(S\d\d)\.delineation\.skullstripped\.(?:img|img\.gz|nii|nii\.gz)")
LABELS = re.compile(r"(S\d\d)\.delineation\.structure\.label\.(?:img|img\.gz|nii|nii\.gz)")
# The repacks' name of the person to whom all are registered.
FIXED = ("fixed.nii.gz", "S01")

FRONTAL = (
    "superior_frontal_gyrus middle_frontal_gyrus inferior_frontal_gyrus precentral_gyrus middle_orbitofrontal_gyrus "
    "lateral_orbitofrontal_gyrus gyrus_rectus"
)
PARIETAL = "postcentral_gyrus superior_parietal_gyrus supramarginal_gyrus angular_gyrus precuneus"
OCCIPITAL = "superior_occipital_gyrus middle_occipital_gyrus inferior_occipital_gyrus cuneus"
TEMPORAL = (
    "superior_temporal_gyrus middle_temporal_gyrus inferior_temporal_gyrus parahippocampal_gyrus lingual_gyrus "
    "fusiform_gyrus"
)
# The first value of each run of structures, left and right in turn.
PAIRED = (
    (21, FRONTAL, "gyri"),
    (41, PARIETAL, "gyri"),
    (61, OCCIPITAL, "gyri"),
    (81, TEMPORAL, "gyri"),
    (101, "insular_cortex", "gyri"),
    (121, "cingulate_gyrus", "gyri"),
    (161, "caudate putamen hippocampus", "deep_grey"),
)
SINGLE = ((181, "cerebellum", "other_brain"), (182, "brain_stem", "other_brain"))


def structures() -> dict[int, tuple[str, str]]:
    """Name and class of lpba3 of each of the 56 values."""
    table = {value: (name, group) for value, name, group in SINGLE}
    for first, names, group in PAIRED:
        for number, name in enumerate(names.split()):
            for side in (0, 1):
                table[first + 2 * number + side] = (f"{('left', 'right')[side]}_{name}", group)
    return dict(sorted(table.items()))


def recognises(directory: Path) -> bool:
    return any(True for _ in _find(directory, IMAGE))


def read(directory: Path) -> Cohort:
    """Read the cohort: a session a person. The set gives no ages or sexes.

    Raises `RemnantError` for two images or label maps of one person, and for an image without a label map.
    """
    images, labels = _by_person(directory, IMAGE), _by_person(directory, LABELS)
    for path in files_below(directory):
        if path.name == FIXED[0]:
            images.setdefault(FIXED[1], path)
    missing = sorted(set(images) - set(labels))
    if missing:
        raise RemnantError(
            f"{images[missing[0]]} has no label map; copy {missing[0]}.delineation.structure.label into {directory}."
        )
    first = min(images)
    axes = axes_of(labels[first])
    cases = [
        Case(patient=person, session="1", image=image, labels=labels[person], axes=axes)
        for person, image in sorted(images.items())
    ]
    table = structures()
    classes = CLASSES["lpba3"]
    mapping = {0: 0, **{value: classes.index(group) for value, (_, group) in table.items()}}
    own = own_scheme({value: name for value, (name, _) in table.items()})
    schemes = {"lpba3": LabelScheme("lpba3", classes, mapping), own.name: own}
    return make_cohort(directory, cases, schemes, "labels.csv")


def axes_of(path: Path) -> str:
    """Where the axes of this label map point, as in "LPS", by where its structures lie."""
    values, _ = read_labels(path)
    counts = np.bincount(values.ravel().clip(0), minlength=183).astype(float)
    sums = [
        np.bincount(values.ravel().clip(0), np.broadcast_to(index, values.shape).ravel(), minlength=183)
        for index in np.indices(values.shape, sparse=True)
    ]

    def centre(*runs: range) -> np.ndarray:
        chosen = [value for run in runs for value in run]
        with np.errstate(invalid="ignore"):
            return np.array([total[chosen].sum() for total in sums]) / counts[chosen].sum()

    directions = {
        "RL": centre(range(22, 167, 2)) - centre(range(21, 167, 2)),
        "AP": centre(range(21, 35)) - centre(range(61, 69)),
        "SI": centre(range(41, 51)) - centre(range(181, 183)),
    }
    axes = [int(np.argmax(np.abs(direction))) for direction in directions.values()]
    if not np.isfinite(list(directions.values())).all() or len(set(axes)) != 3:
        raise RemnantError(
            f"Left, front and top cannot be told in {path}, since structures of LPBA40 are missing or not where they "
            f"belong; give the label maps as distributed."
        )
    letters = {
        axis: pair[0 if direction[axis] > 0 else 1]
        for axis, (pair, direction) in zip(axes, directions.items(), strict=True)
    }
    return "".join(letters[axis] for axis in range(3))


def _find(directory: Path, pattern: re.Pattern) -> list[Path]:
    return sorted(path for path in files_below(directory) if pattern.fullmatch(path.name))


def _by_person(directory: Path, pattern: re.Pattern) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in _find(directory, pattern):
        person = pattern.fullmatch(path.name)[1]
        if person in found:
            raise RemnantError(f"{directory} holds {found[person]} and {path} of one person; keep one of them.")
        found[person] = path
    return found
