"""Radiographs of a folder, as tests read them."""

from remnant.cohort.layouts.read import read_cohort
from remnant.cohort.prepare.radiographs import RadiographSettings, prepare_radiographs


def read_radiographs(directory, side, **how):
    """All of a cohort, `side` pixels square; `how` as `prepare_radiographs` takes it."""
    return prepare_radiographs(read_cohort(directory), RadiographSettings.checked(side=side), **how)
