"""Who trains and who is tested, and their scans as all cells read them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.base.texts import counted, counted_of
from remnant.cohort.align import align
from remnant.cohort.case import Case, Cohort, Prepared
from remnant.cohort.folds import held_out
from remnant.cohort.grid import Grid
from remnant.cohort.pairs import Pair, all_pairs
from remnant.cohort.prepare import PreparationSettings, check_headers, prepare
from remnant.cohort.revisit import RevisitSettings, apply_revisit, draw_revisit
from remnant.cohort.template import Template, build_template
from remnant.studies.kim2019.records import Role, Scans
from remnant.studies.kim2019.settings import StudySettings

FEWEST = 2


def deal(cohort: Cohort, settings: StudySettings) -> dict[str, Role]:
    """The role of every patient, by the study's seed.

    Where visits are simulated, patients who have real ones are tested, so that all of these are measured; otherwise they are
    spread evenly. Raises `RemnantError` as `held_out` does, and where a role has no two sessions of anybody.
    """
    seeds = Seeds(settings.seed).child("split")
    if settings.net.revisits is None:
        training, test = held_out(cohort.patients, seeds=seeds, share=settings.net.held_out, sessions=cohort.sessions)
        roles: dict[str, Role] = dict.fromkeys(training, "training") | dict.fromkeys(test, "test")
        check_roles(cohort, roles)
        return roles
    real = {patient for patient, sessions in cohort.sessions.items() if sessions > 1}
    once = [patient for patient in cohort.patients if patient not in real]
    wanted = settings.net.held_out * len(cohort.patients)
    share = max(wanted - len(real), FEWEST) / max(len(once), 1)
    training, test = held_out(once, seeds=seeds, share=min(share, 0.9))
    return dict.fromkeys(training, "training") | dict.fromkeys([*test, *sorted(real)], "test")


def check_roles(cohort: Cohort, roles: dict[str, Role], *, simulated: bool = False) -> None:
    """Raise `RemnantError` unless either role has two patients, and one with several sessions unless these are `simulated`."""
    for role, what in (("training", "to train on"), ("test", "to test on")):
        own = [patient for patient in cohort.patients if roles[patient] == role]
        several = sum(cohort.sessions[patient] > 1 for patient in own)
        if len(own) < FEWEST or not (several or simulated):
            raise RemnantError(
                f"{cohort.root} has {counted(len(own), 'patient')} {what}, {several} of them with several sessions; telling "
                f"patients apart needs at least {FEWEST} and somebody with two sessions. Add patients or sessions, or simulate "
                "revisits by --simulate-revisits."
            )


def check_patch(shape: Sequence[int], patch: int, cohort: Cohort) -> None:
    """Raise `RemnantError` for a grid of `shape` voxels that is smaller than a patch."""
    if min(shape) < patch:
        raise RemnantError(
            f"The scans in {cohort.root} lie on a grid of {' x '.join(map(str, shape))} voxels, smaller than the patches of "
            f"{patch} that the networks see; prepare them on a finer grid, or make the patches smaller."
        )


def check_cohort(cohort: Cohort) -> None:
    """Raise `RemnantError` for scans without labels and what else `check_headers` finds, naming how many lack labels."""
    without = [case for case in cohort.cases if case.labels is None]
    if without:
        raise RemnantError(
            f"{counted_of(len(without), len(cohort.cases), 'scan', 'has', 'have')} no label map in {cohort.root} "
            f"({without[0].image} is the first); add them, or leave these scans out."
        )
    check_headers(cohort)


def prepare_scans(
    run: Run,
    name: str,
    cohort: Cohort,
    roles: dict[str, Role],
    preparation: PreparationSettings,
    revisits: RevisitSettings | None,
    seeds: Seeds,
    *,
    template: Template | None = None,
    check: Callable[[Prepared], None] = lambda prepared: None,
    cache: Path | None,
    workers: int,
    quiet: bool,
) -> tuple[Scans, Template | None]:
    """The cohort's scans, aligned to `template` or to the mean of its training patients, which is returned with them.

    `check` is asked before visits are simulated, where they are by `revisits`.
    """
    note = run.keep_note_of
    heads = prepare(cohort, preparation, cache=cache, workers=workers, quiet=quiet, announce=note)
    if preparation.align and template is None:
        own = [patient for patient, role in roles.items() if role == "training"]
        template = build_template(heads.select(own), workers=workers, quiet=quiet, announce=note)
    prepared = align(heads, template, workers=workers, quiet=quiet, announce=note)
    check(prepared)
    scans = scans_of(run, name, prepared, roles, heads.grid.spacing)
    if revisits is not None:
        scans = with_revisits(scans, heads.grid, revisits, seeds)
    return scans, template


def scans_of(run: Run, name: str, prepared: Prepared, roles: dict[str, Role], spacing_mm: float) -> Scans:
    """A prepared cohort as the cells read it, by pseudonyms and order of sessions, whose names may hold a date."""
    cases = prepared.cases
    return Scans(
        name,
        prepared.images,
        prepared.labels,
        tuple(run.pseudonym(case.patient) for case in cases),
        _visits(cases),
        tuple(roles[case.patient] for case in cases),
        np.array([np.nan if case.age is None else case.age for case in cases], float),
        tuple(case.sex or "" for case in cases),
        prepared.classes,
        ("real",) * len(cases),
        float(spacing_mm),
    )


def with_revisits(scans: Scans, grid: Grid, settings: RevisitSettings, seeds: Seeds) -> Scans:
    """Two simulated visits of each patient's first scan, and the real scans of test patients who have several.

    Not the scan itself and one visit: an adversary would then know a pair of one patient by what simulation does to an image.
    """
    chosen, visits, kinds, images, labels = [], [], [], [], []
    for i in np.flatnonzero(scans.visits == 1):
        for visit in (1, 2):
            drawn = draw_revisit(grid, settings, seeds=seeds.child(int(i), visit))
            image, classes = apply_revisit(scans.images[i, 0], scans.labels[i], grid, drawn)
            images.append(image[None])
            labels.append(classes)
            chosen.append(int(i))
            visits.append(visit)
            kinds.append("simulated")
    several = {patient for patient, visit in zip(scans.patients, scans.visits, strict=True) if visit > 1}
    for i, (patient, role) in enumerate(zip(scans.patients, scans.roles, strict=True)):
        if role == "test" and patient in several:
            images.append(scans.images[i])
            labels.append(scans.labels[i])
            chosen.append(i)
            visits.append(int(scans.visits[i]))
            kinds.append("real")
    return replace(
        scans,
        images=np.stack(images),
        labels=np.stack(labels),
        patients=tuple(scans.patients[i] for i in chosen),
        visits=np.array(visits),
        roles=tuple(scans.roles[i] for i in chosen),
        ages=scans.ages[chosen],
        sexes=tuple(scans.sexes[i] for i in chosen),
        kinds=tuple(kinds),
    )


def pairs_of(scans: Scans, chosen: Sequence[int], negatives: int, seeds: Seeds) -> tuple[Pair, ...]:
    """The pairs of the `chosen` scans by their places among these, the same for every variant and view."""
    return all_pairs([scans.patients[i] for i in chosen], negatives, seeds=seeds)


def names_of(scans: Scans, chosen: Sequence[int], pairs: Sequence[Pair]) -> np.ndarray:
    """The patients (n, 2) of the two scans of each pair."""
    return np.array([[scans.patients[chosen[place]] for place in (pair.anchor, pair.other)] for pair in pairs])


def first_visits(scans: Scans, chosen: Sequence[int]) -> list[int]:
    """Of the `chosen` scans the first of each patient, in their order."""
    first: dict[str, int] = {}
    for i in chosen:
        known = first.setdefault(scans.patients[i], i)
        if scans.visits[i] < scans.visits[known]:
            first[scans.patients[i]] = i
    return list(first.values())


def tensor(scans: Scans, chosen: Sequence[int]) -> torch.Tensor:
    """The chosen scans, float32 (n, 1, x, y, z)."""
    return torch.from_numpy(scans.images[np.asarray(chosen)])


def _visits(cases: Sequence[Case]) -> np.ndarray:
    ordered = sorted(case.order for case in cases)
    first = {patient: place for place, (patient, *_) in reversed(list(enumerate(ordered)))}
    return np.array([ordered.index(case.order) - first[case.patient] + 1 for case in cases])
