"""Canaries: patients who are in no number, and train some of the shadow models with exchanged labels."""

from collections.abc import Mapping
from dataclasses import dataclass

from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.measure.swaps import dealt_halves


@dataclass(frozen=True)
class Canaries:
    """`images` of patients who are in no other number, under exchanged labels; `label_of`: by the place of an item among the
    owner's the place of that whose label it is given. `seed`: the root of who they are, and of which networks they train."""

    images: Images
    label_of: Mapping[int, int]
    seed: int

    @property
    def patients(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(self.images.patients))

    def training(self, number: int) -> tuple[str, ...]:
        """Half of them, who train the shadow model of this number: of each two networks the one half, then the other."""
        draw = Seeds(self.seed).child("shadows", "canaries", number // 2).numpy()
        inside = dealt_halves(len(self.patients), 1, draw)[:, number % 2]
        return tuple(patient for patient, one in zip(self.patients, inside, strict=True) if one)
