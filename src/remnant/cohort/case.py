"""Cases, cohorts, label schemes and folds: the types that every other room speaks of."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from remnant.base.errors import RemnantError
from remnant.cohort.files.volume import label_values

# The schemes that data sets are merged into, and `labels`, a data set's own classes.
SchemeName = Literal["lpba3", "tissue5", "tissue3", "labels"]
OWN_LABELS = "labels"

# Index 0 is the background. lpba3: the three classes of Subbanna 2021; tissue5: tissue and fluid, as in Kim 2019; tissue3:
# the same merged to what any data set of tissues has (see `tissues`).
CLASSES: dict[str, tuple[str, ...]] = {
    "lpba3": ("background", "gyri", "deep_grey", "other_brain"),
    "tissue5": ("none", "gm", "wm", "nuclei", "csf_int", "csf_ext"),
    "tissue3": ("background", "gm", "wm", "csf"),
}

PHANTOMS = "phantoms.json"  # beside cohorts whose patients Remnant drew
# Class indices are kept as uint8.
MOST_CLASSES = 256


@dataclass(frozen=True)
class Case:
    """One image of one patient at one session. `age` is in years; None where it is not known.

    `axes`: where the file's three axes point, as in "RAS", for a layout whose headers do not say or are not to be
    believed; None takes it from the header.

    `findings`: what a radiograph's table says is there, in its own words; `uncertain`: what it says may be there;
    `view`: as the table has it, such as "PA" or "AP". `split`: for what the table says the case was used, such as "train".
    `visit`: the session's own name where it has several images, of which `session` then tells this one.
    """

    patient: str
    session: str
    image: Path
    labels: Path | None = None
    age: float | None = None
    sex: Literal["F", "M"] | None = None
    axes: str | None = None
    findings: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    view: str | None = None
    split: str | None = None
    visit: str | None = None

    @property
    def case_id(self) -> str:
        """Patient and session, parted by a colon, which neither may hold: nobody else's case or patient is called the same."""
        return f"{self.patient}:{self.session}"

    @property
    def order(self) -> tuple[str, tuple[int | str, ...], str]:
        """What cases are sorted by: patient, then session with numbers by their size, ses-2 before ses-10."""
        parts = re.split(r"(\d+)", self.session)
        natural = tuple(int(part) if place % 2 else part for place, part in enumerate(parts))
        return self.patient, natural, self.session


@dataclass(frozen=True)
class Note:
    """What the reading of a cohort decided or doubts: one sentence that names no patient, and the files that it is about."""

    text: str
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class LabelScheme:
    """How the values in the label files become class indices; index 0 of `classes` is the background."""

    name: str
    classes: tuple[str, ...]
    mapping: dict[int, int]


def scheme_of_values(values: Collection[int], source: Path) -> LabelScheme:
    """Each value of the label maps below `source` its own class, the background 0 first."""
    ordered = sorted({0, *values}, key=lambda value: (value != 0, value))
    if len(ordered) > MOST_CLASSES:
        raise RemnantError(
            f"The label maps of {source} hold {len(ordered)} values, more than the {MOST_CLASSES} classes there can be; "
            f"merge them by a table of labels with one of the columns {', '.join(CLASSES)}."
        )
    classes = ("background", *(f"label_{value}" for value in ordered[1:]))
    return LabelScheme(OWN_LABELS, classes, {value: index for index, value in enumerate(ordered)})


@dataclass(frozen=True)
class Cohort:
    """A table of cases below one directory, with the label schemes that the directory defines; `layout` by its name;
    `notes`: what a person should know of how it was read; `phantoms`: the directory says that Remnant drew its patients.
    """

    name: str
    root: Path
    cases: tuple[Case, ...]
    schemes: dict[str, LabelScheme] = field(default_factory=dict)
    scheme_file: str = "labels.csv"
    layout: str = "made in memory"
    notes: tuple[Note, ...] = ()
    phantoms: bool = False

    @property
    def patients(self) -> tuple[str, ...]:
        """The patients' ids, sorted."""
        return tuple(sorted({case.patient for case in self.cases}))

    @property
    def sessions(self) -> dict[str, int]:
        """How many sessions each patient has."""
        return dict(sorted(Counter(case.patient for case in self.cases).items()))

    def of(self, patients: Collection[str]) -> Self:
        """The same cohort with these patients' cases only."""
        patients = set(patients)
        return replace(self, cases=tuple(case for case in self.cases if case.patient in patients))

    def scheme(self, name: str) -> LabelScheme:
        """The label scheme of this name; raise `RemnantError` when the cohort does not define it.

        The data set's own classes (`labels`), where no table names them, are the values in its label maps.
        """
        if name == OWN_LABELS and OWN_LABELS not in self.schemes:
            return scheme_of_values(label_values([case.labels for case in self.cases if case.labels]), self.root)
        if name not in self.schemes:
            known = " or ".join(map(repr, self.schemes))
            other = f", or set preparation.scheme to one that it has ({known})" if known else ""
            raise RemnantError(
                f"The cohort {self.root} does not say which label value is which class of the scheme "
                f"'{name}'; write {self.root / self.scheme_file} with the columns label (or index), name and "
                f"{name}{other}."
            )
        return self.schemes[name]


@dataclass(frozen=True)
class Fold:
    """Disjoint groups of patients. `non_members` is empty in the paper's two-group design.

    `distractors` are in the gallery and nowhere else: nobody trains on them and nobody redraws them.
    """

    index: int
    members: tuple[str, ...]
    attacker: tuple[str, ...]
    non_members: tuple[str, ...] = ()
    distractors: tuple[str, ...] = ()
