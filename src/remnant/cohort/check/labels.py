"""Label maps: present, on the grid of their image, every value known to each scheme, every class there."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from remnant.base.errors import RemnantError
from remnant.base.texts import counted, counted_of
from remnant.cohort.case import CLASSES, OWN_LABELS, Cohort, LabelScheme
from remnant.cohort.check.base import Check, CheckFinding, errors, finding
from remnant.cohort.check.subject import Scan, Subject
from remnant.cohort.files.axes import turning
from remnant.cohort.files.volume import read_header, read_labels
from remnant.cohort.fit import OUTSIDE, fits_better_turned, lies_outside
from remnant.cohort.prepare.volumes import check_headers


class Labels(Check):
    """Values are held against every scheme that the cohort defines."""

    name = "labels"

    def __init__(self) -> None:
        self.values: dict[Path, np.ndarray] = {}
        self.unreadable: dict[Path, str] = {}
        self.radiographs: set[Path] = set()
        self.outside: list[Path] = []
        self.turned: list[Path] = []

    def look(self, scan: Scan) -> None:
        if scan.array.ndim == 2:
            self.radiographs.add(scan.path)
        if scan.case is None or scan.case.labels is None:
            return
        try:
            labels, _ = read_labels(scan.case.labels)
            self.values[scan.case.labels] = np.unique(labels)
            ornt = turning(scan.path, read_header(scan.path), read_header(scan.case.labels))
            if ornt is None:
                return
            labels = nib.apply_orientation(labels, ornt)
            if lies_outside(scan.array, labels):
                self.outside.append(scan.case.labels)
            elif fits_better_turned(scan.array, labels):
                self.turned.append(scan.case.labels)
        except RemnantError as error:
            self.unreadable[scan.case.labels] = str(error)

    def findings(self, subject: Subject) -> list[CheckFinding]:
        cohort = subject.cohort
        if cohort is None:
            return []
        root = subject.root
        found = errors(self.name, self.unreadable, "label maps cannot be read", root)
        bare = [case.image for case in cohort.cases if case.labels is None and case.image not in self.radiographs]
        if bare:
            text = f"{counted_of(len(bare), len(cohort.cases), 'scan', 'has', 'have')} no label map; the studies need one each."
            found.append(finding(self.name, "warning", text, bare, root))
        fit, unfit = [], {}
        for case in cohort.cases:
            if case.labels is None or case.image in subject.unreadable or case.labels in self.unreadable:
                continue
            try:
                check_headers(replace(cohort, cases=(case,)))
                fit.append(case)
            except RemnantError as error:
                unfit[case.labels] = str(error)
        found += errors(self.name, unfit, "label maps are unfit", root)
        try:
            # What only the scans together show: mixed spacing.
            if fit:
                check_headers(replace(cohort, cases=tuple(fit)))
        except RemnantError as error:
            found.append(finding(self.name, "error", str(error)))
        if self.outside:
            text = (
                f"{counted(len(self.outside), 'label map lies', 'label maps lie')} to more than {OUTSIDE:.0%} where the image is "
                "dark; look whether the two belong together."
            )
            found.append(finding(self.name, "warning", text, self.outside, root))
        if self.turned:
            text = (
                f"{counted(len(self.turned), 'label map fits its image', 'label maps fit their image')} better with axes flipped "
                "or exchanged, though headers agree; look at both together."
            )
            found.append(finding(self.name, "warning", text, self.turned, root))
        if self.values and not cohort.schemes:
            text = (
                f"Nothing says which label value is which class; write {cohort.scheme_file} with the columns label (or "
                f"index), name and one of {', '.join(CLASSES)}."
            )
            found.append(finding(self.name, "warning", text))
        return found + [one for scheme in cohort.schemes.values() for one in self._against(scheme, cohort)]

    def _against(self, scheme: LabelScheme, cohort: Cohort) -> list[CheckFinding]:
        root = cohort.root
        unknown, missing = defaultdict(list), defaultdict(list)
        for path, values in self.values.items():
            for value in values:
                if value not in scheme.mapping:
                    unknown[value].append(path)
            present = {scheme.mapping.get(value) for value in values}
            for index in {*scheme.mapping.values()} - present:
                missing[scheme.classes[index]].append(path)
        found = []
        if unknown:
            paths = [path for those in unknown.values() for path in those]
            text = f"The scheme {scheme.name} does not know the label values {_few(sorted(unknown))}; {_mend(scheme, cohort)}."
            found.append(finding(self.name, "error", text, paths, root))
        if nowhere := sorted(name for name, paths in missing.items() if len(paths) == len(self.values)):
            text = (
                f"No label map holds {_few(nowhere)} (scheme {scheme.name}), so that preparation by this scheme will be refused; "
                "give the label maps that belong to the table, or take the classes out of it."
            )
            found.append(finding(self.name, "warning", text, self.values, root))
        for name, paths in sorted((name, paths) for name, paths in missing.items() if name not in nowhere):
            where = f"{len(paths)} of {counted(len(self.values), 'label map')}"
            text = f"Nothing is labelled as {name} (scheme {scheme.name}) in {where}."
            found.append(finding(self.name, "warning", text, paths, root))
        return found


def _mend(scheme: LabelScheme, cohort: Cohort) -> str:
    """Where to add a label value: many layouts know classes by themselves, and have no table until one is written."""
    if (cohort.root / cohort.scheme_file).is_file():
        return f"add them to {cohort.scheme_file}"
    if scheme.name == OWN_LABELS:
        return "add them where the data set names its classes"
    return f"write {cohort.scheme_file} with the columns label (or index), name and {scheme.name}, a row a value"


def _few(values: list[int] | list[str]) -> str:
    shown = ", ".join(str(value) for value in values[:8])
    return shown + (f" and {len(values) - 8} more" if len(values) > 8 else "")
