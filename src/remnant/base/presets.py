"""Presets: settings under a name, a TOML file each in the folder `presets` beside the module whose settings they are."""

from pathlib import Path

from remnant.base.errors import RemnantError

# From seconds to hours, as help and errors name them.
ORDER = ("smoke", "demo", "cpu", "paper")


def preset_file(module: str, name: str) -> Path:
    """The file of a preset; `module` is the `__file__` of who asks. Raises `RemnantError` for one that there is not."""
    folder = Path(module).parent / "presets"
    names = [one for one in ORDER if (folder / f"{one}.toml").is_file()]
    if name not in names:
        raise RemnantError(f"The preset must be one of {', '.join(names)}. Got {name!r} instead.")
    return folder / f"{name}.toml"
