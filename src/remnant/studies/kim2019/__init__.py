"""Kim 2019: Privacy-Net trained, evaluated and attacked."""

from remnant.studies.kim2019.settings import StudySettings, preset
from remnant.studies.kim2019.study import run_study

__all__ = ["StudySettings", "preset", "run_study"]
