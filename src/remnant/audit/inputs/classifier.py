"""The audit of a stranger's classifier, from its checkpoint and a cohort of radiographs."""

import tempfile
from pathlib import Path

from remnant.attacks.checkpoint.feeding import keep_feeding, kept_feeding
from remnant.audit.config import AuditConfig
from remnant.audit.inputs.classifier_given import ClassifierInputs, read_given
from remnant.audit.inputs.classifier_images import Preparing, feeding_by
from remnant.audit.inputs.classifier_material import material_of
from remnant.audit.inputs.classifier_tables import beside
from remnant.audit.materials.material import Material
from remnant.audit.run.conduct import go_on
from remnant.audit.run.results import Clock
from remnant.base.findings import AuditResults
from remnant.base.run import Run
from remnant.cohort.notes import log_notes
from remnant.cohort.unchanged import require_unchanged


def audit_classifier(
    inputs: ClassifierInputs,
    config: AuditConfig,
    out: Path,
    *,
    cache: Path | None = None,
    workers: int = 1,
    command: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> AuditResults:
    """Audit the classifier of `inputs` in the run directory `out` and leave results.json there.

    `cache`: where prepared radiographs are kept, by default the user's. Raises `RemnantError` for what does not serve, before
    there is a run, and for a directory that is taken, or a run that was begun with anything else.
    """
    clock = Clock()
    Run.free(out, "audit", resume=resume)
    given = read_given(inputs, config.seed)
    settings = {**config.resolved(), **inputs.settings()}
    with Run.start(out, "audit", settings, resume=resume, changing=("minutes",)) as run:
        require_unchanged(run, given.cohorts, quiet=quiet)
        log_notes(run, *given.cohorts.values())
        preparing = Preparing(cache, workers, quiet, run.keep_note_of)
        feeding = kept_feeding(run)
        if not feeding:
            feeding = feeding_by(given, preparing)
            keep_feeding(run, feeding)
        material, more = material_of(given, feeding, preparing), beside(given, feeding)
        return go_on(run, material, config, clock, command=command, quiet=quiet, beside=more)


def material_to_look_at(
    inputs: ClassifierInputs, config: AuditConfig, *, cache: Path | None, workers: int = 1, quiet: bool = False
) -> Material:
    """The material without an audit; without a `cache` nothing of it is kept. Raises as `audit_classifier` does."""
    given = read_given(inputs, config.seed)
    with tempfile.TemporaryDirectory() as folder:
        preparing = Preparing(cache or Path(folder), workers, quiet)
        return material_of(given, feeding_by(given, preparing), preparing)
