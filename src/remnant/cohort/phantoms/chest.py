"""A cohort of phantom chests: so many patients, so many radiographs each, at one size."""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from remnant import __version__
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.phantoms import chest_anatomy, chest_render, chest_visit

CARDIOMEGALY, NO_FINDING = "Cardiomegaly", "No Finding"
README = """Phantom chests

{patients} people who never lived, {each} each, drawn by Remnant {version} from seed {seed}.
8-bit grey PNG, {side} pixels a side, a field of 350 mm. manifest.csv has a row an image; `finding` is Cardiomegaly or No Finding.
Age, sex and the size of the heart change the picture in a known way; see remnant.cohort.phantoms.chest_anatomy.
"""


class Chest(NamedTuple):
    """One radiograph: `image` float32 (side, side) in [0, 1], bone bright, age in years at the visit, sex, view ("PA" or
    "AP"), and whether the heart is large."""

    image: np.ndarray
    age: float
    sex: str
    view: str
    large_heart: bool

    @property
    def finding(self) -> str:
        return CARDIOMEGALY if self.large_heart else NO_FINDING


class ChestPhantoms(Settings):
    """People drawn from `seed`: the same numbers give the same bytes, and a person is the same at any `side` (in pixels)."""

    patients: int = Field(ge=1, default=24)
    sessions: int = Field(ge=1, default=1)
    side: int = Field(ge=16, le=1024, default=64)
    seed: int = 0

    def patient(self, number: int) -> chest_anatomy.Thorax:
        """Person `number` (from 0); raise `RemnantError` beyond the cohort."""
        self._check(number, self.patients, "patient")
        return chest_anatomy.draw(self.seed, number)

    def scan(self, patient: int, session_number: int = 0) -> Chest:
        """Radiograph `session_number` (from 0) of person `patient` (from 0); raise `RemnantError` beyond the cohort."""
        person = self.patient(patient)
        self._check(session_number, self.sessions, "session")
        visit = chest_visit.draw(self.seed, patient, session_number)
        image = chest_render.render(person, visit, self.side)
        return Chest(image, round(person.age + visit.years, 1), person.sex, visit.view, person.large_heart)

    @property
    def readme(self) -> str:
        return README.format(**self.resolved(), each=counted(self.sessions, "frontal radiograph"), version=__version__)

    @staticmethod
    def _check(number: int, count: int, what: str) -> None:
        if not 0 <= number < count:
            raise RemnantError(f"The {what} of a phantom must be from 0 to {count - 1}. Got {number} instead.")
