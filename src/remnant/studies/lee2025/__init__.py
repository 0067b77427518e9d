"""Lee 2025: a prior tuned to a classifier's checkpoint, in two stages, and what that leaks of the training patients."""

from remnant.studies.lee2025.settings import StudySettings, preset
from remnant.studies.lee2025.study import run_study

__all__ = ["StudySettings", "preset", "run_study"]
