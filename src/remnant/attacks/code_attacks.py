"""How much the attacks on codes take, all of them together, and their presets."""

from typing import Literal

from remnant.attacks.code_attributes import CODE_ATTRIBUTES, CodeAttributeSettings
from remnant.attacks.code_inversion import CODE_INVERSION, CodeInversionSettings
from remnant.attacks.verification import VERIFICATION, VerificationSettings
from remnant.base.config import Settings
from remnant.base.presets import preset_file

Preset = Literal["smoke", "cpu", "paper"]


class CodeAttacks(VerificationSettings):
    """`redraw` is the inversion decoder, `people` reads age and sex; what else there is, is of the adversaries of pairs."""

    redraw: CodeInversionSettings = CodeInversionSettings()
    people: CodeAttributeSettings = CodeAttributeSettings()

    def by_name(self) -> dict[str, Settings]:
        """The settings of each attack of the list."""
        return {VERIFICATION.name: self, CODE_INVERSION.name: self.redraw, CODE_ATTRIBUTES.name: self.people}


def code_attacks(preset: str) -> CodeAttacks:
    """Those of a preset, a file in `presets`; raises `RemnantError` for one that there is not."""
    return CodeAttacks().with_toml(preset_file(__file__, preset))
