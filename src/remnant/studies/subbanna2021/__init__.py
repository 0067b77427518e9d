"""Subbanna et al. 2021: an inversion decoder against 3D segmentation encoders, doi:10.3390/s21113874."""

from remnant.studies.subbanna2021.settings import StudySettings, preset
from remnant.studies.subbanna2021.study import run_study

__all__ = ["StudySettings", "preset", "run_study"]
