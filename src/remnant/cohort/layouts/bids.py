"""The BIDS layout: participants.tsv and sub-*/ses-*/anat/*_T1w.nii.gz with *_dseg.nii.gz beside it or in derivatives/.

Brain Imaging Data Structure 1.8; `dseg.tsv` is its look-up table for discrete segmentations, with a column of
class names for each label scheme; that of a derivative lies in its folder and may be called after its `desc-`. Without sessions
(sub-*/anat) the session is called 1. Ages and sexes are those of participants.tsv, where there is one, and of sub-X_sessions.tsv.

Files that differ in rec-, echo- or part- alone, or in being packed, are one scan: taken is the one with a label map, without
rec- or by its first name, of the first echo, packed; phase, real and imaginary parts are no scans. Of several runs or
acquisitions of a session one counts, since minutes later is no other visit: with a label map, without ce-, the first by acq- and
run-.
"""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.case import Case, Cohort, Note
from remnant.cohort.layouts.people import parse_age, parse_sex, plain_id, unread, unread_columns
from remnant.cohort.layouts.table import make_cohort, read_schemes, read_table, refuse

LOOKED_FOR = "BIDS (dataset_description.json, participants.tsv and sub-*/ses-*/anat/*_T1w.nii.gz)"
ENDINGS = (".nii.gz", ".nii")
# The entities of copies: another reconstruction, echo or part of the complex image of one acquisition.
COPIES = ("rec", "echo", "part")
Rows = dict[str, list[dict[str, str]]]


def recognises(directory: Path) -> bool:
    return (directory / "dataset_description.json").is_file() or (directory / "participants.tsv").is_file()


def read(directory: Path) -> Cohort:
    """Read the cohort: every T1-weighted scan, with age and sex where participants.tsv has them.

    A table with a row a session (column session_id) gives each its own. Raises one `RemnantError` for scans of nobody in the
    table, and for files whose name and folder name two people or sessions.
    """
    notes: list[Note] = []
    people = _people(directory, notes)
    found = [*directory.glob("sub-*/ses-*/anat/*_T1w.nii*"), *directory.glob("sub-*/anat/*_T1w.nii*")]
    scans = sorted(path for path in found if path.name.endswith(ENDINGS) and not path.name.startswith("."))
    if not scans:
        raise RemnantError(f"{directory} holds no scan; looked for sub-*/ses-*/anat/*_T1w.nii.gz.")
    refuse(directory, [fault for image in scans if (fault := _misplaced(image))])
    if people is not None:
        nobody = dict.fromkeys(name for image in scans if (name := _entities(image)["sub"]) not in people)
        spelt = {plain_id(name): name for name in people}
        refuse(directory, [_without_row(directory, name, spelt.get(plain_id(name))) for name in nobody])
    people = _with_sessions(people or defaultdict(list), directory, notes)
    taken = _one_of_copies(scans, notes)
    labels = {image: _labels(image) for image in taken}
    table = directory / "dseg.tsv"
    if not any(labels.values()) and (derived := _derived(taken, directory, notes)):
        labels, table = derived
    taken = _one_a_session(taken, labels, notes)
    cases = []
    contradicting: dict[str, Path] = {}
    for image in taken:
        entities = _entities(image)
        patient, session = entities["sub"], entities.get("ses", "1")
        values = {}
        for name, parse in (("age", parse_age), ("sex", parse_sex)):
            said = _said(people[patient], session, name, parse)
            values[name] = next(iter(said)) if len(said) == 1 else None
            if len(said) > 1:
                contradicting[patient] = image
        cases.append(Case(patient, session, image, labels[image], **values))
    if contradicting:
        text = (
            f"{counted(len(contradicting), 'participant has', 'participants have')} rows with two ages or sexes in "
            "participants.tsv; these are unknown."
        )
        notes.append(Note(text, tuple(contradicting.values())))
    return make_cohort(directory, cases, read_schemes(table, "index"), str(table.relative_to(directory)), notes)


def _people(directory: Path, notes: list[Note]) -> Rows | None:
    """The rows of participants.tsv by participant; None without the table, which BIDS recommends and does not demand."""
    path = directory / "participants.tsv"
    if not path.is_file():
        notes.append(
            Note("There is no participants.tsv; ages and sexes are unknown but where a table of sessions has them.")
        )
        return None
    table = read_table(path, ("participant_id",), ("age", "sex", "session_id"), notes)
    notes += unread_columns(path, table)
    return _by(table, "participant_id", "sub-")


def _with_sessions(people: Rows, directory: Path, notes: list[Note]) -> Rows:
    """`people` with the rows of each sub-X/sub-X_sessions.tsv, which has an age a session."""
    for path in sorted(directory.glob("sub-*/sub-*_sessions.tsv")):
        table = read_table(path, ("session_id",), ("age", "sex"))
        notes += unread(path, *(list(table[name]) if name in table.columns else [] for name in ("age", "sex")))
        people[path.parent.name.removeprefix("sub-")] += table.to_dict("records")
    return people


def _by(table: pd.DataFrame, column: str, prefix: str) -> Rows:
    rows: Rows = defaultdict(list)
    for row in table.to_dict("records"):
        rows[row[column].removeprefix(prefix)].append(row)
    return rows


