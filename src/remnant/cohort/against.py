"""The owner's patients whom a classifier is held against: who trained it, who did not, alike in images a patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted, short
from remnant.cohort.case import Case, Cohort
from remnant.cohort.layouts.listed import read_listed
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.matching import thin_images

# What a table's column split calls those who trained the target, those who did not, and those who took part by deciding when it
# stopped.
MEMBERS = ("train", "training", "member", "members")
NON_MEMBERS = ("test", "testing", "holdout", "non-member", "non_member", "non-members", "non_members")
VALIDATION = ("val", "valid", "validation", "dev")
MOST_WORDS = 6
# Layouts whose own tables are read with a column split, if somebody added it.
PUBLIC = ("CheXpert", "NIH ChestX-ray14")


@dataclass(frozen=True)
class Against:
    """`groups`: cases of `members` and `non_members`, thinned; `thinned`: how many images that left out, by group; `left_out`:
    patients of the validation, who are neither; `unused`: images of any other split; `classless`: images without a class."""

    cohort: Cohort
    groups: Mapping[str, tuple[Case, ...]]
    thinned: Mapping[str, int]
    left_out: int
    unused: int
    classless: int = 0

    @property
    def cases(self) -> tuple[Case, ...]:
        """Members' cases, then non-members'."""
        return (*self.groups["members"], *self.groups["non_members"])

    def only(self, chosen: Sequence[bool], seeds: Seeds) -> Self:
        """The same with those of `cases` that are `chosen`, a truth each, thinned again: as many may be left of one group alone.

        Raises `RemnantError` where a group loses everybody.
        """
        keep = {id(case) for case, keep in zip(self.cases, chosen, strict=True) if keep}
        groups = {name: [case for case in own if id(case) in keep] for name, own in self.groups.items()}
        if not all(groups.values()):
            raise RemnantError(
                f"All members or all non-members of {self.cohort.root} are without a class of the target; name its findings by "
                "--finding."
            )
        members, non_members = thin_images(groups["members"], groups["non_members"], seeds)
        thinned = {"members": members, "non_members": non_members}
        return replace(
            self,
            groups=thinned,
            thinned={name: self.thinned[name] + len(groups[name]) - len(own) for name, own in thinned.items()},
            classless=self.classless + len(self.cases) - len(keep),
        )


def read_against(place: Path, columns: Mapping[str, str], seeds: Seeds) -> Against:
    """The patients of a cohort's directory, or of a table whose `columns` are called as they say.

    Those of the validation are left out. Raises one `RemnantError` for all
    that is wrong: a table that does not say who trained the target, a group without patients, a patient in both.
    """
    cohort = read_listed(place, columns) if place.is_file() else read_cohort(place)
    by_split = {case: (case.split or "").lower() for case in cohort.cases}
    found = {
        name: [case for case, split in by_split.items() if split in words]
        for name, words in (("members", MEMBERS), ("non_members", NON_MEMBERS))
    }
    watching = {case.patient for case, split in by_split.items() if split in VALIDATION}
    # Whose other images took part is nobody the training never saw.
    found["non_members"] = [case for case in found["non_members"] if case.patient not in watching]
    _check(cohort, place, found, watching, set(by_split.values()))
    members, non_members = thin_images(found["members"], found["non_members"], seeds)
    groups = {"members": members, "non_members": non_members}
    known = {*MEMBERS, *NON_MEMBERS, *VALIDATION}
    return Against(
        cohort,
        groups,
        {name: len(found[name]) - len(own) for name, own in groups.items()},
        len(watching),
        sum(split not in known for split in by_split.values()),
    )


def _check(cohort: Cohort, place: Path, found: Mapping[str, list[Case]], watching: set[str], splits: set[str]) -> None:
    # Of a column that was taken for the split by mistake the values may be people.
    held = sorted(splits - {""})
    says = f"{len(held)} different things" if len(held) > MOST_WORDS else ", ".join(map(short, held))
    faults, missing = [], []
    for name, words in (("members", MEMBERS), ("non_members", NON_MEMBERS)):
        if not found[name]:
            who = "who trained the target" if name == "members" else "who did not train it"
            apart = " (the validation took part by deciding when to stop)" if name == "non_members" and watching else ""
            missing.append(f"{words[0]} for those {who}{apart}")
    if missing and not held:
        faults.append(f"it has no column split, or an empty one, to say {' and '.join(missing)}{_mend(cohort, place)}")
    elif missing:
        faults.append(f"its column split must say {' and '.join(missing)}, and says {says}")
    both = {case.patient for case in found["members"]} & {case.patient for case in found["non_members"]}
    if both:
        faults.append(
            f"{counted(len(both), 'patient has', 'patients have')} images on both sides of the column split, so that "
            "nobody can tell what training left of them (split by patient)"
        )
    if faults:
        raise RemnantError(f"{place} does not serve: {'; '.join(faults)}.")


def _mend(cohort: Cohort, place: Path) -> str:
    """What to do about patients of whom no split is known."""
    if place.is_file():
        return "; of another name say so by --columns split=NAME"
    if cohort.layout == "manifest.csv":
        return "; add it to manifest.csv, or, of another name, give the table itself, by --against FILE --columns split=NAME"
    if cohort.layout in PUBLIC:
        return f"; add it to the tables of {cohort.layout}"
    return (
        "; write a table with the columns image (paths from its folder), subject_id and split, and finding, age and sex as far "
        "as they are known, and give it by --against FILE.csv"
    )
