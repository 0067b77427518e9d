"""A cohort of phantoms: so many patients, so many sessions each, at one size."""

from typing import NamedTuple

import numpy as np
from pydantic import Field

from remnant import __version__
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.texts import counted
from remnant.cohort.phantoms import anatomy, render, session
from remnant.cohort.phantoms.labels import OUTSIDE_BRAIN, STRUCTURES

README = """Phantom brains

{patients} people who never lived, {each} each, drawn by Remnant {version} from seed {seed}.
Images are T1-like ({side} voxels a side, {skull} skull); dseg.tsv names the values of the label maps.
Age and sex change the anatomy in a known way; see remnant.cohort.phantoms.anatomy.
"""


class PhantomScan(NamedTuple):
    """One scan: image float32 (x, y, z) of whole numbers in arbitrary units, labels int16 (x, y, z), affine
    (4, 4) to RAS+ mm, age in years at the scan, sex; None where a person has none."""

    image: np.ndarray
    labels: np.ndarray
    affine: np.ndarray
    age: float | None
    sex: str | None


class BrainPhantoms(Settings):
    """People drawn from `seed`: the same numbers give the same bytes, and a person is the same at any `side`.

    `side` is the number of voxels of the cube that the head fits in: 192 mm wide without skull (3 mm at 64),
    240 mm with.
    """

    patients: int = Field(ge=1, default=24)
    sessions: int = Field(ge=1, default=1)
    side: int = Field(ge=16, le=256, default=64)
    skull: bool = False
    seed: int = 0

    def patient(self, number: int) -> anatomy.Anatomy:
        """Person `number` (from 0); raise `RemnantError` beyond the cohort."""
        self._check(number, self.patients, "patient")
        return anatomy.draw(self.seed, number)

    def scan(self, patient: int, session_number: int = 0) -> PhantomScan:
        """Scan `session_number` (from 0) of person `patient` (from 0); raise `RemnantError` beyond the
        cohort.
        """
        person = self.patient(patient)
        self._check(session_number, self.sessions, "session")
        visit = session.draw(self.seed, patient, session_number, person)
        image, labels, affine = render.render(person, visit, self.side, self.skull)
        return PhantomScan(image, labels, affine, round(person.age + visit.years, 1), person.sex)

    def participant(self, number: int) -> tuple[str, str, str]:
        """Id, age and sex of person `number` (from 0)."""
        person = self.patient(number)
        return f"{number + 1:04d}", str(person.age), person.sex

    @property
    def structures(self) -> list[tuple[int, str, str, str]]:
        """Value, name and classes of every label that is drawn."""
        return [structure[:4] for structure in STRUCTURES if self.skull or structure.index < OUTSIDE_BRAIN]

    @property
    def title(self) -> str:
        return "Phantom brains"

    @property
    def readme(self) -> str:
        skull = "with" if self.skull else "without"
        words = {"version": __version__, "skull": skull, "each": counted(self.sessions, "scan")}
        return README.format(**(self.resolved() | words))

    @staticmethod
    def _check(number: int, count: int, what: str) -> None:
        if not 0 <= number < count:
            raise RemnantError(f"The {what} of a phantom must be from 0 to {count - 1}. Got {number} instead.")
