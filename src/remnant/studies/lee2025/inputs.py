"""What the study works on: both cohorts' images as a run prepares them, and what the preset `smoke` makes of its own."""

from pathlib import Path

from remnant.attacks.prior import PriorSettings, prior_settings, train_prior
from remnant.base.run import Run
from remnant.cohort.case import Cohort
from remnant.cohort.images import Images
from remnant.cohort.notes import log_notes
from remnant.cohort.phantoms import ChestPhantoms, write_manifest
from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs
from remnant.studies.frame import RunOptions, phantom_cohort
from remnant.studies.lee2025.settings import StudySettings
from remnant.studies.lee2025.sources import StudyPatients

# What the smoke preset runs on where nothing is given.
SMOKE = {
    "private": ChestPhantoms(patients=36, sessions=1, side=32, seed=1),
    "public": ChestPhantoms(patients=40, sessions=1, side=32, seed=2),
}
SMOKE_PRIOR = 32  # images that its discriminator is shown at each side


def phantoms_of(run: Run, name: str, quiet: bool) -> Cohort:
    def write(out: Path) -> None:
        # In this process: workers take longer to start than these to be drawn.
        write_manifest(SMOKE[name], out, quiet=quiet)

    return phantom_cohort(run, write, f"phantoms-{name}")


def prepared_images(
    run: Run, cohort: Cohort, settings: StudySettings, cache: Path | None, options: RunOptions
) -> Images:
    log_notes(run, cohort)
    return prepare_radiographs(
        cohort,
        RadiographSettings(side=settings.side),
        cache=cache,
        workers=options.workers,
        quiet=options.quiet,
        # Noted before they are made, so that `purge` finds them whenever the work is stopped.
        announce=run.keep_note_of,
    )


def smoke_prior(
    run: Run, cohort: Cohort, dealt: StudyPatients, settings: StudySettings, cache: Path | None, options: RunOptions
) -> Path:
    """A prior of the attacker's half in a run of its own; a few steps, to see that all parts work together."""
    own = prepared_images(run, cohort.of(dealt.attackers), settings, cache, options)
    return train_prior(
        own.images.numpy(),
        _few_steps(prior_settings("smoke", settings.side)),
        run.private / "prior",
        resume=True,
        quiet=options.quiet,
        patients=dealt.attackers,
    )


def _few_steps(settings: PriorSettings) -> PriorSettings:
    return settings.changed(images=(SMOKE_PRIOR,) * len(settings.images))
