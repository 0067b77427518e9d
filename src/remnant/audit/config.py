"""`audit.toml`: everything about an audit that its owner decides, read once and written into the run."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pydantic

from remnant.audit.verdict.appetite import Appetite
from remnant.audit.verdict.scenario import Name
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.texts import enumerated

# What the settings say of a network that its owner builds and trains.
OF_A_FOLDER = {
    "target": ("build", "arguments", "checkpoint", "version_before", "window"),
    "prior": ("file", "mean", "std"),
    "shadows": ("count", "doses", "early", "shared", "precision"),
}


class About(Settings):
    """`[about]`: what only the owner of the model knows. It stands on the decision sheet as it is; what is empty is a line to
    fill in by hand. `criterion_set_on`: a day, before the audit."""

    model: str = ""
    version: str = ""
    purpose: str = ""
    recipient: str = ""
    cohort: str = ""
    criterion_set_on: str = ""
    residual_risk: str = ""
    valid_until: str = ""
    new_test_when: str = ""
    retention: str = ""
    contact: str = ""

    @pydantic.field_validator("criterion_set_on", mode="before")
    @classmethod
    def _of_the_past(cls, value: Any) -> Any:
        if not value:
            return value
        try:
            day = date.fromisoformat(str(value))
        except ValueError:
            raise ValueError("must be a day, as 2026-01-31") from None
        if day > datetime.now(UTC).date():
            raise ValueError("must not lie in the future")
        return day.isoformat()


class TargetConfig(Settings):
    """`[target]`: the network. Paths are relative to the folder of audit.toml.

    `build`: a function of target.py, or "library:architecture" with its `arguments`. `checkpoint`: the weights, where build does
    not load them. `version_before`: the weights of an earlier version, to ask who was added since. `window`: voxels of a sliding
    window, for scans that do not pass whole. `latents`: the module whose output the recipient sees, by default the narrowest.
    `batch`: images that pass together.
    `planted_steps`: at most so many steps plant the positive control. `seconds`: how long build may take, and each item of
    data().
    """

    build: str = "build"
    arguments: dict[str, Any] = pydantic.Field(default_factory=dict)
    checkpoint: Path | None = None
    version_before: Path | None = None
    window: tuple[pydantic.PositiveInt, ...] | None = None
    latents: str | None = None
    batch: int = pydantic.Field(8, ge=1)
    planted_steps: int = pydantic.Field(400, ge=0)
    seconds: float = pydantic.Field(600, gt=0)


class ShadowConfig(Settings):
    """`[shadows]`, where target.py has train(): it makes `count` networks of known halves of the patients, 0 for none. `doses`:
    four of these once more by half of the training, and four by three times of it. `early`: no more than eight, where by
    these the verdict can no longer change. `shared`: a folder in which audits of the same training share them, relative to
    that of audit.toml; None for none. `precision`: "own" as train() computes, "bfloat16" by autocast where matrix units make
    that pay."""

    count: int = pydantic.Field(8, ge=0, le=512)
    doses: bool = False
    early: bool = True
    shared: Path | None = None
    precision: Literal["own", "bfloat16"] = "own"

    @pydantic.field_validator("count")
    @classmethod
    def _of_whole_swaps(cls, count: int) -> int:
        # Two a swap, and two swaps at the least: the network of the other half is no reference for its own swap.
        if count % 2 or count == 2:
            raise ValueError(
                "must be 0, or an even number from 4 on: two networks for each deal of the patients to halves"
            )
        return count


class PriorConfig(Settings):
    """`[prior]`: the generator with which images are drawn from the model's weights.

    `file`: by `remnant prior train` or `import`. `mean` and `std`: by which the images of data() are normalised, a number or one
    a channel.
    """

    file: Path | None = None
    mean: tuple[float, ...] = (0.0,)
    std: tuple[pydantic.PositiveFloat, ...] = (1.0,)


class AuditConfig(Settings):
    """All tables of audit.toml that every kind of audit has.

    `scenario`: what the recipient sees. `seed`: the root of every random number. `minutes`: attacks that do not fit into so many
    are left out, and fewer shadow models trained; None for none. `base_rate`: of those whom a recipient may ask about, the share
    who trained the model; None where nobody has said.
    """

    scenario: Name = "checkpoint"
    seed: int = pydantic.Field(0, ge=0)
    minutes: float | None = pydantic.Field(None, gt=0)
    base_rate: float | None = pydantic.Field(None, gt=0, lt=1)
    target: TargetConfig = TargetConfig()
    shadows: ShadowConfig = ShadowConfig()
    prior: PriorConfig = PriorConfig()
    appetite: Appetite = Appetite()
    about: About = About()


def config_of(path: Path | None, *, scenario: Name, **given: float | None) -> AuditConfig:
    """The settings of the file `path`, or the defaults; `scenario` where the file has none, what is `given` above the file.

    Raises `RemnantError` naming the file and the key that does not fit.
    """
    config = AuditConfig(scenario=scenario)
    if path:
        config = config.with_toml(path)
    return config.changed(**_said(given))


def what_fits_of(path: Path, *, scenario: Name, **given: float | None) -> tuple[AuditConfig, list[str]]:
    """The same of what fits of the file, and a sentence for each setting that does not.

    Raises `RemnantError` for a file that is no TOML.
    """
    config, faults = AuditConfig(scenario=scenario).with_what_fits(path)
    return config.changed(**_said(given)), faults


def _said(given: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in given.items() if value is not None}


def require_no_network(config: AuditConfig) -> None:
    """Raise `RemnantError` for settings of a network that its owner builds and trains, where the network is another's."""
    default = AuditConfig()
    said = [
        f"{table}.{name}"
        for table, names in OF_A_FOLDER.items()
        for name in names
        if getattr(getattr(config, table), name) != getattr(getattr(default, table), name)
    ]
    if said:
        raise RemnantError(
            f"{enumerated(said)} of the configuration {'is' if len(said) == 1 else 'are'} for `remnant audit` of a folder; leave "
            "out what the files and the options of this command say."
        )
