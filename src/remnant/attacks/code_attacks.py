"""How much the attacks on codes take, all of them together, and their presets."""

from typing import Literal

from remnant.attacks.people import PEOPLE, PeopleSettings
from remnant.attacks.redraw import REDRAW, RedrawSettings
from remnant.attacks.verification import VERIFICATION, VerificationSettings
from remnant.base.config import Settings
from remnant.base.presets import preset_file

Preset = Literal["smoke", "cpu", "paper"]


class CodeAttacks(VerificationSettings):
    """`redraw` is the inversion decoder, `people` reads age and sex; what else there is, is of the adversaries of pairs."""

    redraw: RedrawSettings = RedrawSettings()
    people: PeopleSettings = PeopleSettings()

    def by_name(self) -> dict[str, Settings]:
        """The settings of each attack of the list."""
        return {VERIFICATION.name: self, REDRAW.name: self.redraw, PEOPLE.name: self.people}


def code_attacks(preset: str) -> CodeAttacks:
    """Those of a preset, a file in `presets`; raises `RemnantError` for one that there is not."""
    return CodeAttacks().with_toml(preset_file(__file__, preset))
