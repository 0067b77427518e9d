"""Radiographs of a folder, as tests read them."""

from remnant.cohort.radiograph.prepare import RadiographSettings, prepare_radiographs
from remnant.cohort.read import read_cohort


def read_radiographs(directory, side, **how):
    """All of a cohort, `side` pixels square; `how` as `prepare_radiographs` takes it."""
    return prepare_radiographs(read_cohort(directory), RadiographSettings.checked(side=side), **how)
