"""A cohort's scans as they are attacked by pairs: who has several visits, prepared on one grid, visits simulated where asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds
from remnant.base.texts import counted, counted_of
from remnant.cohort.case import CLASSES, Case, Cohort
from remnant.cohort.images import Images
from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.layouts.tissues import as_tissue3
from remnant.cohort.prepare.align import align
from remnant.cohort.prepare.cache import Announce, nobody
from remnant.cohort.prepare.grid import Grid
from remnant.cohort.prepare.template import Template, build_template
from remnant.cohort.prepare.volumes import PreparationSettings, check_headers, prepare
from remnant.cohort.revisit import RevisitSettings, apply_revisit, draw_revisit

Role = Literal["training", "test"]
FEWEST = 2


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
    cohort: Cohort,
    roles: dict[str, Role],
    preparation: PreparationSettings,
    revisits: RevisitSettings | None,
    seeds: Seeds,
    *,
    template: Template | None = None,
    check: Callable[[Sequence[Case], Images], None] = lambda cases, scans: None,
    called: Callable[[str], str] = str,
    announce: Announce = nobody,
    cache: Path | None,
    workers: int,
    quiet: bool,
) -> tuple[Images, Template | None]:
    """The cohort's scans, aligned to `template` or to the mean of its training patients, which is returned with them.

    `check` is asked before visits are simulated, where they are by `revisits`. `called`: what stands for a patient's name, such
    as a pseudonym. `announce` is told the cache files before they are made.
    """
    heads = prepare(cohort, preparation, cache=cache, workers=workers, quiet=quiet, announce=announce)
    if preparation.align and template is None:
        own = [patient for patient, role in roles.items() if role == "training"]
        template = build_template(heads.select(own), workers=workers, quiet=quiet, announce=announce)
    scans = align(heads, template, workers=workers, quiet=quiet, announce=announce)
    check(heads.cases, scans)
    whose = scans.patients
    scans = replace(scans, patients=tuple(map(called, whose)), roles=tuple(roles[patient] for patient in whose))
    if revisits is not None:
        scans = with_revisits(scans, heads.grid, revisits, seeds)
    return scans, template


def with_revisits(scans: Images, grid: Grid, settings: RevisitSettings, seeds: Seeds) -> Images:
    """Two simulated visits of each patient's first scan, and the real scans of test patients who have several.

    Not the scan itself and one visit: an adversary would then know a pair of one patient by what simulation does to an image.
    """
    chosen, visits, kinds, images, labels = [], [], [], [], []
    whole, maps = scans.images.numpy(), scans.labels.numpy()
    for i in [i for i, visit in enumerate(scans.visits) if visit == 1]:
        for visit in (1, 2):
            drawn = draw_revisit(grid, settings, seeds=seeds.child(i, visit))
            image, classes = apply_revisit(whole[i, 0], maps[i], grid, drawn)
            images.append(image[None])
            labels.append(classes)
            chosen.append(i)
            visits.append(visit)
            kinds.append("simulated")
    several = {patient for patient, visit in zip(scans.patients, scans.visits, strict=True) if visit > 1}
    for i, (patient, role) in enumerate(zip(scans.patients, scans.roles, strict=True)):
        if role == "test" and patient in several:
            images.append(whole[i])
            labels.append(maps[i])
            chosen.append(i)
            visits.append(scans.visits[i])
            kinds.append("real")
    return replace(
        scans.apart().take(chosen),
        images=torch.from_numpy(np.stack(images)),
        labels=torch.from_numpy(np.stack(labels)),
        visits=tuple(visits),
        kinds=tuple(kinds),
    )


def second_scans(
    cohort: Cohort, preparation: PreparationSettings, template: Template | None, seeds: Seeds, **how: Any
) -> Images:
    """A cohort that no training saw, all of it to be tested on, in the classes of tissue3, as `prepare_scans` aligns it.

    What reaches beyond the grid is left out: a neck that nobody else has would nearly double every volume. Raises
    `RemnantError` where it is labelled in neither scheme of tissues.
    """
    roles: dict[str, Role] = dict.fromkeys(cohort.patients, "test")
    seen = preparation.changed(scheme=scheme_of(cohort), cut=True)
    scans, _ = prepare_scans(cohort, roles, seen, None, seeds, template=template, **how)
    if seen.scheme == "tissue5":
        scans = replace(scans, labels=torch.from_numpy(as_tissue3(scans.labels.numpy())), classes=CLASSES["tissue3"])
    return scans


def scheme_of(cohort: Cohort) -> str:
    """In which tissues a second cohort is labelled; raises `RemnantError` where in neither scheme."""
    return "tissue3" if "tissue3" in cohort.schemes else cohort.scheme("tissue5").name


def second_cohorts(directories: Sequence[Path], beside: str) -> dict[str, Cohort]:
    """Second cohorts by the names of their directories; raise `RemnantError` where two have the same, or that of the cohort
    which they stand `beside`, and for one of too few patients to train on some and test on others."""
    names = [Path(path).resolve().name for path in directories]
    if len({*names, beside}) <= len(names):
        raise RemnantError(
            f"Second cohorts are told apart by the names of their directories. Got {', '.join(names)} beside {beside}; rename "
            "one."
        )
    cohorts = dict(zip(names, map(read_cohort, directories), strict=True))
    for cohort in cohorts.values():
        if len(cohort.patients) < FEWEST:
            raise RemnantError(
                f"The second cohort {cohort.root} has {counted(len(cohort.patients), 'patient')}; a segmenter is retrained on "
                f"some and tested on others, so give {FEWEST} or more, or leave it out."
            )
    return cohorts