def _derived(images: list[Path], directory: Path, notes: list[Note]) -> tuple[dict[Path, Path | None], Path] | None:
    """The label maps in derivatives/ for `images`, and the table of their values; None where there are none.

    Of several pipelines or descriptions the one that has a map for the most scans counts. Maps in another space than the scan's
    are left out.
    """
    sets: dict[tuple[Path, str], dict[tuple, Path]] = defaultdict(dict)
    for path in sorted(directory.glob("derivatives/**/anat/*_dseg.nii*")):
        entities = _entities(path)
        if (
            path.name.endswith(ENDINGS)
            and not path.name.startswith(".")
            and entities.get("space", "orig") in ("orig", "T1w")
        ):
            root = path.parent.parent
            while root.name.startswith(("sub-", "ses-")):
                root = root.parent
            sets[root, entities.get("desc", "")].setdefault(_acquisition(path), path)
    wanted = {image: _acquisition(image) for image in images}
    covered = {key: sum(name in maps for name in wanted.values()) for key, maps in sets.items()}
    if not any(covered.values()):
        return None
    chosen = max(covered, key=lambda key: (covered[key], str(key)))
    root, desc = chosen
    if len(sets) > 1:
        what = f"{root.relative_to(directory)}{f' (desc-{desc})' if desc else ''}"
        notes.append(Note(f"derivatives/ holds {len(sets)} sets of label maps, of which that in {what} counts."))
    tables = [root / name for name in (f"desc-{desc}_dseg.tsv", "dseg.tsv")]
    table = next((path for path in tables if path.is_file()), directory / "dseg.tsv")
    return {image: sets[chosen].get(name) for image, name in wanted.items()}, table


def _acquisition(path: Path) -> tuple:
    """What names the scan that a file was made from."""
    return tuple(sorted(item for item in _entities(path).items() if item[0] not in ("desc", "space", "label", *COPIES)))


def _entities(image: Path) -> dict[str, str]:
    return dict(part.split("-", 1) for part in image.name.split("_") if "-" in part)


def _without_row(directory: Path, name: str, spelt: str | None) -> str:
    table = directory / "participants.tsv"
    if spelt:
        return f"{table} writes {spelt!r} for sub-{name}; write ids as the folders are called."
    return f"{table} has no row for sub-{name}; add it."


def _misplaced(image: Path) -> str | None:
    """What is wrong with a scan's name, which says whose it is as its folders do."""
    entities = _entities(image)
    if "sub" not in entities:
        return f"{image} must be named sub-X_ses-Y_T1w.nii.gz; rename it."
    folders = {name: value for name, _, value in (part.partition("-") for part in image.parts[-4:-1])}
    for name in ("sub", "ses"):
        if name in folders and folders[name] != entities.get(name, folders[name]):
            return (
                f"{image} lies in the folder of {name}-{folders[name]} and is named as {name}-{entities[name]}; move or rename "
                "it."
            )
    return None


def _one_of_copies(scans: list[Path], notes: list[Note]) -> list[Path]:
    """Of each acquisition the one file that counts as its scan; `notes` get what was left out."""
    groups: dict[tuple, list[Path]] = defaultdict(list)
    for image in scans:
        entities = _entities(image)
        if entities.get("part", "mag") == "mag":
            groups[tuple(sorted(item for item in entities.items() if item[0] not in COPIES))].append(image)
    taken = [min(group, key=_rank) for group in groups.values()]
    if left := set(scans) - set(taken):
        what = counted(
            len(left),
            "file is another reconstruction, echo, part or packing of a scan",
            "files are other reconstructions, echoes, parts or packings of scans",
        )
        text = f"{what} and left out; of each scan one file counts."
        notes.append(Note(text, tuple(sorted(left))))
    return sorted(taken)


def _one_a_session(scans: list[Path], labels: dict[Path, Path | None], notes: list[Note]) -> list[Path]:
    """Of each session the one scan that counts; `notes` get what was left out."""
    sessions: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for image in scans:
        entities = _entities(image)
        sessions[entities["sub"], entities.get("ses", "1")].append(image)
    taken = {min(group, key=lambda image: (labels[image] is None, *_turn(image))) for group in sessions.values()}
    if left := [image for image in scans if image not in taken]:
        what = counted(
            len(left),
            "scan is another run or acquisition of a session",
            "scans are other runs or acquisitions of sessions",
        )
        notes.append(Note(f"{what} and left out; of each session one scan counts.", tuple(left)))
    return [image for image in scans if image in taken]


def _turn(image: Path) -> tuple:
    entities = _entities(image)
    run = entities.get("run", "")
    return entities.get("ce", ""), entities.get("acq", ""), int(run) if run.isdecimal() else 0, image.name


def _rank(image: Path) -> tuple:
    entities = _entities(image)
    echo = entities.get("echo", "")
    return (
        _labels(image) is None,
        entities.get("rec", ""),
        int(echo) if echo.isdecimal() else 0,
        "part" in entities,
        not image.name.endswith(".gz"),
    )


def _labels(image: Path) -> Path | None:
    """The label map beside a scan, packed or not."""
    stem = image.name.partition("_T1w.")[0]
    beside = (image.with_name(f"{stem}_dseg{ending}") for ending in ENDINGS)
    return next((path for path in beside if path.is_file()), None)


def _said(rows: list[dict[str, str]], session: str, name: str, parse: Callable[[str], Any]) -> set:
    """What the rows of a participant say of a session: its own rows or, without such, those of no session."""
    sessions = [row.get("session_id", "").removeprefix("ses-") for row in rows]
    for wanted in (session, ""):
        if said := {parse(row.get(name, "")) for row, own in zip(rows, sessions, strict=True) if own == wanted} - {
            None
        }:
            return said
    return set()
