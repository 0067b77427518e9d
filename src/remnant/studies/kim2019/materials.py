"""What the audit of one variant works on: the study's scans, and the networks that send and segment them."""

from collections.abc import Sequence
from pathlib import Path

from remnant.audit.materials.code_material import material_of
from remnant.audit.materials.material import Material
from remnant.base.run import Run
from remnant.base.store import kept
from remnant.cohort.images import Images
from remnant.defenses.privacynet.networks import load_discriminator
from remnant.defenses.privacynet.view import View
from remnant.studies.kim2019.settings import StudySettings

# The cohort that networks are trained and attacked on.
STUDY = "study"


def scans_file(run: Run, cohort: str = STUDY) -> Path:
    """Where the prepared scans of a cohort lie."""
    return run.private / "scans" / f"{cohort}-images.npz"


def kept_scans(run: Run, cohort: str = STUDY) -> Images:
    """They; raises `RemnantError` where they are missing or damaged."""
    return kept(scans_file(run, cohort), Images)


def material(run: Run, variant: str, settings: StudySettings, second: Sequence[str] = ()) -> Material:
    """What an audit of the networks in RUN/checkpoints/<variant> works on, with the scans of `second` cohorts."""
    folder = run.checkpoints / variant
    return material_of(
        View.load(folder),
        load_discriminator(folder),
        kept_scans(run),
        settings.attack,
        settings.attack.worth,
        settings.seed,
        second={name: kept_scans(run, name) for name in second},
        model={"name": variant},
    )
