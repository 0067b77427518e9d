"""Whether a run that is gone on with still has before it the cohorts that it was begun with."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from remnant.base.errors import RemnantError
from remnant.base.files import files_below, read_json, write_json
from remnant.base.progress import Task
from remnant.base.run import Run
from remnant.cohort.case import Case, Cohort
from remnant.cohort.files.dicom import is_dicom
from remnant.cohort.files.series import is_placed
from remnant.cohort.files.volume import volume_files
from remnant.cohort.prepare.cache import key_of

NOTE = "cohorts.json"
# By case: its files by their content, and what tables say of it.
Digests = dict[str, tuple[str, str]]


def require_unchanged(run: Run, cohorts: Mapping[str, Cohort], *, quiet: bool = False) -> None:
    """Keep of what the run is begun with; raise `RemnantError` where a cohort was changed since, naming what.

    By content and not by date, so that data may be copied meanwhile. Without this a study whose data were changed would speak
    of the new patients and measure the old.
    """
    now = {name: _digests(cohort, quiet) for name, cohort in cohorts.items()}
    note = run.private / NOTE
    if not note.exists():
        write_json(note, now)
        return
    before = read_json(note)
    for name, cohort in cohorts.items():
        if changed := ", ".join(_changes(before.get(name, {}), now[name])):
            raise RemnantError(
                f"{cohort.root} is not what {run.path} was begun with ({changed}); give the same, or choose another --out."
            )


def kept_files(run: Run, name: str) -> dict[str, str]:
    """By case, the digest of its files when a run was begun with the cohort `name`; {} of a run that kept none."""
    note = run.private / NOTE
    kept = read_json(note).get(name, {}) if note.exists() else {}
    return {case: digests[0] for case, digests in kept.items() if case}


def files_of(cohort: Cohort) -> dict[str, str]:
    """The same of a cohort as it is now."""
    return {case.case_id: key_of(*_files(case)) for case in cohort.cases}


def _digests(cohort: Cohort, quiet: bool) -> Digests:
    found = {"": ("", key_of(sorted(cohort.schemes.items())))}
    with Task("Looking for changes", len(cohort.cases), quiet=quiet) as task:
        for case in cohort.cases:
            found[case.case_id] = key_of(*_files(case)), key_of(_told(case, cohort.root))
            task.advance()
    return found


def _files(case: Case) -> Iterator[Path]:
    for path in (case.image, case.labels):
        if path is None:
            continue
        if path.is_dir():
            yield from files_below(path)
        elif is_dicom(path) and not is_placed(path):
            # A radiograph: no slices beside it.
            yield path
        else:
            yield from volume_files(path)


def _told(case: Case, root: Path) -> Case:
    """The case with its paths below `root`, wherever that is."""
    paths = {"image": case.image, "labels": case.labels}
    return replace(case, **{name: path and Path(os.path.relpath(path, root)) for name, path in paths.items()})


def _changes(before: Mapping[str, list[str]], now: Digests) -> Iterator[str]:
    """Each kind of change, with how many cases and one of them."""
    both = sorted({*before} & {*now})
    for what, cases in (
        ("{} added", sorted({*now} - {*before})),
        ("{} removed", sorted({*before} - {*now})),
        ("other files of {}", [case for case in both if before[case][0] != now[case][0]]),
        ("other entries in the table for {}", [case for case in both if case and before[case][1] != now[case][1]]),
    ):
        if cases:
            more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
            yield what.format(f"{cases[0]}{more}")
    if before[""] != list(now[""]):
        yield "another table of labels"
