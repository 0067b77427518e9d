"""The audit of one checkpoint that somebody brought: what its output tells of patients, and what its weights do with a prior."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.prior import Prior
from remnant.base.provenance import sha256
from remnant.base.results import Results
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.cohort.case import Case, Cohort
from remnant.cohort.membership import split_for_demographics
from remnant.cohort.radiograph.classes import Answers
from remnant.cohort.radiograph.prepare import Radiographs, RadiographSettings, prepare_radiographs
from remnant.cohort.radiograph.read import read_radiograph
from remnant.engine.cells import Cell
from remnant.studies.frame import Asked, Cells, carry_out, log_notes
from remnant.studies.lee2025.against import Against
from remnant.studies.lee2025.brought import Given, attackable, brought
from remnant.studies.lee2025.cells import DEMOGRAPHICS, Aim
from remnant.studies.lee2025.checkpoint_conclude import TARGET, conclude_checkpoint
from remnant.studies.lee2025.checkpoint_page import Asking
from remnant.studies.lee2025.estimate import foretell, load_of
from remnant.studies.lee2025.feeding import (
    LARGEST,
    LOOKED_AT,
    VIEWS,
    Feeding,
    feeding_of,
    in_order,
    keep_feeding,
    kept_feeding,
)
from remnant.studies.lee2025.kept import OWN, Group, groups_file, write_groups
from remnant.studies.lee2025.materials import population_of_settings
from remnant.studies.lee2025.outputs import output_cell, output_cell_name
from remnant.studies.lee2025.plan import attack_cells, demographics_of
from remnant.studies.lee2025.settings import CheckpointSettings
from remnant.studies.lee2025.sources import write_own
from remnant.studies.lee2025.study import DRAWN
from remnant.targets.features import predict_logits

STUDY = "checkpoint"
# The owner's patients, as a prior draws images and as the target takes them.
AGAINST, ASKED = "against", "asked"
MANY = 400


def audit_checkpoint(
    checkpoint: Path,
    settings: CheckpointSettings,
    asked: Asked,
    *,
    prior: Path | None = None,
    public: Path | None = None,
    against: Path | None = None,
    columns: Mapping[str, str] | None = None,
    cache: Path | None = None,
) -> Path:
    """Attack the classifier in the file `checkpoint`, into `asked.out`; return the path of the report.

    `against`: the owner's cohort, or a table whose `columns` are called as they say, which tells by `split` who trained the
    target: with it the target's own output is asked who was a member. `prior`: a generator, with which images are reconstructed
    from the weights and compared with these patients. `public`: the attacker's radiographs with age and sex, to learn to read
    both; without them nobody's are read. Raises `RemnantError` for input that does not serve, before there is a run.
    """
    population, population_words = population_of_settings(settings)
    given = brought(checkpoint, settings, prior=prior, public=public, against=against, columns=columns or {})
    config = {
        **settings.resolved(),
        "methods": list(given.methods),
        "checkpoint": sha256(checkpoint),
        "prior": prior and sha256(prior),
        "public": public and str(public),
        "against": against and str(against),
        "columns": dict(columns or {}),
    }
    demographics = _deal(given.public, settings) if given.public else None

    def prepare(run: Run) -> list[Cell]:
        images = _Images(run, cache, asked)
        for cohort in (given.public, given.against and given.against.cohort):
            if cohort:
                log_notes(run, cohort)
        if not (feeding := kept_feeding(run)):
            feeding = _feeding(given, settings, images)
            if given.answers.order:
                feeding = _ordered(given, feeding, images)
            keep_feeding(run, feeding)
        if given.against and not groups_file(run, ASKED).exists():
            write_groups(run, ASKED, _groups(run, _in_order(given, feeding), images, _as_taken(feeding)))
        cells = []
        if given.against:
            arguments = {"target": TARGET, "checkpoint": checkpoint.resolve(), "input_range": feeding.input_range}
            cells.append(Cell(output_cell_name(TARGET), output_cell, {**arguments, "source": ASKED}))
        if given.prior and prior:
            cells += _on_weights(run, given, feeding, given.prior, prior, images)
        return cells

    def _on_weights(
        run: Run, given: Given, feeding: Feeding, drawing: Prior, prior: Path, images: "_Images"
    ) -> list[Cell]:
        """The cells of the attack with a prior, once what they read is there."""
        side = RadiographSettings(side=drawing.side)
        if given.public and demographics and not groups_file(run, OWN).exists():
            write_own(run, images.of(given.public, given.public.cases, side), *demographics)
        if given.against and not groups_file(run, AGAINST).exists():
            write_groups(run, AGAINST, _groups(run, _in_order(given, feeding), images, side))
        attacks = attack_cells(
            TARGET,
            Aim(checkpoint.resolve(), feeding.input_range, prior.resolve(), AGAINST if given.against else None),
            given.methods,
            attackable(settings, given),
            needs=(DEMOGRAPHICS,) if given.public else (),
        )
        cells = [demographics_of(settings), *attacks] if given.public else attacks
        members = len(given.against.groups["members"]) if given.against else 0
        loads = {TARGET: load_of(given.access.target, feeding.input_range, members)}
        if not asked.quiet:
            foretell(run, settings, cells, asked.workers, loads=loads, side=drawing.side)
        return cells

    def concluded(run: Run, cells: Cells) -> Results:
        feeding = kept_feeding(run)
        assert feeding
        asking = Asking(
            checkpoint=checkpoint,
            prior=prior,
            given=_in_order(given, feeding),
            feeding=feeding,
            demographics=sum(demographics, ()) if demographics else (),
            population=population,
            population_words=population_words,
            sources=(*((ASKED,) if given.against else ()), *((AGAINST,) if given.against and prior else ())),
        )
        return conclude_checkpoint(run, cells, settings, asked.command, asking)

    brought_in = {"public": given.public, "against": given.against and given.against.cohort}
    cohorts = {name: cohort for name, cohort in brought_in.items() if cohort}
    return carry_out(STUDY, asked, config, prepare, concluded, passing=(), drawn=DRAWN, cohorts=cohorts)


class _Images:
    """Radiographs for one run, prepared in its cache."""

    def __init__(self, run: Run, cache: Path | None, asked: Asked) -> None:
        self._run, self._cache, self._asked = run, cache, asked

    def of(self, cohort: Cohort, cases: tuple[Case, ...], settings: RadiographSettings) -> Radiographs:
        return prepare_radiographs(
            replace(cohort, cases=cases),
            settings,
            cache=self._cache,
            # Other processes take longer to start than few radiographs to be read.
            workers=self._asked.workers if len(cases) >= MANY else 1,
            quiet=self._asked.quiet,
            announce=self._run.keep_note_of,
        )


def _feeding(given: Given, settings: CheckpointSettings, images: _Images) -> Feeding:
    """How the target takes images, by some of those at hand: the owner's, the attacker's, or what the prior draws."""
    answers = Answers(None, "")
    if given.against:
        # The same share of members and of non-members: what is chosen on them then favours neither.
        cases = _spread(given.against.cases, LOOKED_AT)
        if given.answers.labels is not None:
            place = {id(case): i for i, case in enumerate(given.against.cases)}
            answers = replace(given.answers, labels=given.answers.labels[[place[id(case)] for case in cases]])
        cohort = given.against.cohort
    elif given.public:
        cohort, cases = given.public, _spread(given.public.cases, LOOKED_AT)
    else:
        assert given.prior
        latents = draw_latents(given.prior.generator, LOOKED_AT, Seeds(settings.seed).child("input").torch())
        views = {next(iter(VIEWS)): draw_images(given.prior.generator, latents)}
    if given.against or given.public:
        side = given.size or _own_side(cases)
        views = {
            name: torch.from_numpy(images.of(cohort, cases, RadiographSettings(side=side, percentiles=greys)).images)
            for name, greys in VIEWS.items()
        }
    return feeding_of(
        given.access,
        given.described,
        views,
        answers,
        size=given.size,
        given=settings.normalisation,
    )


def _own_side(cases: tuple[Case, ...]) -> int:
    """The longest side of these radiographs in pixels, at most `LARGEST`: enlarged and made small again to the size of the
    training they would be blurred, and lie off where they fit best."""
    return min(LARGEST, max(max(read_radiograph(case.image).pixels.shape) for case in cases))


def _ordered(given: Given, feeding: Feeding, images: _Images) -> Feeding:
    """With the order of two classes that fits the answers about all patients of the owner."""
    assert given.against and given.answers.labels is not None
    own = torch.from_numpy(images.of(given.against.cohort, given.against.cases, _as_taken(feeding)).images)
    logits = predict_logits(given.access.target, own, feeding.input_range)
    return in_order(feeding, logits.numpy(), given.answers.labels)


def _as_taken(feeding: Feeding) -> RadiographSettings:
    return RadiographSettings(side=feeding.input_range.size, percentiles=VIEWS[feeding.view])


def _in_order(given: Given, feeding: Feeding) -> Given:
    """With both classes in the order that fits the target's answers, where nobody told it."""
    return replace(given, answers=given.answers.reversed()) if feeding.reversed else given


