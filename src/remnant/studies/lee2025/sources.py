"""Whose radiographs are what: members, validation and non-members of each source, and the attacker's own patients."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from remnant.audit.inputs.classifier_given import check_known
from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Cohort
from remnant.cohort.images import Images
from remnant.cohort.layouts.findings import label_of
from remnant.cohort.membership import TargetSplit, halves, split_for_demographics, split_for_target, split_source
from remnant.studies.lee2025.groups import GROUPS, OWN, write_groups
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.targets import PLANTED_IMAGES, TARGETS

Labels = dict[str, int]


@dataclass(frozen=True)
class StudyPatients:
    """Who is who in a study: labels by case id, and groups of patients.

    `within`: of the targets trained within the public source, None where there are none; `attacker`: those who teach the
    reader of age and sex, and those who judge it; `planted`: case ids by group, {} where no target is planted.
    """

    private_labels: Labels
    public_labels: Labels
    private: TargetSplit
    within: TargetSplit | None
    attacker: tuple[tuple[str, ...], tuple[str, ...]]
    planted: dict[str, tuple[str, ...]]

    @property
    def attackers(self) -> tuple[str, ...]:
        """Everybody in the attacker's half."""
        return tuple(sorted(sum(self.attacker, ())))


def deal(private: Cohort, public: Cohort, settings: StudySettings) -> StudyPatients:
    """Deal the patients of both sources, before any image is read.

    Raises `RemnantError` where a finding is nobody's or everybody's, where patients are too few, and where no public patient
    has an age and a sex.
    """
    seeds, sources = Seeds(settings.seed).child("split"), {TARGETS[target].source for target in settings.targets}
    labels = labels_of(private, "private", settings.private_finding, None)
    split = split_for_target(private.cases, labels, seeds=seeds.child("private"), validation=settings.validation)
    within, own, share = None, {}, settings.demographics_validation
    if "public" in sources:
        own = labels_of(public, "public", settings.public_finding, settings.public_negative)
        source = split_source(
            public.cases,
            own,
            seeds=seeds.child("public"),
            validation=settings.validation,
            demographics_validation=share,
        )
        within, attacker = source.target, (source.demographics, source.demographics_validation)
    else:
        half = public.of(halves(public.cases)[1])
        attacker = split_for_demographics(half.cases, seeds=seeds.child("public"), validation=share)
    check_known(public.of(sum(attacker, ())))
    planted = _plant(private, labels, split, seeds.child("planted")) if "planted" in sources else {}
    return StudyPatients(labels, own, split, within, attacker, planted)


def labels_of(cohort: Cohort, which: str, positive: str, negative: str | None) -> Labels:
    """1 where a case has the finding `positive`, 0 where it has `negative` (None: any other case), by case id.

    Raises `RemnantError` where one of the two classes has no case, naming the findings that there are.
    """
    found = {
        case.case_id: label_of(case, positive={positive}, negative=None if negative is None else {negative})
        for case in cohort.cases
    }
    labels = {name: label for name, label in found.items() if label is not None}
    counts = Counter(labels.values())
    if not (counts[0] and counts[1]):
        common = Counter(finding for case in cohort.cases for finding in case.findings).most_common(8)
        has = f"has {', '.join(name for name, _ in common)}" if common else "lists no findings at all"
        lacking = (
            f"the finding '{positive}'" if not counts[1] else f"a case of the other class ({negative or 'any other'})"
        )
        raise RemnantError(
            f"The cohort {cohort.root} has not {lacking}, and its table {has}; name the one to learn by --{which}-finding."
        )
    return labels


def _plant(cohort: Cohort, labels: Labels, split: TargetSplit, seeds: Seeds) -> dict[str, tuple[str, ...]]:
    """Case ids: one image each of as many members of either class, and of non-members likewise, as many as there are.

    One image a patient on both sides, and equal classes: a planted target's generator draws both classes alike, so that more
    positive members than non-members would pass for a leak.
    """
    members = _one_each(cohort, labels, split.members, seeds.child("members"))
    others = _one_each(cohort, labels, split.non_members, seeds.child("non_members"))
    half = PLANTED_IMAGES // 2
    if min(len(members[0]), len(members[1])) < half:
        raise RemnantError(
            f"The planted target takes {half} members of each class; {cohort.root} has {len(members[0])} without and "
            f"{len(members[1])} with the finding. Add patients, or leave cnn_planted out by --targets."
        )
    most = min(len(others[0]), len(others[1]))
    return {
        "members": (*members[0][:half], *members[1][:half]),
        "non_members": (*others[0][:most], *others[1][:most]),
    }


def _one_each(cohort: Cohort, labels: Labels, patients: Collection[str], seeds: Seeds) -> tuple[list[str], list[str]]:
    """Case ids of one labelled case of each patient, by label, in an order by the seed; the rarer class chooses first."""
    of_patient: dict[str, list[Case]] = {}
    for case in sorted(cohort.of(patients).cases, key=lambda case: case.case_id):
        if case.case_id in labels:
            of_patient.setdefault(case.patient, []).append(case)
    rarer = min(
        (0, 1), key=lambda label: sum(labels[case.case_id] == label for own in of_patient.values() for case in own)
    )
    found: tuple[list[str], list[str]] = ([], [])
    for patient in seeds.numpy().permutation(sorted(of_patient)).tolist():
        own = sorted(of_patient[patient], key=lambda case: labels[case.case_id] != rarer)
        found[labels[own[0].case_id]].append(own[0].case_id)
    return found


def write_sources(run: Run, cohorts: Mapping[str, Cohort], images: Mapping[str, Images], dealt: StudyPatients) -> None:
    """Keep every group of the `images`, of all cases of either cohort, for the cells; patients appear by pseudonym alone."""
    private = labelled(images["private"], cohorts["private"], dealt.private_labels)
    own = {name: _group(run, "private", private.of(getattr(dealt.private, name))) for name in GROUPS}
    write_groups(run, "private", own)
    if dealt.planted:
        places = {case.case_id: place for place, case in enumerate(cohorts["private"].cases)}
        planted = {
            name: _group(run, "private", private.take(sorted(places[case] for case in ids)))
            for name, ids in dealt.planted.items()
        }
        write_groups(run, "planted", {**planted, "validation": own["validation"]})
    if dealt.within:
        public = labelled(images["public"], cohorts["public"], dealt.public_labels)
        within = {name: _group(run, "public", public.of(getattr(dealt.within, name))) for name in GROUPS}
        write_groups(run, "public", within)
    everybody = labelled(images["public"], cohorts["public"], {})
    attacker = zip(("training", "validation"), dealt.attacker, strict=True)
    write_groups(run, OWN, {name: called(run, "public", everybody.of(patients)) for name, patients in attacker})


def labelled(images: Images, cohort: Cohort, labels: Labels) -> Images:
    """The images of all cases of a cohort with their `labels` by case id, int64 (n,), -1 where there is none."""
    found = [labels.get(case.case_id, -1) for case in cohort.cases]
    return replace(images, labels=torch.tensor(found, dtype=torch.int64))


def called(run: Run, cohort: str, images: Images) -> Images:
    """The images by their patients' pseudonyms, which know the `cohort`: two may use the same names for different people."""
    return replace(images, patients=tuple(run.pseudonym(f"{cohort} {patient}") for patient in images.patients))


def _group(run: Run, cohort: str, chosen: Images) -> Images:
    """Those of the `chosen` images that have a label, by pseudonym."""
    return called(run, cohort, chosen.take(np.flatnonzero(np.asarray(chosen.labels) >= 0)))
