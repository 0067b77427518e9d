"""Presets: a file each, named in their order where somebody asks for another."""

import pytest
from tests.manual import ROOT

from remnant.attacks.code_attacks import code_attacks
from remnant.base.errors import RemnantError
from remnant.base.presets import ORDER, preset_file
from remnant.defenses.privacynet.settings import privacynet_preset
from remnant.studies import kim2019, lee2025, subbanna2021

PRESETS = {
    "attacks": code_attacks,
    "studies/subbanna2021": subbanna2021.preset,
    "studies/lee2025": lee2025.preset,
    "studies/kim2019": kim2019.preset,
    "defenses/privacynet": privacynet_preset,
}
FILES = sorted((ROOT / "src" / "remnant").rglob("presets/*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_file_is_a_preset_of_somebody(path):
    folder = path.parent.parent.relative_to(ROOT / "src" / "remnant").as_posix()
    found = PRESETS[folder](path.stem)
    assert getattr(found, "preset", path.stem) == path.stem in ORDER


@pytest.mark.parametrize("folder", PRESETS)
def test_an_unknown_preset_is_told_beside_those_that_there_are(folder):
    names = [name for name in ORDER if (ROOT / "src/remnant" / folder / "presets" / f"{name}.toml").exists()]
    with pytest.raises(RemnantError, match=rf"must be one of {', '.join(names)}\. Got 'large' instead\."):
        PRESETS[folder]("large")


def test_a_folder_without_presets_has_none(tmp_path):
    with pytest.raises(RemnantError):
        preset_file(str(tmp_path / "module.py"), "cpu")
