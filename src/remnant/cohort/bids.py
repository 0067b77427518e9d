"""The BIDS layout: participants.tsv and sub-*/ses-*/anat/*_T1w.nii.gz with *_dseg.nii.gz beside it.

Brain Imaging Data Structure 1.8; `dseg.tsv` is its look-up table for discrete segmentations, with a column of
class names for each label scheme. Without sessions (sub-*/anat) the session is called 1.
"""

from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.cohort.case import Case, Cohort
from remnant.cohort.table import make_cohort, parse_age, parse_sex, read_schemes, read_table

LOOKED_FOR = "BIDS (dataset_description.json, participants.tsv and sub-*/ses-*/anat/*_T1w.nii.gz)"


def recognises(directory: Path) -> bool:
    return (directory / "dataset_description.json").is_file() or (directory / "participants.tsv").is_file()


def read(directory: Path) -> Cohort:
    """Read the cohort: every T1-weighted scan, with age and sex where participants.tsv has them."""
    table = read_table(directory / "participants.tsv", ("participant_id",))
    people = {row["participant_id"].removeprefix("sub-"): row for row in table.to_dict("records")}
    scans = sorted([*directory.glob("sub-*/ses-*/anat/*_T1w.nii*"), *directory.glob("sub-*/anat/*_T1w.nii*")])
    if not scans:
        raise RemnantError(f"{directory} holds no scan; looked for sub-*/ses-*/anat/*_T1w.nii.gz.")
    cases = []
    for image in scans:
        entities = dict(part.split("-", 1) for part in image.name.split("_") if "-" in part)
        if "sub" not in entities:
            raise RemnantError(f"{image} must be named sub-X_ses-Y_T1w.nii.gz; rename it.")
        if entities["sub"] not in people:
            raise RemnantError(f"{directory / 'participants.tsv'} has no row for sub-{entities['sub']}; add it.")
        person = people[entities["sub"]]
        labels = image.with_name(image.name.replace("_T1w.", "_dseg."))
        cases.append(
            Case(
                patient=entities["sub"],
                session=entities.get("ses", "1"),
                image=image,
                labels=labels if labels.is_file() else None,
                age=parse_age(person.get("age", "")),
                sex=parse_sex(person.get("sex", "")),
            )
        )
    return make_cohort(directory, cases, read_schemes(directory / "dseg.tsv", "index"), "dseg.tsv")