def _spread(cases: tuple[Case, ...], most: int) -> tuple[Case, ...]:
    """At most so many of `cases`, evenly from the whole list."""
    return tuple(cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, min(most, len(cases))).astype(int)))


def _groups(run: Run, given: Given, images: _Images, settings: RadiographSettings) -> dict[str, Group]:
    """Members and non-members as images of `settings`, by pseudonym, with their answers."""
    against: Against | None = given.against
    assert against
    prepared = images.of(against.cohort, against.cases, settings).images
    labels, count = given.answers.labels, len(against.groups["members"])
    found = {}
    for name, places in (("members", range(count)), ("non_members", range(count, len(prepared)))):
        cases = [against.cases[i] for i in places]
        found[name] = Group(
            prepared[list(places)],
            tuple(run.pseudonym(f"{AGAINST} {case.patient}") for case in cases),
            np.full(len(cases), -1) if labels is None else labels[list(places)].astype(np.int64),
            np.array([np.nan if case.age is None else case.age for case in cases]),
            tuple(case.sex or "" for case in cases),
        )
    return found


def _deal(public: Cohort, settings: CheckpointSettings) -> tuple[tuple[str, ...], tuple[str, ...]]:
    seeds = Seeds(settings.seed).child("split", "public")
    return split_for_demographics(public.cases, seeds=seeds, validation=settings.demographics_validation)
